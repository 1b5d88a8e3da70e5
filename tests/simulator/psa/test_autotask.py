import json

from tests.simulator.psa.calls import ask


def test_autotask_signs_as_the_known_vector_has_it(systems):
    body = b'{"Action":"Update","Guid":"5d1f7c52-0b52-4d0e-9d43-2f8c1c6f7a11","EntityType":"Ticket","Id":91342}'
    assert systems.autotask.signed(body)["X-Hook-Signature"] == "sha1=rcPrcPwB8eAjHEgUMg4B7skeATU="


def test_autotask_escapes_what_its_serializer_escapes(systems):
    systems.autotask.opens("4711", company=250, summary="Müller & <Söhne>", status=1)
    body = systems.autotask.deliveries[0].body
    assert b"M\\u00FCller \\u0026 \\u003CS\\u00F6hne\\u003E" in body
    assert json.loads(body)["Fields"]["Title"] == "Müller & <Söhne>"


def test_autotask_switches_its_webhook_off_after_25_failures(systems):
    system = systems.autotask
    system.opens("4711", company=250, status=1)
    for _ in range(25):
        system.retry_after_s(system.deliveries[0], 500)
    system.opens("4711", company=250, status=1)
    assert len(system.deliveries) == 1


def test_autotask_has_no_notes_to_create_at_the_top_and_its_faults_are_500(systems):
    system, host = systems.autotask, "webservices5.autotask.net"
    login = {"username": system.user, "secret": system.api_secret, "apiintegrationcode": system.integration_code}
    base = "/ATServicesRest/V1.0"
    assert ask(systems, host, "POST", f"{base}/TicketNotes", b"{}", **login).status == 404
    assert ask(systems, host, "GET", f"{base}/Tickets/query", **login).status == 405
    refused = ask(systems, host, "POST", f"{base}/Tickets", b'{"companyID": 9}', **login)
    assert (refused.status, b"does not exist or is invalid" in refused.body) == (500, True)
