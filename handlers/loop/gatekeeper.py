"""Gather what the gates look at, and ask them. The gates themselves are pure (domain/gate.py)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from clients.connect import Clients
from clients.storage.leases import Lease
from clients.storage.rows import RowMoved
from clients.storage.switches import Radius
from clients.storage.tenants import TenantRow
from domain.approval import Approval
from domain.control import Control, Drifted
from domain.exemption import Exemption
from domain.facts import Facts
from domain.findings import Inventory
from domain.gate import (
    BLAST_WINDOW,
    BREAKER_WINDOW,
    Circumstances,
    GateAnswer,
    Ruling,
    blast_radius,
    rule,
)
from domain.incident import held_by_radius
from domain.jobs import RemediateTenant
from domain.lock import Doors
from domain.tenant import Wanted
from handlers.loop.doors import touches_doors
from handlers.operators import tell_operators
from handlers.wave_look import moving_wave


@dataclass(frozen=True, slots=True)
class Case:
    """One job on one tenant, under its lease. *reason*: what the person who asked gave, if one did."""

    job: RemediateTenant
    wanted: Wanted
    lease: Lease
    clients: Clients
    reason: str = ""

    def asked_by(self, control: Control) -> str | None:
        """Who asked for *control*; prerequisites pulled in for another control do not count as requested."""
        return self.job.requested_by if control.id in self.job.controls else None

    def knowing(self, inventory: Inventory) -> Self:
        """The same, judging by what is known of the tenant's findings."""
        return replace(self, wanted=replace(self.wanted, inventory=inventory))

    def asked_at(self, control: Control) -> datetime | None:
        """Since when each step of *control* may be tried once more; a plan that was shown has none that was refused."""
        return self.job.asked_at if self.asked_by(control) and not self.job.plan else None


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be written, and for whom: the gates are asked about it, and again before each of its writes.

    *plan*: None where what is written is no step. *facts*: what it was made from. *doors*: looks at the tenant's MX and
    its lock anew at each asking of a plan that changes them. The other fields are those of `Circumstances`.
    """

    control: str
    wanted: Wanted
    lease: Lease
    plan: Drifted | None = None
    facts: Facts | None = None
    doors: Callable[[], Awaitable[Doors]] | None = None
    approvals: Mapping[str, Approval] = field(default_factory=dict)
    undoing: bool = False
    way_out: bool = False
    waits_for: str = ""
    exemption: Exemption | None = None
    requested_by: str | None = None
    approved: str | None = None


class Stopped(Exception):  # noqa: N818 - it is the answer, not a fault
    """A write may not go out after all; *ruling* says why, *answer* is its refusal."""

    def __init__(self, ruling: Ruling, answer: GateAnswer) -> None:
        super().__init__(answer.reason)
        self.ruling = ruling
        self.answer = answer


async def ask_for_plan(wish: Wish, clients: Clients) -> Ruling:
    """Whether the wish's plan may be begun: every gate, and then a place within the blast radius."""
    if wish.way_out:
        return (await _ask(wish, clients))[0]
    signatures = sorted({step.signature(wish.control) for step in (wish.plan.steps if wish.plan else ())})
    (ruling, row, _), fleet, radii = await asyncio.gather(
        _ask(wish, clients), clients.storage.fleet.size(), _radii(signatures, clients)
    )
    if ruling.refusal:
        return ruling
    return replace(ruling, answers=(*ruling.answers, await _reserve(wish, fleet, row, radii, clients)))


async def permit(wish: Wish, clients: Clients) -> float:
    """The last question before a write goes out. Returns the moment, by the event loop's clock, that it speaks for.

    Raises:
        Stopped: A gate says no by now: the brake was pulled, the config changed, the drift was accepted, or the like.
    """
    ruling, _, moment = await _ask(wish, clients)
    if ruling.refusal:
        raise Stopped(ruling, ruling.refusal)
    return moment


async def _ask(wish: Wish, clients: Clients) -> tuple[Ruling, TenantRow | None, float]:
    """Every gate's answer, by the tenant's row, and when the brake was read: until then, if engaged, it was seen.

    Row and brake are read last.
    """
    now, storage, tenant_id = clients.now(), clients.storage, wish.wanted.tenant.tenant_id
    put_back, doors = await asyncio.gather(_put_back(wish, clients), _doors(wish))
    others = await _others(wish, clients) if put_back else ()
    moment = asyncio.get_running_loop().time()
    row, brake = await asyncio.gather(storage.tenants.row(tenant_id), storage.switches.brake())
    around = Circumstances(
        now=now,
        control=wish.control,
        wanted=wish.wanted,
        waits_for=wish.waits_for,
        exemption=wish.exemption,
        facts=wish.facts,
        doors=doors,
        approvals=wish.approvals,
        undoing=wish.undoing,
        way_out=wish.way_out,
        put_back=max(put_back.values(), default=0),
        others=others,
        requested_by=wish.requested_by,
        approved=wish.approved,
        tenant=row.config if row else None,
        moved=row is not None and _is_moved(row, wish.wanted, clients),
        brake=brake,
        lease_lost=wish.lease.lost,
    )
    return rule(wish.plan, around), row, moment


def _is_moved(row: TenantRow, wanted: Wanted, clients: Clients) -> bool:
    version = clients.profiles.resolved(row.config.profile, row.profile_version)
    return (row.config.profile, version) != (wanted.profile.id, wanted.profile.version)


async def _put_back(wish: Wish, clients: Clients) -> dict[str, int]:
    """How often each field of the wish's plan was put back within the breaker's window; those that were."""
    if not wish.plan:
        return {}
    since, tenant_id = clients.now() - BREAKER_WINDOW, wish.wanted.tenant.tenant_id
    counts = await clients.storage.ledger.put_back(tenant_id, wish.control, since)
    return {drift.field: counts[drift.field] for drift in wish.plan.drift if counts[drift.field]}


async def _doors(wish: Wish) -> Doors | None:
    if wish.doors and wish.plan and wish.facts and touches_doors(wish.plan, wish.facts, wish.wanted):
        return await wish.doors()
    return None


async def _others(wish: Wish, clients: Clients) -> tuple[str, ...]:
    """The actors that the audit feed named for the control within the breaker's window."""
    since = clients.now() - BREAKER_WINDOW
    entries = await clients.storage.ledger.events(wish.wanted.tenant.tenant_id, since, "actor_named")
    return tuple(sorted({entry.actor for entry in entries if entry.control == wish.control}))


type _Radii = dict[str, tuple[Radius, str | None]]
"""How each kind of step in a plan stands to the blast radius, by signature, with the version of that."""


async def _radii(signatures: Sequence[str], clients: Clients) -> _Radii:
    return dict(zip(signatures, await asyncio.gather(*map(clients.storage.switches.radius, signatures)), strict=True))


async def _reserve(wish: Wish, fleet: int | None, row: TenantRow | None, radii: _Radii, clients: Clients) -> GateAnswer:
    """Take a place within the blast radius, a share of the *fleet*, of each kind of step in the plan."""
    if fleet is None:
        return GateAnswer("radius", passed=False, reason="fleet size unknown: no tick has counted it yet")
    if wave := await moving_wave(row, clients):
        return GateAnswer("radius", passed=True, reason=f"released by wave {wave}")
    while True:
        with suppress(RowMoved):  # somebody released a signature, or held it: ask again by what is so now
            return await _take_places(radii, wish, fleet, clients)
        radii = await _radii(tuple(radii), clients)


async def _take_places(radii: _Radii, wish: Wish, fleet: int, clients: Clients) -> GateAnswer:
    """Take the tenant's place in each signature of *radii*, or in none that it had not before.

    The first tenant beyond the radius holds the signature until a person releases it.

    Raises:
        RowMoved: A signature that was to be held is another than it was. No place was taken.
    """
    switches, written = clients.storage.switches, clients.storage.written
    for signature, (radius, _) in radii.items():
        if radius.held_since:
            await _tell(signature, radius, clients)
            return GateAnswer("radius", passed=False, reason=radius.reason)
    async with AsyncExitStack() as taken:
        for signature, (radius, _) in radii.items():
            now = clients.now()
            place = await written.reserve(signature, wish.wanted.tenant.tenant_id, now, _counted_since(radius, now))
            taken.push_async_callback(written.give_back, place)
            limit = clients.settings.radius_limit(fleet)
            answer = blast_radius(signature, place.number, fleet=fleet, limit=limit)
            if not answer.passed:
                break
        else:
            taken.pop_all()
            return GateAnswer("radius", passed=True)
    radius, version = radii[signature]
    held = replace(radius, held_since=now, reason=answer.reason)
    await switches.set_radius(signature, held, version)
    await _tell(signature, held, clients)
    return answer


def _counted_since(radius: Radius, now: datetime) -> datetime:
    """From when on places count. A release is a person's decision: those taken before it do not."""
    since = now - BLAST_WINDOW
    # The clock of the worker that took the release may be ahead of ours.
    return max(since, min(radius.released_at or since, now))


async def _tell(signature: str, held: Radius, clients: Clients) -> None:
    """Tell the operators, once for each time that *signature* is held; again where a worker died before it had."""
    await tell_operators(held_by_radius(signature, held.reason), clients, at=held.held_since)
