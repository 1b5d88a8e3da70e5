import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.jobs import (
    LARGEST_MESSAGE,
    CheckTenant,
    ForeignMessage,
    NewerMessage,
    ReadTicket,
    RemediateTenant,
    TriageAlerts,
    parse_message,
)
from tests.domain.builders import NOW, TENANT_ID

CHECK = CheckTenant(tenant_id=TENANT_ID, lane="fast")
TRIAGE = TriageAlerts(tenant_id=TENANT_ID)
TICKET = ReadTicket(provider="halopsa", ticket_id="1", asked_at=NOW)
REMEDIATE = RemediateTenant(tenant_id=TENANT_ID, controls=("oof-rule",), requested_by="ann")


def test_a_job_survives_its_journey():
    assert parse_message("checks", CHECK.body.encode()) == CHECK
    assert parse_message("remediations", REMEDIATE.body.encode()) == REMEDIATE


def test_a_job_that_goes_round_again_says_so():
    assert CHECK.again().again().attempt == 2
    assert CHECK.again().key == CHECK.key != replace(CHECK, lane="slow").key


def test_the_largest_job_we_send_is_under_the_limit():
    every = RemediateTenant(
        tenant_id=TENANT_ID, controls=("inbound-lockdown",) * 30, operation_id=TENANT_ID, requested_by="a" * 256
    )  # fmt: skip
    assert len(every.body) < LARGEST_MESSAGE


@pytest.mark.parametrize("job", [CHECK, REMEDIATE, TRIAGE, TICKET], ids=lambda job: job.kind)
def test_pauses_grow_from_the_first_to_the_longest_until_the_job_is_let_go_or_kept(job):
    pauses = []
    for _ in range(job.patience.attempts):
        assert not job.used_up
        pauses.append(job.pause)
        job = job.again()
    assert pauses[0] == job.patience.first
    assert sorted(pauses) == pauses
    assert pauses[-1] == job.pause == job.patience.longest
    assert job.again() == job
    assert job.used_up is (job.kind != "ticket")


def test_a_message_of_a_later_version_is_known_as_such_and_says_since_when_it_is_put_back():
    body = json.dumps({"version": 2, "kind": "visit", "looks": ["mx"]}).encode()
    with pytest.raises(NewerMessage, match="version: 2 is later than 1") as first:
        parse_message("checks", body)
    assert first.value.since is None
    with pytest.raises(NewerMessage) as again:
        parse_message("checks", first.value.put_back(NOW).encode())
    assert again.value.since == NOW
    assert json.loads(again.value.put_back(NOW)) == json.loads(body) | {"put_back_since": NOW.isoformat()}


BROKEN = {
    "not_json": b"\xff\xfe",
    "nothing": b"",
    "null": b"null",
    "a_list": b"[]",
    "too_large": b" " * 2049,
    "other_kind": b'{"kind":"reboot"}',
    "other_queue": REMEDIATE.body.encode(),
    "other_version": json.dumps({"kind": "check", "version": 0, "tenant_id": TENANT_ID}).encode(),
    "foreign_field": json.dumps({"kind": "check", "tenant_id": TENANT_ID, "seen": "disabled"}).encode(),
    "no_tenant": b'{"kind":"check"}',
    "unknown_control": CheckTenant(tenant_id=TENANT_ID, controls=("ooof",)).body.encode(),
    "deeply_nested": b"[" * 2000,
    "bad_tenant": b'{"kind":"check","tenant_id":"../x"}',
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=list(BROKEN))
def test_a_message_that_is_not_ours_is_refused_in_one_line(body):
    with pytest.raises(ForeignMessage, match=r"^message") as caught:
        parse_message("checks", body)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=3000))
def test_no_bytes_break_the_reader(body):
    with pytest.raises(ForeignMessage):
        parse_message("checks", body)
