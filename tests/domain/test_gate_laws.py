"""No plan reaches a tenant's mail without its guard: every control, every road, on simulated tenants."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from domain import undo
from domain.approval import Approval
from domain.control import Drifted
from domain.controls import CATALOGUE
from domain.gate import Brake, Circumstances, rule
from domain.guards import Guard
from domain.lock import Doors, LockSeen
from domain.steps import Step, digest
from simulator.tenant import Tenant
from simulator.world import World
from tests.domain.builders import NOW, wanted
from tests.domain.test_effects import DEEDS, FILTER, LOCKING_ONCE_ON, LOCKING_SCANNER, OTHERS, doors, facts_of, watch
from tests.domain.test_undo import entry
from tests.lives.mischief import DOMAIN, SCANNER, attempt, does

TARGET = wanted(service_connectors=[SCANNER])
SERVICE = "198.51.100.7"
"""Comes in by a connector of its own, which an undo may take away again."""
ROADS = st.fixed_dictionaries({"requested_by": st.sampled_from([None, "ann@msp.example"]), "whole": st.booleans()})


def circumstances(tenant: Tenant, control: str, closing, proven, **more) -> Circumstances:
    lock = LockSeen(NOW, "" if proven else "it is off")
    known: dict[str, Any] = {"now": NOW, "wanted": TARGET, "tenant": TARGET.tenant, "brake": Brake()}
    known |= {"facts": facts_of(tenant)}
    return Circumstances(control=control, doors=Doors(Guard(passed=closing), lock), **known, **more)


def taken(tenant: Tenant, steps: Iterable[Step]) -> tuple[bool, bool]:
    """Take *steps*, and tell whether mail that came in before is refused by now, and whether something opened."""
    mail, watched = doors(tenant), watch(tenant)
    for step in steps:
        given = {key: list(value) if isinstance(value, tuple) else value for key, value in step.parameters.items()}
        attempt(does(step.cmdlet, **given), tenant)
    now, still = doors(tenant), watch(tenant)
    stopped = any(mail[ip] and not now[ip] for ip in mail if ip != SERVICE)
    strangers = any(not mail[ip] and now[ip] for ip in OTHERS if ip != SERVICE)
    return stopped, strangers or any(on and not still.get(name, on) for name, on in watched.items())


ANY = {"closing": True, "proven": True, "answered": False, "road": {"requested_by": None, "whole": False}}


@example(names=["lock: off", LOCKING_ONCE_ON], from_nothing=False, **ANY)
@example(names=["lock: off", LOCKING_SCANNER], from_nothing=False, **ANY)
@given(
    names=st.lists(st.sampled_from(sorted(DEEDS)), max_size=5),
    from_nothing=st.booleans(),
    closing=st.booleans(),
    proven=st.booleans(),
    answered=st.booleans(),
    road=ROADS,
)
def test_no_plan_locks_without_the_guard_and_none_opens_without_the_lock(
    names, from_nothing, closing, proven, answered, road
):
    world = World(clock=lambda: datetime(2026, 11, 23, 12, tzinfo=UTC))
    tenant = world.add_tenant(DOMAIN, state="never_configured" if from_nothing else "healthy")
    for name in names:
        attempt(DEEDS[name], tenant)
    for control in CATALOGUE.values():
        plan = control.find(facts_of(tenant), TARGET)
        if not isinstance(plan, Drifted):
            continue
        answer = Approval("no filter yet", "Ann", NOW + timedelta(hours=1))
        person: dict[str, Any] = {"approvals": {step.key: answer for step in plan.steps}} if answered else {}
        asked: dict[str, Any] = {
            "requested_by": road["requested_by"],
            "approved": digest(plan.steps) if road["whole"] else None,
        }
        if rule(plan, circumstances(tenant, control.id, closing, proven, **person, **asked)).refusal:
            continue
        filtered = doors(tenant)[FILTER]
        stopped, opened = taken(tenant, plan.steps)
        assert closing or not stopped
        assert doors(tenant)[FILTER] or not filtered
        assert proven or answered or not opened
        with suppress(undo.CannotUndo):
            back = undo.plan(entry(plan.drift, *plan.steps), facts_of(tenant))
            undoing = circumstances(tenant, control.id, closing, proven, undoing=True, requested_by="ann@msp.example")
            if not rule(back, undoing).refusal:
                filtered = doors(tenant)[FILTER]
                stopped, _ = taken(tenant, back.steps)
                assert closing or not stopped
                assert doors(tenant)[FILTER] or not filtered
