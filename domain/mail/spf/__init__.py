"""SPF (RFC 7208) as values: parse a record, look through its tree, judge it, and add what is missing.

`parse` and `render` are exact opposites; `examine` asks for what it needs; `compare` judges; `repaired` proposes.
"""

from domain.mail.spf.record import Record, decode, parse, records, render, split
from domain.mail.spf.repair import CannotRepair, NothingToRepair, Proposal, Repaired, repair, repaired
from domain.mail.spf.terms import Mechanism, Modifier, Term
from domain.mail.spf.tree import Examined, Reached, examine
from domain.mail.spf.verdict import Advisory, Broken, Missing, NoRecord, Ok, Parked, Verdict, compare

__all__ = [
    "Advisory",
    "Broken",
    "CannotRepair",
    "Examined",
    "Mechanism",
    "Missing",
    "Modifier",
    "NoRecord",
    "NothingToRepair",
    "Ok",
    "Parked",
    "Proposal",
    "Reached",
    "Record",
    "Repaired",
    "Term",
    "Verdict",
    "compare",
    "decode",
    "examine",
    "parse",
    "records",
    "render",
    "repair",
    "repaired",
    "split",
]
