"""The simulated ticket systems sign, retry and refuse as docs/reference/psa.md says the real ones do."""

import json
from datetime import UTC, datetime

import pytest

from simulator.psa.systems import Systems
from simulator.wire.http import Request

NOON = datetime(2026, 9, 1, 8, 15, 2, tzinfo=UTC)


@pytest.fixture
def systems():
    found = Systems(lambda: NOON)
    for system in found.by_name.values():
        system.companies = {250}
    return found


def test_connectwise_signs_as_the_known_vector_has_it(systems):
    body = b'{"MessageId":"3f0a9c1e-77b4-4c55-9a0e-5b1d6a2c8e10","Action":"updated","Type":"ticket","ID":48211}'
    assert systems.connectwise.signed(body)["x-content-signature"] == "Dtx8RAoReMoF/SU2Z0Nvlf0gtxaBN3WTXBK0G8O3NpU="


def test_autotask_signs_as_the_known_vector_has_it(systems):
    body = b'{"Action":"Update","Guid":"5d1f7c52-0b52-4d0e-9d43-2f8c1c6f7a11","EntityType":"Ticket","Id":91342}'
    assert systems.autotask.signed(body)["X-Hook-Signature"] == "sha1=rcPrcPwB8eAjHEgUMg4B7skeATU="


def test_connectwise_carries_the_ticket_as_text_and_none_once_it_is_deleted(systems):
    ticket = systems.connectwise.opens("jdoe", company=250, status=512)
    systems.connectwise.deletes(ticket.id)
    made, gone = (json.loads(delivery.body) for delivery in systems.connectwise.deliveries)
    assert json.loads(made["Entity"])["id"] == ticket.id
    assert (made["Action"], gone["Action"], gone["Entity"]) == ("added", "deleted", None)
    assert systems.connectwise.deliveries[0].query == f"recordId={ticket.id}&action=added"


def test_autotask_escapes_what_its_serializer_escapes(systems):
    systems.autotask.opens("4711", company=250, summary="Müller & <Söhne>", status=1)
    body = systems.autotask.deliveries[0].body
    assert b"M\\u00FCller \\u0026 \\u003CS\\u00F6hne\\u003E" in body
    assert json.loads(body)["Fields"]["Title"] == "Müller & <Söhne>"


RETRIES = {
    "connectwise_after_429": ("connectwise", 429, [2.0, 4.0, None]),
    "connectwise_not_after_500": ("connectwise", 500, [None]),
    "connectwise_not_after_silence": ("connectwise", None, [None]),
    "autotask_after_anything": ("autotask", 500, [30.0] * 4 + [None]),
    "autotask_not_when_taken": ("autotask", 202, [None]),
    "halopsa_never": ("halopsa", 500, [None]),
}


@pytest.mark.parametrize(("name", "status", "pauses"), RETRIES.values(), ids=list(RETRIES))
def test_each_vendor_comes_again_as_often_as_it_does(systems, name, status, pauses):
    system = systems.by_name[name]
    system.opens("4711", company=250, status=1)
    first = system.deliveries[0]
    attempts = [
        type(first)(first.system, first.headers, first.body, first.ticket, attempt=number)
        for number in range(1, len(pauses) + 1)
    ]
    assert [system.retry_after_s(each, status) for each in attempts] == pauses


def test_autotask_switches_its_webhook_off_after_25_failures(systems):
    system = systems.autotask
    system.opens("4711", company=250, status=1)
    for _ in range(25):
        system.retry_after_s(system.deliveries[0], 500)
    system.opens("4711", company=250, status=1)
    assert len(system.deliveries) == 1


def ask(systems, host, method, path, body=b"", **headers):
    return systems.answer(Request(method, f"https://{host}", path, "", headers, body))


def test_connectwise_wants_keys_and_a_client_id(systems):
    host, path = "api-na.myconnectwise.net", "/v2026_1/apis/3.0/service/tickets"
    assert ask(systems, host, "GET", path).status == 401
    assert ask(systems, host, "GET", "/v2019_1/apis/3.0/service/tickets").status == 404


def test_autotask_has_no_notes_to_create_at_the_top_and_its_faults_are_500(systems):
    system, host = systems.autotask, "webservices5.autotask.net"
    login = {"username": system.user, "secret": system.api_secret, "apiintegrationcode": system.integration_code}
    base = "/ATServicesRest/V1.0"
    assert ask(systems, host, "POST", f"{base}/TicketNotes", b"{}", **login).status == 404
    assert ask(systems, host, "GET", f"{base}/Tickets/query", **login).status == 405
    refused = ask(systems, host, "POST", f"{base}/Tickets", b'{"companyID": 9}', **login)
    assert (refused.status, b"does not exist or is invalid" in refused.body) == (500, True)


def test_halopsa_wants_a_token_that_lives_and_an_outcome(systems):
    host = "northwind.halopsa.com"
    assert ask(systems, host, "GET", "/api/tickets", authorization="Bearer nothing").status == 401
    form = b"grant_type=client_credentials&client_id=x&client_secret=y"
    assert json.loads(ask(systems, host, "POST", "/auth/token", form).body) == {"error": "invalid_client"}


def test_what_is_for_none_of_them_is_left_to_the_others(systems):
    assert ask(systems, "outlook.office365.com", "GET", "/adminapi") is None
