"""Whose bytes these are: known vectors, and every way in which a delivery can be another one."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.psa import signatures

CONNECTWISE_KEY = "Zm9vYmFyLXNpZ25pbmcta2V5"


CONNECTWISE = b'{"MessageId":"3f0a9c1e-77b4-4c55-9a0e-5b1d6a2c8e10","Action":"updated","Type":"ticket","ID":48211}'


CONNECTWISE_SIGNED = {"x-content-signature": "Dtx8RAoReMoF/SU2Z0Nvlf0gtxaBN3WTXBK0G8O3NpU="}


AUTOTASK_KEY = "s3cret-Autotask-Key-01"


AUTOTASK = b'{"Action":"Update","Guid":"5d1f7c52-0b52-4d0e-9d43-2f8c1c6f7a11","EntityType":"Ticket","Id":91342}'


AUTOTASK_SIGNED = {"x-hook-signature": "sha1=rcPrcPwB8eAjHEgUMg4B7skeATU="}


STANDARD_KEY = "whsec_ZWRndWFyZC1kZW1vLWtleS0wMTIzNDU2"


OTHER_KEY = "whsec_" + base64.b64encode(b"another-secret-of-32-characters!").decode()


STANDARD = b'{"type":"tenant.check"}'


STANDARD_SIGNED = {
    "webhook-id": "msg_01HZX",
    "webhook-timestamp": "1700000000",
    "webhook-signature": "v1,1ZC0ICwJ7gJqG3xFbO1JL0Zi0kk+Xb62iYxvQsbqONM=",
}


SIGNED_AT = datetime.fromtimestamp(1_700_000_000, UTC)


def connectwise(body=CONNECTWISE, headers=CONNECTWISE_SIGNED, key=CONNECTWISE_KEY):
    return signatures.connectwise(body, headers, key)


def autotask(body=AUTOTASK, headers=AUTOTASK_SIGNED, keys=(AUTOTASK_KEY,)):
    return signatures.autotask(body, headers, keys)


def standard(body=STANDARD, headers=STANDARD_SIGNED, keys=(STANDARD_KEY,), now=SIGNED_AT):
    return signatures.standard(body, headers, keys, now)


VENDORS = {
    "connectwise": (connectwise, CONNECTWISE, "x-content-signature"),
    "autotask": (autotask, AUTOTASK, "x-hook-signature"),
    "standard": (standard, STANDARD, "webhook-signature"),
}


each_vendor = pytest.mark.parametrize("vendor", VENDORS)


@each_vendor
def test_a_known_vector_is_authentic(vendor):
    verify, _, _ = VENDORS[vendor]
    assert verify()


@each_vendor
def test_the_same_json_written_again_is_not(vendor):
    verify, body, _ = VENDORS[vendor]
    assert not verify(json.dumps(json.loads(body)).encode())


@each_vendor
@given(data=st.data())
def test_no_other_bytes_pass(vendor, data):
    verify, body, _ = VENDORS[vendor]
    odd = data.draw(st.binary(max_size=40) | st.integers(0, len(body) - 1).map(lambda end: body[:end]))
    assert not verify(odd)


@each_vendor
@given(given=st.text(max_size=80))
def test_no_other_signature_passes(vendor, given):
    verify, _, header = VENDORS[vendor]
    signed = {**CONNECTWISE_SIGNED, **AUTOTASK_SIGNED, **STANDARD_SIGNED, header: given}
    assert not verify(headers=signed)


@each_vendor
def test_without_a_signature_nothing_passes(vendor):
    verify, _, _ = VENDORS[vendor]
    assert not verify(headers={})


def test_another_key_is_not_believed():
    assert not connectwise(key="another")
    assert not autotask(keys=("another",))
    assert not standard(keys=(OTHER_KEY,))


def test_either_of_two_secrets_will_do_while_one_is_exchanged():
    assert autotask(keys=("another", AUTOTASK_KEY))
    assert standard(keys=(OTHER_KEY, STANDARD_KEY))


def test_no_secret_at_all_admits_nobody():
    assert not autotask(keys=())
    assert not standard(keys=())
    assert not signatures.halopsa({"authorization": ""}, ())


def test_one_good_signature_among_several_will_do():
    several = f"v1a,c29tZXRoaW5n v1,AAAA {STANDARD_SIGNED['webhook-signature']}"
    assert standard(headers=STANDARD_SIGNED | {"webhook-signature": several})


@pytest.mark.parametrize("seconds", [-301, 301, -86_400])
def test_a_signed_time_too_far_from_ours_is_refused(seconds):
    assert not standard(now=SIGNED_AT + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_signed_time_near_ours_is_accepted(seconds):
    assert standard(now=SIGNED_AT + timedelta(seconds=seconds))


@pytest.mark.parametrize("stamp", ["", "soon", "-1700000000", "1.7e9", "9" * 5000, "²"])
def test_a_time_that_is_none_is_refused(stamp):
    assert not standard(headers=STANDARD_SIGNED | {"webhook-timestamp": stamp})


def test_an_id_may_hold_no_dot_as_dots_part_what_is_signed():
    assert not standard(headers=STANDARD_SIGNED | {"webhook-id": "msg.01"})


def test_halopsa_is_known_by_basic_or_bearer():
    secrets = ("holdfast:a-long-random-value", "another-long-random-token")
    basic = "Basic " + base64.b64encode(b"holdfast:a-long-random-value").decode()
    assert signatures.halopsa({"authorization": basic}, secrets)
    assert signatures.halopsa({"authorization": "Bearer another-long-random-token"}, secrets)


@pytest.mark.parametrize(
    "given",
    ["", "Bearer", "Bearer ", "Bearer holdfast:a-long-random-value", "Basic another-long-random-token", "Basic Og=="],
)
def test_halopsa_by_anything_else_is_not(given):
    secrets = ("holdfast:a-long-random-value", "another-long-random-token")
    assert not signatures.halopsa({"authorization": given}, secrets)
