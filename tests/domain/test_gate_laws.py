"""No plan reaches a tenant's mail without its guard: every control, every road, on simulated tenants."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain import undo
from domain.approval import Approval
from domain.control import Control, Drift, Drifted, Judgement, NotApplicable
from domain.controls import CATALOGUE
from domain.facts import Facts
from domain.findings import Finding, Inventory
from domain.gate import Brake, Circumstances, rule
from domain.guards import Guard
from domain.lock import Doors, LockSeen
from domain.steps import Step, digest
from domain.tenant import Wanted
from simulator.tenant import Tenant
from simulator.world import World
from tests.domain.builders import NOW, PROVEN, answered, healthy, reading, wanted
from tests.domain.test_effects import (
    ASKING,
    ASKING_ONCE_ON,
    DEEDS,
    FILTER,
    LOCKING_ONCE_ON,
    LOCKING_SCANNER,
    OTHERS,
    doors,
    facts_of,
    watch,
)
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


@dataclass(frozen=True)
class Outcome:
    """stopped: mail that came in before is refused by now. let_in: mail of strangers comes in. opened: or is watched
    less."""

    stopped: bool
    let_in: bool
    opened: bool


def taken(tenant: Tenant, steps: Iterable[Step]) -> Outcome:
    """Take *steps*, and tell what came of them."""
    mail, watched = doors(tenant), watch(tenant)
    for step in steps:
        given = {key: list(value) if isinstance(value, tuple) else value for key, value in step.parameters.items()}
        attempt(does(step.cmdlet, **given), tenant)
    now, still = doors(tenant), watch(tenant)
    stopped = any(mail[ip] and not now[ip] for ip in mail if ip != SERVICE)
    strangers = any(not mail[ip] and now[ip] for ip in OTHERS if ip != SERVICE)
    return Outcome(stopped, strangers, strangers or any(on and not still.get(name, on) for name, on in watched.items()))


ANY = {"closing": True, "proven": True, "answered": False, "road": {"requested_by": None, "whole": False}}


@example(names=[ASKING_ONCE_ON], from_nothing=False, **ANY)
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
        outcome = taken(tenant, plan.steps)
        assert closing or not outcome.stopped
        assert doors(tenant)[FILTER] or not filtered
        assert proven or answered or not outcome.opened
        assert answered or not outcome.let_in  # a lock that is proven lets nobody in: it would have been taken off
        with suppress(undo.CannotUndo):
            back = undo.plan(entry(plan.drift, *plan.steps), facts_of(tenant))
            undoing = circumstances(tenant, control.id, closing, proven, undoing=True, requested_by="ann@msp.example")
            if not rule(back, undoing).refusal:
                filtered = doors(tenant)[FILTER]
                outcome = taken(tenant, back.steps)
                assert closing or not outcome.stopped
                assert doors(tenant)[FILTER] or not filtered


FIRST_SIGHT = replace(TARGET, inventory=Inventory(begun=PROVEN.begun))
ON_THE_LOCK = sorted(name for name in DEEDS if name.startswith("lock: "))


@example(names=["lock: with a certificate"], proven=True, first_sight=True)
@example(names=[ASKING], proven=True, first_sight=True)
@settings(max_examples=25)  # each judges every finding anew: a second
@given(names=st.lists(st.sampled_from(ON_THE_LOCK), max_size=4), proven=st.booleans(), first_sight=st.booleans())
def test_no_removal_passes_by_a_lock_that_it_takes_away_or_stops_what_the_filter_hands_over(names, proven, first_sight):
    tenant = World(clock=lambda: datetime(2026, 11, 23, 12, tzinfo=UTC)).add_tenant(DOMAIN)
    for name in names:
        attempt(DEEDS[name], tenant)
    looked = FIRST_SIGHT if first_sight else TARGET
    there = {each.id for control in CATALOGUE.values() for each in told(judged(control, tenant, looked))}
    for finding, control in product(sorted(there), CATALOGUE.values()):
        asked = replace(looked, inventory=looked.inventory.without(finding))
        plan = judged(control, tenant, asked)
        steps = tuple(each for each in plan.steps if finding in each.removes) if isinstance(plan, Drifted) else ()
        if not isinstance(plan, Drifted) or not steps:
            continue
        by_ann = circumstances(tenant, control.id, True, proven, requested_by="ann@msp.example")
        if rule(plan.only(steps), by_ann).refusal:
            continue
        filtered = doors(tenant)[FILTER]
        assert not taken(tenant, steps).let_in
        assert doors(tenant)[FILTER] or not filtered


ADDRESSES: dict[str, Any] = {"SenderIPAddresses": ()}


@example(row={"TlsSenderCertificateName": "Scan.example"}, asked=True, values=ADDRESSES, name="Scan")
@given(
    name=st.sampled_from(["Scan", "Gone"]),
    row=st.fixed_dictionaries(
        {},
        optional={
            "TlsSenderCertificateName": st.sampled_from(["Scan.example", "x.example"]),
            "RestrictDomainsToIPAddresses": st.booleans(),
            "RestrictDomainsToCertificate": st.booleans(),
            "RequireTls": st.just("odd"),
        },
    ),
    asked=st.booleans(),
    values=st.fixed_dictionaries(
        {"SenderIPAddresses": st.just(())},
        optional={
            "TlsSenderCertificateName": st.sampled_from([None, "", "x.example", "scan.example"]),
            "RestrictDomainsToIPAddresses": st.booleans(),
        },
    ),
)
def test_no_plan_empties_what_limits_a_connector_unless_a_declared_certificate_still_limits_it(
    name, row, asked, values
):
    target = wanted(service_connectors=[{"name": "Scan", "certificate": "scan.example"}])
    there = {"Identity": name, "Name": name, "SenderIPAddresses": [SERVICE], "RestrictDomainsToIPAddresses": False}
    rows = healthy()
    rows["Get-InboundConnector"].append(rows["Get-InboundConnector"][0] | there | {"Guid": "9"} | row)
    step = Step("exchange", "Set-InboundConnector", {"Identity": "Scan", **values})
    known: dict[str, Any] = {"now": NOW, "wanted": target, "tenant": target.tenant, "brake": Brake()}
    doors = Doors(Guard(passed=True), LockSeen(NOW, ""))
    around = Circumstances(
        control="lock-bypass",
        facts=Facts(reading(rows)),
        doors=doors,
        requested_by="ann@msp.example" if asked else None,
        **known,
    )
    ruling = rule(Drifted((Drift("x", None, "y"),), (step,)), around)
    left = rows["Get-InboundConnector"][-1] | values
    limited = str(left["TlsSenderCertificateName"]).casefold() == "scan.example"
    fine = asked and limited and not left["RestrictDomainsToIPAddresses"] and left["RequireTls"] != "odd"
    fine = fine and name == "Scan"
    assert fine or (ruling.refusal is not None)
    if fine and row == {"TlsSenderCertificateName": "Scan.example"} and values == ADDRESSES:
        assert ruling.refusal is None


def judged(control: Control, tenant: Tenant, asked: Wanted) -> Judgement:
    return control.find(answered(facts_of(tenant), control, asked, {}), asked)


def told(judgement: Judgement) -> tuple[Finding, ...]:
    return () if isinstance(judgement, NotApplicable) else judgement.findings
