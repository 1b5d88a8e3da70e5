"""An MSP's ticket system connected to the service: its settings, a person's deeds, and the messages it leads to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import azure.functions as func
import pytest

from handlers.delivery import deliver
from handlers.tickets.poll import look_for_changes
from simulator.psa.desk import Delivery, System, Ticket
from simulator.psa.systems import Systems
from tests.handlers.harness import START, Service
from tests.handlers.web import platform

COMPANY = 250
ALERT = "Phish delivered due to an ETR override"
SYSTEMS = Systems(lambda: START).by_name
in_every_system = pytest.mark.parametrize("provider", SYSTEMS)
MARK_SECRET = "m" * 32
STANDARD_SECRET = "whsec_ZWRndWFyZC1kZW1vLWtleS0wMTIzNDU2"


def settings(provider: str, own_company: int | None = None, **desk: Any) -> dict[str, str]:
    """The setting that connects the service to the simulated *provider*, with this desk."""
    system = SYSTEMS[provider]
    own = {"own_company": own_company} if own_company else {}
    connection = {**system.connection(f"https://{system.host}"), **own, "desk": {"own_user": system.own} | desk}
    return {f"HOLDFAST_PSA_{provider.upper()}": json.dumps(connection), "HOLDFAST_MARK_SECRET": MARK_SECRET}


def desk_of(provider: str, **changes: Any) -> dict[str, Any]:
    """The same desk in each system's own ids."""
    status = {name: str(number) for name, number in SYSTEMS[provider].status_ids.items()}
    desk = {
        "triggers": [
            {"action": "check", "container": "37", "type": "91", "subtype": "13", "statuses": [status["new"]]},
            {"action": "reprovision", "container": "37", "type": "91", "subtype": "14", "statuses": [status["new"]]},
        ],
        "placement": {"container": "37", "status": status["open"], "priority": "3"},
        "outcomes": {"running": status["running"], "ok": status["closed"], "failed": status["failed"]},
        "approval": {"statuses": [status["approved"]], "words": ["approved"]},
    }
    return desk | changes


def reprovision(msp: "Msp", **fields: Any) -> Ticket:
    """A person opens a ticket that asks for a reprovision."""
    status = msp.status["new"]
    given: dict[str, Any] = {
        "company": COMPANY,
        "container": "37",
        "type": "91",
        "subtype": "14",
        "status": status,
    } | fields
    return msp.system.opens(msp.agent, **given)


async def answer(service: Service, delivery: Delivery) -> func.HttpResponse:
    """What a ticket system is told, as the platform hands its delivery over."""
    url = f"https://holdfast.example/api/webhooks/psa/{delivery.system}"
    request = func.HttpRequest("POST", url, headers=delivery.headers, body=delivery.body)
    return await platform(service).answer(request)


@dataclass
class Msp:
    """A service whose tenants are companies of one ticket system."""

    service: Service
    system: System

    @property
    def agent(self) -> str:
        """Somebody who works for the MSP."""
        return self.system.agent

    @property
    def status(self) -> Mapping[str, int]:
        return self.system.status_ids

    @property
    def tickets(self) -> list[Ticket]:
        return list(self.system.tickets.values())

    async def deliver(self) -> list[int]:
        """Every webhook that waits arrives; gives the answers."""
        statuses = []
        while self.system.deliveries:
            statuses.append(await self.receive(self.system.deliveries.popleft()))
        return statuses

    async def receive(self, delivery: Delivery) -> int:
        status: int = (await answer(self.service, delivery)).status_code
        return status

    async def work(self, *, webhooks: bool = True) -> None:
        """Deliver webhooks and messages until there is nothing left to deliver; hidden ones come up."""
        for _ in range(30):
            if webhooks:
                await self.deliver()
            handled = 0
            for queue in ("tickets", "notifications", "checks", "remediations"):
                self.service.clock.advance(seconds=3)  # what was hidden to gather more comes up
                for body in await self.service.messages(queue):
                    await deliver(queue, body, self.service.clients)
                    handled += 1
            if not handled and not (webhooks and self.system.deliveries):
                return
        raise AssertionError("the messages go round in circles")

    async def poll(self) -> None:
        await look_for_changes(self.service.clients)

    async def drift(self, tenant: Any) -> None:
        """An alert policy that no script may change is switched on, and seen: it needs a person."""
        tenant.admin("Set-ProtectionAlert", Identity=ALERT, Disabled=False)
        await self.look(tenant)

    async def mend(self, tenant: Any) -> None:
        """A person switches it off in the portal, and that is seen."""
        tenant.admin("Set-ProtectionAlert", Identity=ALERT, Disabled=True)
        await self.look(tenant)

    async def look(self, tenant: Any) -> None:
        """The service looks at the alert policies, and does what it can; nobody is told yet."""
        await self.service.check(tenant, controls=("alert-policies",))
        for body in await self.service.messages("remediations"):
            await deliver("remediations", body, self.service.clients)


def notes(ticket, *words):
    """How many of a ticket's notes carry each of *words*."""
    return [sum(word in note.text for note in ticket.notes) for word in words]


async def told(msp):
    """Messages are delivered and the timer fires, until all is told."""
    await msp.work()
    await msp.poll()
    await msp.work()
