"""What the service tells its operators of by itself, once a quarter of an hour; and what is over again."""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from clients.connect import Clients
from clients.errors import ClientError
from domain.controls import CATALOGUE
from domain.credentials import Expiring, warning
from domain.fleet_index import TenantInFleet
from domain.gate import Brake
from domain.incident import Incident, IncidentKind, is_news, since_begun
from domain.ledger import Entry, LedgerEvent
from domain.psa.news import UNREADABLE
from domain.rests import THROTTLED_LONG, Rest
from handlers.filter_ranges import compare_ranges
from handlers.operators import end_incident, tell_operators, told_incidents

log = logging.getLogger("holdfast.watch")

UNREACHABLE_AFTER = timedelta(hours=1)
"""A tenant of which nothing could be read for so long needs somebody: a grant was taken back, or it is gone."""
UNREAD_AFTER = timedelta(hours=1)
"""More than three looks of the slow lane: what is in DNS and cannot be read for so long needs somebody, too."""
FEW = 5
"""Of more tenants at once one incident tells: it is not about them."""

ON_TIME = timedelta(minutes=1)
"""A tick that is later than this was not done by its timer."""

BRAKE_INCIDENT = "brake"
_UNREACHABLE, _MANY = "unreachable-", "many"
_ID_LENGTH = 23
"""Characters of a tenant's id that the ids of incidents have: a GUID less its last part."""
TICK_LATE = "tick-late"
CERTIFICATE = "credential-certificate"
_ZONES, _THROTTLED = "zones-", "throttled-"
_WATCHED = (BRAKE_INCIDENT, "credential-", _UNREACHABLE, _THROTTLED, "ranges-", _ZONES)
"""How the ids of those begin that are over when they are not seen any more."""


async def watch(late: timedelta, tenants: Mapping[str, TenantInFleet], clients: Clients) -> None:
    """Tell of what has begun and of what is over. *late*: by how much the tick was that does this.

    *tenants*: those that are switched on, by id.
    """
    now, told = clients.now(), await told_incidents(clients)
    ranges, unclear = await compare_ranges(clients)
    own, not_known = await _own_credential(now, clients)
    unclear |= not_known | _unclear(tenants, now)
    seen = [*await _brake(clients), *own, *_keys(now, clients), *_tenants(now, tenants), *ranges]
    found = {each.id: each for each in seen}
    for incident in found.values():
        if is_news(incident, told.get(incident.id, ()), now):
            await tell_operators(incident, clients)
            await _tell_tenant(incident.id, "incident", incident.detail, clients)
    for incident_id, entries in told.items():
        gone = incident_id.startswith(_WATCHED) and incident_id not in found and incident_id not in unclear
        on_time = incident_id == TICK_LATE and late < ON_TIME
        if (gone or on_time) and since_begun(entries):
            await end_incident(incident_id, "seen by the service itself", clients)
            watched = incident_id in {_about(_UNREACHABLE, tenant_id) for tenant_id in tenants}
            why = "its Exchange can be read again" if watched else "it is not watched any more"
            await _tell_tenant(incident_id, "incident_ended", why, clients)


def _about(prefix: str, tenant_id: str) -> str:
    """The id of the incident about this one tenant."""
    return f"{prefix}{tenant_id[:_ID_LENGTH]}"


def _unclear(tenants: Mapping[str, TenantInFleet], now: datetime) -> frozenset[str]:
    """The incidents about tenants of which no look since says that they are over."""
    unclear = {
        _UNREACHABLE: [tenant_id for tenant_id, each in tenants.items() if not each.exchange_is_read],
        _ZONES: [tenant_id for tenant_id, each in tenants.items() if not each.dns_is_read],
        _THROTTLED: [tenant_id for tenant_id, each in tenants.items() if not _is_let_in(each, now)],
    }
    single = {_about(prefix, tenant_id) for prefix, some in unclear.items() for tenant_id in some}
    return frozenset(single | {f"{prefix}{_MANY}" for prefix, some in unclear.items() if len(some) > FEW})


def _is_let_in(tenant: TenantInFleet, now: datetime) -> bool:
    """Whether a look after the last long rest at each service began none."""
    rests, looked = tenant.summary.rests, (tenant.summary.looked or {}).values()
    if rests is None:
        return False
    asked = min(looked, default=datetime.min.replace(tzinfo=UTC))  # a service is asked in one of the lanes
    return not any(_is_long(rest) and (rest.holds_at(now) or rest.holds_at(asked)) for rest in rests.values())


def _is_long(rest: Rest) -> bool:
    return rest.times >= THROTTLED_LONG and not rest.refused_since


async def _tell_tenant(incident_id: str, event: LedgerEvent, detail: str, clients: Clients) -> None:
    """Tell the ledger, and so the ticket, of the one tenant that cannot be read what the operators are told."""
    prefix = incident_id.removeprefix(_UNREACHABLE)
    if not incident_id.startswith(_UNREACHABLE) or prefix == _MANY:
        return
    for tenant_id in await clients.storage.index.all():
        if tenant_id.startswith(prefix):
            entry = Entry(at=clients.now(), tenant_id=tenant_id, control=UNREADABLE, event=event, detail=detail)
            await clients.storage.ledger.append(entry)


def late_tick(by: timedelta) -> Incident:
    """Told where a tick is done by whoever noticed that it is late."""
    detail = f"by {by.total_seconds():.0f} s; it was done by another function (docs/operations.md#ticks-silent)"
    return Incident(TICK_LATE, "tick", "the tick is late: its timer does not run", detail)


def engaged_brake(brake: Brake) -> Incident:
    detail = f"{brake.reason or 'no reason given'} (by {brake.by or 'nobody'})"
    return Incident(BRAKE_INCIDENT, "brake", "the brake is engaged, nothing is written", detail)


async def _brake(clients: Clients) -> list[Incident]:
    brake = await clients.storage.switches.brake()
    return [engaged_brake(brake)] if brake.engaged else []


async def _own_credential(now: datetime, clients: Clients) -> tuple[list[Incident], frozenset[str]]:
    """What is to be told of the app's own credential, and what nobody can say of it now."""
    try:
        ends = await clients.credential.ends()
    except ClientError as error:
        log.warning("credential_unread %s", error)
        return [], frozenset({CERTIFICATE})
    known = ends and warning(Expiring("certificate", "the credential of the app registration", ends), now)
    return [known] if known else [], frozenset()


def _keys(now: datetime, clients: Clients) -> list[Incident]:
    known = [
        Expiring(f"key-{_slug(key.name)}", f"the key '{key.name}'", key.until)
        for key in clients.settings.keys
        if key.until
    ]
    return [told for each in known if (told := warning(each, now))]


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "unnamed"


def _tenants(now: datetime, fleet: Mapping[str, TenantInFleet]) -> list[Incident]:
    unread = {tenant_id: each.unread_since for tenant_id, each in fleet.items()}
    long = {tenant_id: since for tenant_id, since in unread.items() if since and since < now - UNREACHABLE_AFTER}
    unreachable = {tenant_id: f"since {since:%Y-%m-%d %H:%M} UTC" for tenant_id, since in long.items()}
    throttled = dict(_throttled({tenant_id: each.summary.rests or {} for tenant_id, each in fleet.items()}, now))
    zones = {tenant_id: told for tenant_id, each in fleet.items() if (told := _unread_zones(each, now))}
    return [
        *_each("unreachable", "nothing of a tenant's Exchange can be read", unreachable),
        *_each("unread", "what a tenant has in DNS cannot be read", zones, prefix="zones"),
        *_each("throttled", "a tenant is turned away, or gets no answer, for long", throttled),
    ]


def _unread_zones(tenant: TenantInFleet, now: datetime) -> str:
    """The controls that judge DNS and are unknown for long; none where it is Exchange that cannot be read."""
    if tenant.unread_since:
        return ""
    states = {each: tenant.summary.states.get(each) for each, control in CATALOGUE.items() if control.asks_dns}
    since = {each: state.since for each, state in states.items() if state and state.state == "unknown" and state.since}
    long = {each: at for each, at in since.items() if at < now - UNREAD_AFTER}
    return f"{', '.join(long)} since {min(long.values()):%Y-%m-%d %H:%M} UTC" if long else ""


def _throttled(rests: Mapping[str, Mapping[str, Rest]], now: datetime) -> Iterator[tuple[str, str]]:
    for tenant_id, each in rests.items():
        long = [_named(service, each[service]) for service in sorted(each) if _holds_long(each[service], now)]
        if long:
            yield tenant_id, f"at {', '.join(long)}"


def _holds_long(rest: Rest, now: datetime) -> bool:
    return rest.holds_at(now) and _is_long(rest)


def _named(service: str, rest: Rest) -> str:
    return f"{service} (no answer)" if rest.silent else service


def _each(kind: IncidentKind, summary: str, tenants: Mapping[str, str], prefix: str = "") -> Iterable[Incident]:
    """One incident for each of a few *tenants* (what is known of each, by id), one for all of many."""
    prefix = prefix or kind
    if len(tenants) > FEW:
        return [Incident(f"{prefix}-{_MANY}", kind, f"{summary}, and of many", "the fleet's state says of which")]
    return [
        Incident(
            _about(f"{prefix}-", each),
            kind,
            summary,
            f"tenant {each} {what}; GET /api/tenants/{each}/state says why",
        )
        for each, what in tenants.items()
    ]
