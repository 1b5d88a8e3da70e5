import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.jobs import LARGEST_BYTES, CheckTenant, ForeignMessage, RemediateTenant, parse
from tests.domain.builders import TENANT_ID

CHECK = CheckTenant(tenant_id=TENANT_ID, lane="fast")
REMEDIATE = RemediateTenant(tenant_id=TENANT_ID, controls=("oof-rule",), requested_by="ann")


def test_a_job_survives_its_journey():
    assert parse("checks", CHECK.body.encode()) == CHECK
    assert parse("remediations", REMEDIATE.body.encode()) == REMEDIATE


def test_a_job_that_goes_round_again_says_so():
    assert CHECK.again().again().attempt == 2


def test_the_largest_job_we_send_is_under_the_limit():
    every = RemediateTenant(
        tenant_id=TENANT_ID, controls=("inbound-lockdown",) * 30, operation_id=TENANT_ID, requested_by="a" * 256
    )  # fmt: skip
    assert len(every.body) < LARGEST_BYTES


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
        parse("checks", body)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=3000))
def test_no_bytes_break_the_reader(body):
    with pytest.raises(ForeignMessage):
        parse("checks", body)
