"""DMARC (RFC 9989) as values: parse a record, and find the one that applies."""

from domain.mail.dmarc.record import Record, parse, records, remarks
from domain.mail.dmarc.reports import report_remarks
from domain.mail.dmarc.tree import Found, NoRecord, ancestors, misplaced, walk

__all__ = [
    "Found",
    "NoRecord",
    "Record",
    "ancestors",
    "misplaced",
    "parse",
    "records",
    "remarks",
    "report_remarks",
    "walk",
]
