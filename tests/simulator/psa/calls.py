"""How the tests of the ticket systems call them."""

from datetime import UTC, datetime

from simulator.wire.http import Request

NOON = datetime(2026, 9, 1, 8, 15, 2, tzinfo=UTC)


def ask(systems, host, method, path, body=b"", **headers):
    return systems.answer(Request(method, f"https://{host}", path, "", headers, body))
