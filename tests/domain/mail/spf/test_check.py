"""check_host() against the RFC 7208 test suite (data/rfc7208.json, licence beside it), and what it asks for.

The suite's explanations (`exp`) are left out: Holdfast refuses no mail, so it has nobody to explain it to.
"""

import json
from ipaddress import IPv6Address, ip_address
from pathlib import Path

import pytest

from domain.mail import spf
from domain.mail.answers import Absent, DnsAnswer, Mx, Present, Question, Txt, Unclear
from domain.mail.asking import Needs, NoVerdict
from tests.domain.mail.zones import NOW, Zone, answer, mx, settle, txt, unclear
from tests.domain.mail.zones import spf as records

SUITE = json.loads((Path(__file__).parent / "data/rfc7208.json").read_text())
CASES = [
    pytest.param(scenario["zonedata"], case, id=name)
    for scenario in SUITE
    for name, case in sorted(scenario["tests"].items())
]


class Scenario:
    """A scenario's zone data. A name's TIMEOUT answers every type that it does not list (the suite's convention)."""

    def __init__(self, data):
        self._data = {name.lower(): entries for name, entries in data.items()}

    def answer(self, question):
        name = question.name
        for _ in range(9):
            entries = self._data.get(name, [])
            listed = [entry for entry in entries if entry != "TIMEOUT"]
            found = [value for entry in listed for kind, value in entry.items() if kind == question.type]
            if question.type == "TXT" and not found:
                found = [entry["SPF"] for entry in listed if "SPF" in entry]
            found = [value for value in found if value != "NONE"]
            if found:
                return Present(tuple(_value(question.type, each) for each in found), 300, NOW)
            if "TIMEOUT" in entries:
                return Unclear("time-out", NOW)
            aliases = [entry["CNAME"] for entry in listed if "CNAME" in entry]
            if not aliases:
                return Absent(bool(entries), 60, NOW)
            name = aliases[0].lower()
        return Unclear("a loop of aliases", NOW)


def _value(kind, value):
    if kind == "MX":
        return Mx(value[0], value[1].rstrip(".").lower())
    if kind == "TXT":
        return Txt(tuple(each.encode("latin-1") for each in ([value] if isinstance(value, str) else value)))
    return str(ip_address(value)) if kind in {"A", "AAAA"} else value.rstrip(".").lower()


def message(case):
    ip = ip_address(case["host"])
    ip = (isinstance(ip, IPv6Address) and ip.ipv4_mapped) or ip
    return spf.CheckedMessage(ip, case["mailfrom"] or f"postmaster@{case['helo']}", case["helo"])


@pytest.mark.parametrize(("data", "case"), CASES)
def test_the_rfcs_test_suite_passes(data, case):
    zone, given = Scenario(data), message(case)
    answers: dict[Question, DnsAnswer] = {}
    while isinstance(found := spf.check_host(given, given.sender_domain, answers), Needs):
        assert not answers.keys() & set(found.questions)
        answers |= {question: zone.answer(question) for question in found.questions}
    wanted = case["result"] if isinstance(case["result"], list) else [case["result"]]
    assert ("temperror" if isinstance(found, NoVerdict) else found) in wanted


def test_the_suite_is_whole():
    assert len(CASES) == 203


CLIENT = ip_address("198.18.0.1")
MESSAGE = spf.CheckedMessage(CLIENT, "postmaster@contoso.example", "contoso.example")


def check(zone, message=MESSAGE, asked=None):
    return settle(lambda answers: spf.check_host(message, "contoso.example", answers), zone, asked)


def test_only_what_decides_is_asked_for_term_by_term():
    zone = records({"contoso.example": "v=spf1 a:x.example ip4:198.18.0.0/24 include:never.example -all"})
    asked: list[Question] = []
    assert check(zone, asked=asked) == "pass"
    assert asked == [Question("contoso.example", "TXT"), Question("x.example", "A")]


def test_the_hosts_of_an_mx_are_asked_for_in_one_round():
    zone = records({"contoso.example": "v=spf1 mx -all"}) | {
        ("contoso.example", "MX"): mx((1, "a.example"), (2, "b.example"))
    }
    answers: dict[Question, DnsAnswer] = {}
    for _ in range(2):
        needs = spf.check_host(MESSAGE, "contoso.example", answers)
        assert isinstance(needs, Needs)
        answers |= {question: answer(zone, question) for question in needs.questions}
    assert spf.check_host(MESSAGE, "contoso.example", answers) == Needs(
        (Question("a.example", "A"), Question("b.example", "A"))
    )


@pytest.mark.parametrize(
    ("record", "dark"),
    [
        ("v=spf1 -all", ("contoso.example", "TXT")),
        ("v=spf1 include:a.example -all", ("a.example", "TXT")),
        ("v=spf1 redirect=a.example", ("a.example", "TXT")),
        ("v=spf1 a:a.example -all", ("a.example", "A")),
        ("v=spf1 exists:%{i}.example -all", ("198.18.0.1.example", "A")),
        ("v=spf1 mx:a.example -all", ("a.example", "MX")),
        ("v=spf1 mx:m.example -all", ("b.example", "A")),
    ],
)
def test_an_unclear_answer_is_a_temporary_error_with_its_question(record, dark):
    zone = records({"contoso.example": record}) | {("m.example", "MX"): mx((1, "b.example"))}
    name, kind = dark
    assert check(zone | {dark: unclear()}) == NoVerdict(f"{kind} of {name}: SERVFAIL")


REVERSE = "1.0.18.198.in-addr.arpa"
PTR: Zone = {(REVERSE, "PTR"): ("mail.contoso.example",)}


@pytest.mark.parametrize("dark", [(REVERSE, "PTR"), ("mail.contoso.example", "A")])
def test_a_reverse_name_that_is_unclear_matches_nothing(dark):
    """RFC 7208, 5.5: an error there is no match, and no error."""
    zone = records({"contoso.example": "v=spf1 ptr -all"})
    zone |= PTR | {("mail.contoso.example", "A"): ("198.18.0.1",)}
    assert check(zone) == "pass"
    assert check(zone | {dark: unclear()}) == "fail"


def test_an_include_is_not_followed_for_ever():
    assert check(records({"contoso.example": "v=spf1 include:contoso.example -all"})) == "permerror"


def test_of_two_records_neither_counts():
    assert check({("contoso.example", "TXT"): txt("v=spf1 +all", "v=spf1 -all")}) == "permerror"
