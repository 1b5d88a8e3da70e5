"""What the tests of every ticket system's client begin with."""

from tests.handlers.tickets.msp import COMPANY


def first(router):
    """The route that was added last is asked first: respx takes the first that fits."""
    router.routes._routes.insert(0, router.routes._routes.pop())  # noqa: SLF001 - it has no way to say so


def opened(system, number=1, **fields):
    status = system.status_ids["new"]
    given = {"company": COMPANY, "container": "37", "type": "91", "subtype": "14", "status": status} | fields
    return [system.opens(system.agent, **given) for _ in range(number)][-1]
