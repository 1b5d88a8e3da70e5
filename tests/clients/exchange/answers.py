"""What the tests of Exchange's clients ask, and how a scripted service answers."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import httpx
import respx

from domain.reading import Query, Seen
from domain.steps import Step, Value

type Item = Mapping[str, object]
type Reply = Callable[[str], httpx.Response]

TENANT = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"
OTHER = "0e0f3c2b-8a5d-4a67-9d0e-6a4c1f2b3d4e"
BASE = f"https://outlook.office365.com/adminapi/beta/{TENANT}"
INVOKE = f"{BASE}/InvokeCommand"
BATCH = f"{BASE}/$batch"
INBOUND = Query("exchange", "Get-InboundConnector", (("ResultSize", "Unlimited"),))
OUTBOUND = Query("exchange", "Get-OutboundConnector", (("IncludeTestModeConnectors", True),))
RULES = Query("exchange", "Get-TransportRule")
DOMAINS = Query("exchange", "Get-AcceptedDomain", never_empty=True)
ARRIVED = datetime(2026, 8, 11, 14, 2, 37, tzinfo=UTC)


def body(*rows: Item, **more: object) -> dict[str, object]:
    return {"@adminapi.warnings": [], "value": list(rows)} | more


def rows(*rows: Item) -> httpx.Response:
    return httpx.Response(200, json=body(*rows))


def cmdlet_of(request: httpx.Request) -> str:
    return str(json.loads(request.content)["CmdletInput"]["CmdletName"])


def asked_alone(router: respx.MockRouter) -> list[str]:
    return [cmdlet_of(call.request) for call in router.calls if call.request.url.path.endswith("/InvokeCommand")]


def batch(router: respx.MockRouter, answer: Callable[[str], Item | None], *, backwards: bool = False) -> respx.Route:
    """A `$batch` that answers each cmdlet with what *answer* gives for it: an item, or None to leave it out."""

    def serve(request: httpx.Request) -> httpx.Response:
        responses = []
        for item in json.loads(request.content)["requests"]:
            given = answer(item["body"]["CmdletInput"]["CmdletName"])
            if given is not None:
                responses.append({"id": item["id"], "headers": {}} | dict(given))
        return httpx.Response(200, json={"responses": responses[::-1] if backwards else responses})

    return router.post(BATCH).mock(side_effect=serve)


def alone(router: respx.MockRouter, answer: Reply) -> respx.Route:
    return router.post(INVOKE).mock(side_effect=lambda request: answer(cmdlet_of(request)))


def named(cmdlet: str) -> httpx.Response:
    return rows({"Name": cmdlet})


def fine(cmdlet: str) -> Item:
    return {"status": 200, "body": body({"Name": cmdlet})}


def seen(query: Query) -> Seen:
    return Seen(({"Name": query.cmdlet},), ARRIVED)


def step(cmdlet: str, **parameters: Value) -> Step:
    return Step("exchange", cmdlet, parameters)


SET = step("Set-InboundConnector", Identity="ExchangeDefender", SenderIPAddresses=("65.99.255.0/24",), Confirm=False)
NEW = step("New-OutboundConnector", Name="ExchangeDefender OOF", UseMXRecord=True)
