import json

from tests.simulator.psa.calls import ask


def test_connectwise_signs_as_the_known_vector_has_it(systems):
    body = b'{"MessageId":"3f0a9c1e-77b4-4c55-9a0e-5b1d6a2c8e10","Action":"updated","Type":"ticket","ID":48211}'
    assert systems.connectwise.signed(body)["x-content-signature"] == "Dtx8RAoReMoF/SU2Z0Nvlf0gtxaBN3WTXBK0G8O3NpU="


def test_connectwise_carries_the_ticket_as_text_and_none_once_it_is_deleted(systems):
    ticket = systems.connectwise.opens("jdoe", company=250, status=512)
    systems.connectwise.deletes(ticket.id)
    made, gone = (json.loads(delivery.body) for delivery in systems.connectwise.deliveries)
    assert json.loads(made["Entity"])["id"] == ticket.id
    assert (made["Action"], gone["Action"], gone["Entity"]) == ("added", "deleted", None)
    assert systems.connectwise.deliveries[0].query == f"recordId={ticket.id}&action=added"


def test_connectwise_wants_keys_and_a_client_id(systems):
    host, path = "api-na.myconnectwise.net", "/v2026_1/apis/3.0/service/tickets"
    assert ask(systems, host, "GET", path).status == 401
    assert ask(systems, host, "GET", "/v2019_1/apis/3.0/service/tickets").status == 404
