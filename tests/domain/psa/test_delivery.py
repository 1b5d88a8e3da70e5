"""What a webhook is about, whichever form its vendor gives it."""

import json
from contextlib import suppress
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.psa.delivery import BadBody, Hint, WebhookRequest, hints, key_place, request
from domain.psa.desk import TicketSystem

CONNECTWISE = {"Type": "ticket", "Action": "updated", "ID": 48211, "MemberId": "jdoe"}
AUTOTASK = {"Action": "Update", "EntityType": "Ticket", "Id": 91342, "PersonID": 30551198}
NOTE = {"Action": "Create", "EntityType": "TicketNote", "Id": 7, "Fields": {"TicketID": "91342"}}
GUID = "8c8a4f7e-31f2-4a39-9c61-5d1b2d8e7a10"

KNOWN = {
    "connectwise": ("connectwise", CONNECTWISE, [Hint("48211", "jdoe")]),
    "connectwise_without_a_member": ("connectwise", {"Type": "ticket", "ID": "7"}, [Hint("7")]),
    "a_deletion": ("connectwise", CONNECTWISE | {"Action": "deleted"}, []),
    "another_kind_of_record": ("connectwise", CONNECTWISE | {"Type": "company"}, []),
    "autotask": ("autotask", AUTOTASK, [Hint("91342", "30551198")]),
    "autotask_in_another_case": (
        "autotask",
        {"entityType": "Ticket", "ID": "91342", "PersonId": 5},
        [Hint("91342", "5")],
    ),
    "autotask_deletion": ("autotask", AUTOTASK | {"Action": "Delete"}, []),
    "autotask_deactivation": ("autotask", {"Action": "Deactivated", "Guid": GUID}, []),
    "a_note": ("autotask", NOTE, [Hint("91342")]),
    "halopsa": ("halopsa", {"id": GUID, "event": "New", "ticket": {"id": 20451}}, [Hint("20451")]),
    "halopsa_of_the_msps_own_form": ("halopsa", {"event": "x", "ticket_id": 20451}, [Hint("20451")]),
    "halopsa_flat": ("halopsa", {"id": 20451}, [Hint("20451")]),
    "halopsa_in_a_batch": ("halopsa", [{"ticket": {"id": 1}}, {"ticket_id": 2}], [Hint("1"), Hint("2")]),
}


@pytest.mark.parametrize(("provider", "body", "expected"), KNOWN.values(), ids=list(KNOWN))
def test_the_ticket_is_found(provider, body, expected):
    assert list(hints(provider, json.dumps(body).encode())) == expected


BAD = {
    "empty": b"",
    "truncated": b'{"Type": "ticket", "ID"',
    "not_text": b"\xff\xfe",
    "deep": b"[" * 100_000,
    "a_list_of_numbers": b"[1]",
    "a_number": b"1",
    "null": b"null",
}


@pytest.mark.parametrize("body", BAD.values(), ids=list(BAD))
@pytest.mark.parametrize("provider", get_args(TicketSystem))
def test_a_body_that_is_no_delivery_is_told(provider, body):
    with pytest.raises(BadBody):
        hints(provider, body)


@pytest.mark.parametrize("odd", [None, True, 0, -1, "", "12a", "²", "9" * 101, [1], 1.5, GUID])
def test_an_id_that_is_none_is_told(odd):
    with pytest.raises(BadBody, match="ID should be"):
        hints("connectwise", json.dumps(CONNECTWISE | {"ID": odd}).encode())


def test_a_request_names_an_action_and_a_company():
    body = {"action": "check", "company_id": 250, "ticket_id": "T1"}
    assert request(json.dumps(body).encode()) == WebhookRequest("check", "250", "T1")


def test_a_request_may_stand_in_its_data_as_the_convention_has_it():
    body = {"type": "tenant.check", "data": {"action": "reprovision", "company_id": "250"}}
    assert request(json.dumps(body).encode()) == WebhookRequest("reprovision", "250")


@pytest.mark.parametrize(
    "body",
    [{}, {"action": "erase", "company_id": "1"}, {"action": "check"}, {"action": "check", "company_id": "x" * 101}],
)
def test_a_request_for_anything_else_is_told(body):
    with pytest.raises(BadBody):
        request(json.dumps(body).encode())


def test_where_a_key_is_said_to_be():
    url = "https://na.myconnectwise.net/v2026_1//system/callbackkey/index.rails?companyName=northwindmsp&id=c4d7"
    body = {"CompanyId": "northwindmsp", "ProductInstanceId": "70a1", "Metadata": {"key_url": url}}
    place = key_place(json.dumps(body).encode())
    assert place is not None
    assert (place.url, place.company, place.instance, place.company_of_key) == (
        url,
        "northwindmsp",
        "70a1",
        "northwindmsp",
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"Metadata": 1}',
        b'{"Metadata": {"key_url": 1}}',
        b'{"Metadata": {"key_url": "http://[::1"}}',
    ],
)
def test_a_body_that_names_no_key_has_none(body):
    assert key_place(body) is None


def test_a_key_may_name_no_company():
    place = key_place(b'{"Metadata": {"key_url": "https://na.myconnectwise.net/x"}}')
    assert place is not None and place.company_of_key == ""


@given(st.binary(max_size=60))
def test_no_bytes_do_more_than_be_refused(body):
    for provider in get_args(TicketSystem):
        with suppress(BadBody):
            assert isinstance(hints(provider, body), tuple)


def test_an_action_that_is_no_text_is_refused_by_name():
    with pytest.raises(BadBody, match="action"):
        request(b'{"action": ["check"], "company_id": "250"}')


def test_zeros_before_an_id_make_it_no_other_ticket():
    assert hints("halopsa", b'{"ticket_id": "00048211"}') == (Hint("48211"),)


def test_what_is_odd_in_a_batch_stands_beside_what_is_good():
    odd, good = hints("halopsa", b'[{"ticket": {}}, {"ticket_id": 2}]')
    assert isinstance(odd, BadBody)
    assert good == Hint("2")


@pytest.mark.parametrize("body", [b"[]", b'[1, {"ticket_id": "x"}]'])
def test_a_batch_with_nothing_good_is_told(body):
    with pytest.raises(BadBody, match="nothing in the batch"):
        hints("halopsa", body)
