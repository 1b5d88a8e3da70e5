"""SPF (RFC 7208) as values: parse a record, look through its tree, check a message, judge it, add what is missing.

`parse` and `render` are exact opposites; `examine` and `check_host` ask for what they need; `judge` gives the verdict;
`repaired` proposes.
"""

from domain.mail.spf.check import Result, check_host
from domain.mail.spf.macros import Message
from domain.mail.spf.record import Record, decode, parse, records, render, split
from domain.mail.spf.repair import CannotRepair, NothingToRepair, Proposal, repaired
from domain.mail.spf.terms import Mechanism, Modifier, Term
from domain.mail.spf.tree import Examined, Grant, examine
from domain.mail.spf.verdict import Broken, Judged, Missing, NoRecord, Ok, Verdict, judge

__all__ = [
    "Broken",
    "CannotRepair",
    "Examined",
    "Grant",
    "Judged",
    "Mechanism",
    "Message",
    "Missing",
    "Modifier",
    "NoRecord",
    "NothingToRepair",
    "Ok",
    "Proposal",
    "Record",
    "Result",
    "Term",
    "Verdict",
    "check_host",
    "decode",
    "examine",
    "judge",
    "parse",
    "records",
    "render",
    "repaired",
    "split",
]
