"""What the control makes of what the trace told, and what the gate hears of it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.control import (
    Compliant,
    NeedsPerson,
    NotApplicable,
    Unknown,
)
from domain.controls import CATALOGUE
from domain.controls.mail_flow import came_round, rehearsed, senders
from domain.facts import Facts
from domain.findings import THE_REST
from domain.guards import Guard
from domain.mail_flow import LEAST_REHEARSED, Group, MailSeen, Traffic
from domain.mail_reading import STALE_AFTER, at_filter_since, to_read
from domain.mx_moves import MxMemories
from tests.domain.builders import DNS, NOW, TRACED, healthy, reading, wanted
from tests.domain.test_mx_moves import FILTER, NAME, OLD, look, mx

CONTROL, BYPASS = CATALOGUE["mail-flow"], CATALOGUE["lock-bypass"]
SHOP = Group("198.51.100.0/24", "shop.example", 1, NOW, ("198.51.100.9",))
STRANGER = Group("198.51.100.20", "", 2, NOW, ("198.51.100.20",))
REHEARSAL = Traffic(NOW - timedelta(days=1), NOW, 1, {"outside": 1}, groups=(SHOP,))
PROOF = Traffic(NOW - timedelta(days=1), NOW, 1, {"filter": 1})
OPENED = healthy() | {"Get-InboundConnector": []}


def tenant(flow: MailSeen, *declared: str, **config: Any):
    known = wanted(**config)
    return replace(known, inventory=replace(known.inventory, mail=flow, declared=frozenset(declared)))


def judged(flow, *declared, rows=None, control=CONTROL, **config):
    return control.find(Facts(reading(rows or healthy()), DNS), tenant(flow, *declared, **config))


def gate(known, since=NOW - timedelta(days=10), now=NOW):
    return rehearsed(known, since, now)


def with_proof(**changes):
    return replace(TRACED, proof=replace(PROOF, **changes))


def test_a_locked_tenant_whose_mail_came_by_the_filter_is_compliant_with_the_time_that_this_covers():
    found = judged(with_proof(by_way={"filter": 3, "tenant": 2, "declared": 1, "unclear": 1}, settling=1))
    assert isinstance(found, Compliant)
    assert found.detail == (
        "no message is known to have come round the filter from 2026-11-22 12:00 to 2026-11-23 12:00 UTC; 7 were let"
        " in: 3 by the filter, 2 of the tenant itself, 1 by what is declared, 1 while the lock took effect,"
        " 1 with no usable address"
    )


@pytest.mark.parametrize("config", [{}, {"service_connectors": [{"name": "CRM", "certificate": "crm.example"}]}])
def test_a_row_that_makes_no_sense_is_never_mail_that_came_by_the_filter_until_a_person_has_answered_for_it(config):
    flow = with_proof(by_way={"filter": 3}, odd=2)
    found = judged(flow, **config)
    assert isinstance(found, NeedsPerson)
    assert found.todo.startswith("2 rows of the message trace made no sense, so nobody knows which way that mail came")
    [finding] = came_round(tenant(flow, **config))
    assert (finding.control, finding.name) == ("lock-bypass", "mail from unknown addresses")
    answered = judged(flow, finding.id, **config)
    assert isinstance(answered, Compliant)
    assert answered.detail.startswith("no message is known to have come round the filter")
    assert answered.detail.endswith(
        "2 rows of the message trace made no sense, so nobody knows which way that mail came"
    )


def test_mail_that_came_round_is_told_beside_a_row_that_makes_no_sense():
    flow = with_proof(groups=(STRANGER,), odd=1)
    found = judged(flow)
    assert isinstance(found, NeedsPerson)
    assert found.todo.startswith(
        "2 messages came round the filter from 2026-11-22 12:00 to 2026-11-23 12:00 UTC; 1 row"
    )
    assert [each.value for each in came_round(tenant(flow))] == ["198.51.100.20", "unknown addresses"]


def test_mail_that_may_be_a_declared_services_is_not_said_to_have_come_round_beside_a_row_that_makes_no_sense():
    config = {"service_connectors": [{"name": "CRM", "certificate": "crm.example"}]}
    found = judged(with_proof(groups=(STRANGER,), odd=1), **config)
    assert isinstance(found, NeedsPerson)
    assert found.todo.startswith("1 row of the message trace made no sense")
    assert "2 messages came round" not in found.todo
    assert "may be of 'CRM', known by certificate" in found.todo


def test_a_row_that_makes_no_sense_holds_the_first_close_until_a_person_has_said_that_the_rest_may_bounce():
    flow = replace(TRACED, rehearsal=replace(REHEARSAL, groups=(), by_way={"filter": 3}, odd=1))
    assert senders(tenant(flow)) == (THE_REST,)
    assert not gate(tenant(flow)).passed
    answered = gate(tenant(flow, THE_REST.id))
    assert answered.passed
    assert "1 row of the message trace made no sense" in answered.reason


def test_what_came_from_more_addresses_than_are_listed_is_one_finding_that_outlives_the_listed_ones():
    flow = with_proof(groups=(STRANGER,), further=7)
    service = {"service_connectors": [{"name": "Copier", "sender_ips": ["198.51.100.20"]}]}
    assert [each.value for each in came_round(tenant(flow))] == ["198.51.100.20", "further addresses"]
    [rest] = came_round(tenant(flow, **service))
    found = judged(flow, **service)
    assert isinstance(found, NeedsPerson)
    assert found.todo.startswith("7 messages came round the filter")
    assert isinstance(judged(flow, rest.id, **service), Compliant)


def test_a_rehearsal_of_more_senders_than_are_listed_waits_for_the_answer_to_the_rest():
    flow = replace(TRACED, rehearsal=replace(REHEARSAL, further=3))
    service = {"service_connectors": [{"name": "Shop", "sender_ips": ["198.51.100.0/24"]}]}
    assert senders(tenant(flow, **service)) == (THE_REST,)
    assert not gate(tenant(flow, **service)).passed
    assert gate(tenant(flow, THE_REST.id, **service)).passed


def test_what_came_round_is_a_finding_of_lock_bypass_until_a_person_vouches_for_it():
    flow = with_proof(groups=(STRANGER,))
    found = judged(flow)
    assert isinstance(found, NeedsPerson)
    assert found.todo.startswith("2 messages came round the filter")
    bypass = judged(flow, control=BYPASS)
    [finding] = bypass.findings
    assert (finding.kind, finding.control, finding.value) == ("bypass", "lock-bypass", "198.51.100.20")
    assert finding.value in bypass.todo
    assert isinstance(judged(flow, finding.id), Compliant)
    assert isinstance(judged(flow, finding.id, control=BYPASS), Compliant)
    service = {"service_connectors": [{"name": "Copier", "sender_ips": ["198.51.100.20"]}]}
    assert came_round(tenant(flow, **service)) == ()


def test_without_a_list_of_microsofts_addresses_mail_from_elsewhere_is_shown_and_never_a_finding():
    flow = with_proof(groups=(STRANGER,), by_way={"outside": 2})
    known = tenant(flow)
    unlisted = replace(
        known,
        profile=known.profile.model_validate(
            known.profile.model_dump(exclude={"microsoft_networks"}, exclude_unset=True)
        ),
    )
    found = CONTROL.find(Facts(reading(healthy()), DNS), unlisted)
    assert isinstance(found, Compliant)
    assert "2 from elsewhere, and the profile does not list Microsoft's own addresses" in found.detail
    assert (came_round(unlisted), senders(unlisted)) == ((), ())


def test_enhanced_filtering_is_said_beside_every_verdict():
    rows = healthy()
    rows["Get-InboundConnector"][0]["EFSkipLastIP"] = True
    for flow in (TRACED, with_proof(groups=(STRANGER,))):
        found = judged(flow, rows=rows)
        assert "Enhanced Filtering is on" in (found.todo if isinstance(found, NeedsPerson) else found.detail)


def test_before_the_first_close_each_sender_is_a_finding_and_declared_ones_let_it_be():
    found = judged(TRACED, rows=OPENED)
    assert isinstance(found, NeedsPerson)
    [sender] = found.findings
    assert (sender.kind, sender.control, sender.value) == ("sender", "mail-flow", "198.51.100.0/24, shop.example")
    assert sender.lets_in == "1 message from 198.51.100.9, the last at 2026-11-23 12:00 UTC, would be refused"
    for answer in (sender.id, THE_REST.id):
        answered = judged(TRACED, answer, rows=OPENED)
        assert isinstance(answered, Compliant)
        assert answered.detail.startswith("rehearsed with the mail from 2026-11-22 12:00")
        assert gate(tenant(TRACED, answer)).passed
    assert not gate(tenant(TRACED)).passed
    assert sender.value in gate(tenant(TRACED)).reason


def test_once_a_service_is_known_by_certificate_alone_mail_from_elsewhere_is_shown_and_never_a_finding():
    flow, by_name = with_proof(groups=(STRANGER,)), [{"name": "CRM", "certificate": "crm.example"}]
    found = judged(flow, service_connectors=by_name)
    assert isinstance(found, Compliant)
    assert found.detail.startswith("no message is known to have come round the filter")
    assert "2 from 198.51.100.20 may be of 'CRM', known by certificate, or have come round the filter" in found.detail
    assert came_round(tenant(flow, service_connectors=by_name)) == ()
    assert judged(with_proof(), service_connectors=by_name) == judged(with_proof())


def test_mail_without_a_sender_and_services_known_by_certificate_are_said():
    flow = replace(TRACED, rehearsal=replace(REHEARSAL, groups=(replace(STRANGER, source="198.51.100.0/24"),)))
    known = tenant(flow, service_connectors=[{"name": "CRM", "certificate": "crm.example"}])
    [sender] = senders(known)
    assert sender.value == "198.51.100.0/24, no sender"
    assert sender.lets_in.endswith("would be refused, unless it is of 'CRM', known by certificate")


def test_what_was_not_counted_one_by_one_is_one_finding_more():
    assert senders(tenant(MailSeen())) == ()
    flow = replace(TRACED, rehearsal=replace(REHEARSAL, further=9))
    assert [each.id for each in senders(tenant(flow))][-1] == THE_REST.id


def test_a_short_rehearsal_says_so():
    found = judged(replace(TRACED, short=True), THE_REST.id, rows=OPENED)
    assert isinstance(found, Compliant)
    assert "the last 48 hours alone" in found.detail


@pytest.mark.parametrize(
    ("flow", "rows", "found"),
    [
        (
            MailSeen(failed="no answer", remedy="grant it"),
            None,
            Unknown("the message trace could not be read: no answer", "grant it"),
        ),
        (MailSeen(), None, Unknown("the message trace was not read yet")),
        (MailSeen(so_far=5000), OPENED, Unknown("the message trace is being read: 5000 rows so far")),
    ],
)
def test_what_was_not_read_is_unknown(flow, rows, found):
    assert judged(flow, rows=rows) == found


@pytest.mark.parametrize(("flow", "rows"), [(MailSeen(missing="permission"), None), (MailSeen(), OPENED)])
def test_what_was_never_granted_or_has_nothing_to_prove_is_not_applicable(flow, rows):
    assert isinstance(judged(flow, rows=rows), NotApplicable)


@pytest.mark.parametrize(
    ("flow", "passed", "said"),
    [
        (MailSeen(missing="principal"), True, "not rehearsed, as the message trace was never granted: Microsoft's"),
        (MailSeen(failed="no answer", rehearsal=TRACED.rehearsal), False, "could not be read: no answer"),
        (MailSeen(), False, "was not read yet"),
        (MailSeen(so_far=7), False, "is being read: 7 rows so far"),
        (replace(TRACED, rehearsal=replace(REHEARSAL, groups=())), True, ""),
    ],
)
def test_a_first_close_waits_for_what_was_granted_and_cannot_be_read(flow, passed, said):
    guard = gate(tenant(flow))
    assert guard.passed is passed
    assert said in guard.reason


def test_a_rehearsal_says_what_it_covers_and_one_of_less_than_a_day_holds_the_close():
    quiet = replace(REHEARSAL, groups=(), by_way={"filter": 7})
    covers = "rehearsed with the mail from 2026-11-22 12:00 to 2026-11-23 12:00 UTC: 7 were delivered: 7 by the filter"
    assert gate(tenant(replace(TRACED, rehearsal=quiet))) == Guard(passed=True, reason=covers)
    short = replace(TRACED, rehearsal=replace(quiet, start=NOW - timedelta(minutes=5)))
    guard = gate(tenant(short))
    assert not guard.passed
    assert guard.reason.startswith("it goes on until 2026-11-24 11:55 UTC, a day at least; rehearsed with the mail")
    found = judged(short, rows=OPENED)
    assert isinstance(found, Compliant)
    assert "it goes on until 2026-11-24 11:55 UTC" in found.detail


QUIET = replace(TRACED, locked=False, rehearsal=replace(REHEARSAL, groups=()))
"""Rehearsed for a day until now, with nothing that a lock would refuse."""


def test_a_rehearsal_from_before_an_mx_came_back_to_the_filter_holds_the_close():
    assert gate(tenant(QUIET), NOW - timedelta(days=1)).passed
    moved = gate(tenant(QUIET), NOW - timedelta(hours=23))
    assert (moved.passed, moved.unread) == (False, True)
    assert "it began before every MX was the filter's, and is read anew" in moved.reason
    away = gate(tenant(QUIET), None)
    assert not away.passed
    assert "an MX is not the filter's" in away.reason


@pytest.mark.parametrize(
    ("rows", "short", "hours"),
    [(0, False, 48), (150_000, False, 58), (0, True, 48 + 500_000 / 15_000)],
    ids=["few rows", "many rows, read at three pages an hour", "more than a rehearsal counts"],
)
def test_a_rehearsal_is_too_old_two_days_after_its_end_and_the_time_that_its_pages_take(rows, short, hours):
    flow = replace(QUIET, short=short, rehearsal=replace(REHEARSAL, groups=(), rows=rows))
    assert gate(tenant(flow), now=NOW + timedelta(hours=hours)).passed
    late = gate(tenant(flow), now=NOW + timedelta(hours=hours, seconds=1))
    assert not late.passed
    assert "it is too old, and is read anew" in late.reason


class Life:
    """A tenant that was never locked, looked at now and then. *away_at*: when an MX elsewhere was last seen."""

    def __init__(self) -> None:
        self.now, self.away_at = NOW, NOW - timedelta(days=1)
        self.flow, self.memories = MailSeen(locked=False), MxMemories()

    def look(self, hours: int, *, host: str, traced: bool) -> Guard:
        self.now += timedelta(hours=hours)
        wish = to_read(self.flow, self.memories, wanted().tenant, (NAME,), self.now)
        if traced and wish and self.flow.is_due(self.now):
            self.flow = wish.ended(self.flow, self.now)
        self.memories = look(self.memories, mx(host, when=self.now))
        self.away_at = self.now if host == OLD else self.away_at
        since = at_filter_since(self.memories, wanted().tenant, (NAME,))
        return rehearsed(tenant(self.flow), since, self.now)


@given(
    st.lists(st.tuples(st.sampled_from([1, 20, 30, 60]), st.sampled_from([FILTER, OLD]), st.booleans()), max_size=30)
)
def test_whatever_the_mx_did_a_first_close_rests_on_a_day_since_it_was_last_away_and_in_the_end_it_does(looks):
    life = Life()
    for hours, host, traced in looks:
        if life.look(hours, host=host, traced=traced).passed:
            rehearsal = life.flow.rehearsal
            assert rehearsal
            assert life.away_at < rehearsal.start <= rehearsal.end - LEAST_REHEARSED
            assert life.now - rehearsal.end <= STALE_AFTER
    assert [life.look(20, host=FILTER, traced=True).passed for _ in range(4)][-1]
