"""SPF (RFC 7208) as values: parse a record, look through its tree, check a message, judge it, add what is missing.

`parse` and `render` are exact opposites; `examine` and `check_host` ask for what they need; `judge` gives the verdict;
`repaired` proposes.
"""

from domain.mail.spf.check import Result, check_host
from domain.mail.spf.macros import CheckedMessage
from domain.mail.spf.record import Record, decode, parse, records, render, split
from domain.mail.spf.repair import CannotRepair, NothingToRepair, Proposal, other_terms, repaired
from domain.mail.spf.terms import Mechanism, Modifier, Term
from domain.mail.spf.tree import AddressGrant, Examined, examine
from domain.mail.spf.verdict import (
    Broken,
    MissingIncludes,
    NoRecord,
    Ok,
    SpfJudgement,
    Verdict,
    Width,
    judge,
    width,
)

__all__ = [
    "AddressGrant",
    "Broken",
    "CannotRepair",
    "CheckedMessage",
    "Examined",
    "Mechanism",
    "MissingIncludes",
    "Modifier",
    "NoRecord",
    "NothingToRepair",
    "Ok",
    "Proposal",
    "Record",
    "Result",
    "SpfJudgement",
    "Term",
    "Verdict",
    "Width",
    "check_host",
    "decode",
    "examine",
    "judge",
    "other_terms",
    "parse",
    "records",
    "render",
    "repaired",
    "split",
    "width",
]
