"""DMARC (RFC 9989) as values: parse a record, find the one that applies, and write a first one."""

from domain.mail.dmarc.record import Policy, Record, parse, records, remarks, template, weaker
from domain.mail.dmarc.reports import remarks as about_reports
from domain.mail.dmarc.tree import Found, NoRecord, ancestors, misplaced, walk

__all__ = [
    "Found",
    "NoRecord",
    "Policy",
    "Record",
    "about_reports",
    "ancestors",
    "misplaced",
    "parse",
    "records",
    "remarks",
    "template",
    "walk",
    "weaker",
]
