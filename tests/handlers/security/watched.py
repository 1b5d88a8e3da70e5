"""A tenant whose audit feed is read, and what that leads to."""

import json

from domain.jobs import ReadAudit
from handlers.delivery import deliver

LOCK = "inbound-lockdown"
OFF = {"Identity": "ExchangeDefender", "Enabled": False}
ADMIN = "eve@contoso.example"


async def watched(service, domain="contoso.example", **switches):
    """A tenant as documented, read for an hour, with its feed subscribed."""
    tenant = service.world.add_tenant(domain, **switches)
    tenant.feed.by = ADMIN
    await service.look_after(tenant)
    await service.sweep()
    await read(service, tenant)
    service.clock.advance(hours=1)
    await service.sweep()
    return tenant


async def read(service, tenant, **job):
    await deliver("alerts", ReadAudit(tenant_id=tenant.tenant_id, **job).body.encode(), service.clients)


async def asked(service):
    return [json.loads(body)["controls"] for body in await service.messages("checks")]


async def named(service, tenant):
    return [(e.control, e.actor) for e in await service.ledger(tenant) if e.event == "actor_named"]
