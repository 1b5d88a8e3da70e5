"""Alerts of a tenant that is looked after."""

from domain.jobs import TriageAlerts
from handlers.delivery import deliver

OURS, FOREIGN = "65.99.255.24", "198.51.100.24"


CLOSED = {"status": "resolved", "classification": "falsePositive", "determination": "notMalicious"}


async def guarded(service, domain="contoso.example", **config):
    """A tenant whose lock-down has been proven for an hour."""
    tenant = service.world.add_tenant(domain)
    await service.look_after(tenant, **config)
    await service.sweep()
    service.clock.advance(hours=1)
    return tenant


async def triage(service, tenant):
    """The mail is a few minutes old; both lanes come by; then the alerts timer."""
    await service.check(tenant)
    await look(service, tenant)


async def look(service, tenant, **job):
    await deliver("alerts", TriageAlerts(tenant_id=tenant.tenant_id, **job).body.encode(), service.clients)


def shown(alert):
    return {name: alert[name] for name in CLOSED}


def patched(tenant):
    return [what for what in tenant.alerts.writes() if what[0] == "PATCH"]
