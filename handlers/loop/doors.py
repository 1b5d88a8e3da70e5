"""What a job sees of its tenant's doors, MX and lock, for the effect guard of the gate."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

from clients.connect import Clients
from clients.storage.states import TenantStates
from domain.control import Drifted
from domain.controls import inbound_lockdown, mail_flow
from domain.controls.mx import guarded, mx_guard
from domain.controls.per_domain import receiving
from domain.effects import effects
from domain.facts import Facts
from domain.guards import Guard
from domain.lock import OLDEST_PROOF, Doors, LockSeen
from domain.mail_reading import at_filter_since
from domain.moments import to_the_second
from domain.mx_moves import Sights
from domain.tenant import Wanted
from ncrontab import Ncrontab


@dataclass(frozen=True, slots=True)
class DoorsSeen:
    """One look at the MX of a tenant, from every server, and at the lock; None where that tells nothing."""

    sights: Sights
    at: datetime
    lock: LockSeen | None = None

    def remembered(self, states: TenantStates) -> TenantStates:
        """*states* with what was seen; seen twice is remembered once."""
        return states.remembering(states.mx.after(self.sights, self.at, locked=False)).seeing(self.lock)


def touches_doors(plan: Drifted, facts: Facts, wanted: Wanted) -> bool:
    """Whether *plan* changes who may deliver, or what is watched; where not, nothing need be looked at."""
    return any(each.closing or each.opening for each in effects(plan.steps, facts, wanted))


async def see_doors(facts: Facts, wanted: Wanted, states: TenantStates, clients: Clients) -> DoorsSeen:
    """The MX of this moment, from every server, and the lock that *facts* show."""
    sights = await clients.reader.mx(receiving(facts), wanted.profile.filter_hosts)
    seen, now = DoorsSeen(sights, clients.now()), clients.now()
    closing = mx_guard(facts, wanted, sights, seen.remembered(states).mx, now)
    return replace(seen, lock=inbound_lockdown.lock_seen(facts, wanted, closing, now))


def doors_as(seen: DoorsSeen, facts: Facts, wanted: Wanted, states: TenantStates, clients: Clients) -> Doors:
    """What the effect guard rests on. *states*: those that remember what was *seen*."""
    now = clients.now()
    closing = _held_open(states, now) or mx_guard(facts, wanted, seen.sights, states.mx, now)
    rehearsed = _rehearsed(seen, facts, wanted, states, now)
    return Doors(closing, states.lock, states.mx.was_locked_at(now), rehearsed, _oldest(clients))


async def look_at_doors(
    facts: Facts, wanted: Wanted, states: TenantStates, clients: Clients
) -> tuple[Doors, DoorsSeen]:
    """What the effect guard rests on, as *facts* and the MX of this moment show it, and what is to be remembered."""
    seen = await see_doors(facts, wanted, states, clients)
    return doors_as(seen, facts, wanted, seen.remembered(states), clients), seen


def _held_open(states: TenantStates, now: datetime) -> Guard | None:
    """What a person has opened nothing closes before its time, an undo or a removal neither."""
    exemption = states.exceptions.get(inbound_lockdown.CONTROL.id)
    until = exemption.holds_open_at(now) if exemption else None
    if exemption is None or until is None:
        return None
    why = f"mail is held open until {to_the_second(until)} ({exemption.sentence}): end that exception first"
    return Guard(passed=False, reason=why)


def _rehearsed(seen: DoorsSeen, facts: Facts, wanted: Wanted, states: TenantStates, now: datetime) -> Guard:
    """Whoever opens a lock that was seen closed must not be able to keep it open, so that needs no rehearsal."""
    if states.mx.locked_at or inbound_lockdown.is_wholly_locked(facts, wanted):
        return Guard(passed=True)
    since = at_filter_since(states.mx, wanted.tenant, guarded(facts, wanted, seen.sights))
    return mail_flow.rehearsed(replace(wanted, inventory=replace(wanted.inventory, mail=states.mail)), since, now)


def _oldest(clients: Clients) -> timedelta:
    """How old a proof of the lock may be: two intervals of the slow lane, in which the MX are looked at."""
    interval = _interval(clients.settings.slow_schedule, clients.now().date().isoformat())
    return 2 * interval if interval else OLDEST_PROOF


@lru_cache(maxsize=8)
def _interval(schedule: str, day: str) -> timedelta | None:
    return Ncrontab(schedule).interval(datetime.fromisoformat(day))
