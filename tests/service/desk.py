"""An MSP's ticket system connected to the service: its settings, a person's deeds, and the messages it leads to."""

import json
from dataclasses import dataclass
from typing import Any

from handlers import check, notify, poll, remediate, tickets, webhooks
from simulator.psa.desk import Delivery, System, Ticket
from simulator.psa.systems import Systems
from tests.service.harness import START, Service

COMPANY = 250
STANDARD_SECRET = "whsec_ZWRndWFyZC1kZW1vLWtleS0wMTIzNDU2"


def settings(provider: str, **desk: Any) -> dict[str, str]:
    """The setting that connects the service to the simulated *provider*, with this desk."""
    systems = Systems(lambda: START)
    wanted = {"own_user": systems.by_name[provider].own} | desk
    cw, at, halo = systems.connectwise, systems.autotask, systems.halopsa
    connections: dict[str, dict[str, Any]] = {
        "connectwise": {
            "site": "https://na.myconnectwise.net",
            "company": cw.company,
            "public_key": cw.public_key,
            "private_key": cw.private_key,
            "client_id": cw.client_id,
            "product_instance": cw.product_instance,
        },
        "autotask": {
            "user": at.user,
            "secret": at.api_secret,
            "integration_code": at.integration_code,
            "webhook_secrets": [at.secret],
        },
        "halopsa": {
            "url": "https://northwind.halopsa.com",
            "client_id": halo.client_id,
            "client_secret": halo.client_secret,
            "webhook_secrets": [halo.login],
        },
    }
    return {f"HOLDFAST_PSA_{provider.upper()}": json.dumps({**connections[provider], "desk": wanted})}


@dataclass
class Msp:
    """A service whose tenants are companies of one ticket system."""

    service: Service
    system: System

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
        return await webhooks.receive(delivery.system, delivery.body, delivery.headers, self.service.clients)

    async def work(self, *, webhooks: bool = True) -> None:
        """Deliver webhooks and messages until there is nothing left to deliver; hidden ones come up."""
        for _ in range(30):
            if webhooks:
                await self.deliver()
            self.service.clock.advance(seconds=10)
            handled = 0
            for queue, run in (
                ("tickets", tickets.run),
                ("notifications", notify.run),
                ("checks", check.run),
                ("remediations", remediate.run),
            ):
                for body in await self.service.messages(queue):
                    await run(body, self.service.clients)
                    handled += 1
            if not handled and not (webhooks and self.system.deliveries):
                return
        raise AssertionError("the messages go round in circles")

    async def poll(self) -> None:
        await poll.run(self.service.clients)

    async def drift(self, tenant: Any) -> None:
        """An alert policy that no script may change is switched on, and seen: it needs a person."""
        tenant.admin("Set-ProtectionAlert", Identity="Phish delivered due to an ETR override", Disabled=False)
        await self.service.check(tenant, controls=("alert-policies",))
