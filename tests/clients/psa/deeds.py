"""What the tests of every ticket system's client begin with."""

import json
from dataclasses import replace

from tests.handlers.tickets.msp import COMPANY

ODD_IN_EVERY_SYSTEM = {"id": 9, "_info": 7, "userDefinedFields": 7, "customfields": 7}


def first(router):
    """The route that was added last is asked first: respx takes the first that fits."""
    router.routes._routes.insert(0, router.routes._routes.pop())  # noqa: SLF001 - it has no way to say so


def opened(system, number=1, **fields):
    status = system.status_ids["new"]
    given = {"company": COMPANY, "container": "37", "type": "91", "subtype": "14", "status": status} | fields
    return [system.opens(system.agent, **given) for _ in range(number)][-1]


def listing(system, *odd):
    """From now on every list of tickets begins with these rows."""
    route = system.route

    def routed(request):
        answer = route(request)
        if not request.path.lower().endswith(("/tickets", "/tickets/query")):
            return answer
        said = json.loads(answer.body)
        listed = said if isinstance(said, list) else said.get("items", said.get("tickets"))
        if listed is None:
            return answer
        listed[:0] = odd
        return replace(answer, body=json.dumps(said).encode())

    system.route = routed
