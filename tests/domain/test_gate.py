from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.approval import Approval
from domain.control import Drift, Drifted
from domain.controls import CATALOGUE
from domain.dns_steps import RecordChange
from domain.exemption import Exemption
from domain.facts import Facts
from domain.findings import Finding, Inventory, found
from domain.gate import Brake, Circumstances, blast_radius, radius_limit, rule
from domain.guards import Guard
from domain.lock import Doors, LockSeen
from domain.mail.answers import Txt
from domain.steps import Step, digest
from tests.domain.builders import HEALTHY, NOW, reading, wanted


def planned(cmdlet: str, **parameters: Any) -> Drifted:
    return Drifted((Drift("Enabled", wanted=True, found=False),), (Step("exchange", cmdlet, parameters),))


FACTS = Facts(
    reading(
        HEALTHY
        | {
            "Get-InboundConnector": [HEALTHY["Get-InboundConnector"][0] | {"RequireTls": False}],
            "Get-AntiPhishPolicy": [HEALTHY["Get-AntiPhishPolicy"][0] | {"EnableSpoofIntelligence": True}],
        }
    )
)
PLAN = planned("Set-TransportRule", Identity="Send Automatic Replies to connector Automatic Replies", Mode="Enforce")
CLOSES = planned("Set-InboundConnector", Identity="ExchangeDefender", RequireTls=True)
OPENS = planned("Set-AntiPhishPolicy", Identity="Office365 AntiPhish Default", EnableSpoofIntelligence=False)
NOT_AT_THE_FILTER = Guard(passed=False, reason="a.com: its MX")
PASSED = Guard(passed=True)
LATER = NOW + timedelta(hours=1)
FREEZE = {"start": (NOW - timedelta(hours=1)).isoformat(), "end": LATER.isoformat(), "reason": "migration"}


def around(**changes: Any) -> Circumstances:
    """A quiet day, but for *changes*; *config*: the tenant's as it is now."""
    tenant = wanted(**changes.pop("config", {})).tenant
    quiet: dict[str, Any] = {"now": NOW, "control": "oof-rule", "wanted": wanted(), "tenant": tenant}
    return Circumstances(**quiet | {"brake": Brake(), "facts": FACTS, "doors": doors()} | changes)


def doors(closing: Guard = PASSED, against: str = "") -> Doors:
    """The tenant's doors: whether the lock may close, and what speaks against it being proven."""
    return Doors(closing, LockSeen(NOW, against))


def test_a_quiet_day_passes_every_part_in_the_designs_order():
    ruling = rule(PLAN, around())
    assert ruling.refusal is None
    assert [a.gate for a in ruling.answers] == [
        "order", "tenant", "freeze", "exception", "mode", "approval", "guard", "rehearsal", "empty-set", "breaker", "lease", "brake",
    ]  # fmt: skip


HOLDS = {
    "order": (around(waits_for="oof-connector"), "waits for oof-connector"),
    "tenant": (around(config={"enabled": False}), "switched off"),
    "freeze": (around(config={"freeze": [FREEZE]}), "migration"),
    "exception": (around(exemption=Exemption(reason="test lab", owner="Ann", until=LATER)), "accepted by Ann"),
    "mode": (around(config={"mode": "observe"}), "only observed"),
    "guard": (around(doors=doors(NOT_AT_THE_FILTER)), "a.com: its MX"),
    "breaker": (around(put_back=3), "put back 3 times in 24 hours"),
    "lease": (around(lease_lost=True), "the lease on the tenant was lost"),
    "brake": (around(brake=Brake(engaged=True, reason="stop")), "stop"),
}


@pytest.mark.parametrize(("gate", "case"), HOLDS.items(), ids=list(HOLDS))
def test_each_part_holds_with_its_reason_and_nothing_after_it_is_asked(gate, case):
    circumstances, reason = case
    ruling = rule(CLOSES, circumstances)
    assert ruling.refusal
    assert ruling.refusal.gate == gate
    assert reason in ruling.refusal.reason
    assert reason in ruling.refusal.sentence
    assert ruling.answers[-1] == ruling.refusal


def held(plan: Drifted, **changes: Any) -> str:
    """Why the effect guard holds *plan*, whichever control planned it; empty where it passes."""
    [refusal] = {rule(plan, around(control=control, **changes)).refusal for control in CATALOGUE}
    assert refusal is None or refusal.gate == "guard"
    return refusal.reason if refusal else ""


def test_what_closes_needs_the_mx_guard_whoever_planned_it():
    assert held(CLOSES, doors=None) == "the MX records were not read"
    assert held(CLOSES, doors=doors(NOT_AT_THE_FILTER)) == "a.com: its MX"
    assert held(CLOSES, doors=doors(NOT_AT_THE_FILTER), undoing=True) == "a.com: its MX"
    assert held(CLOSES, doors=doors(against="the connector is off")) == ""


DOMAIN = replace(found("domain", "mx", "shop.example", "203.0.113.9", "its mail would be refused"), since=NOW)
NOTED = replace(found("connector", "inbound-lockdown", "Old filter", "*", "it was loosened"), noted=True)
STRANGER = replace(found("bypass", "lock-bypass", "Backup", "198.51.100.9", "mail comes in"), since=NOW)


def knowing(*findings: Finding, declared: str = "") -> dict[str, Any]:
    known = {each.id: each for each in findings}
    return {"wanted": replace(wanted(), inventory=Inventory(known, frozenset({declared})))}


def test_a_finding_of_any_control_whose_mail_would_be_refused_holds_the_first_close_by_name():
    named = "to be declared or removed by a person: domain '203.0.113.9' on 'shop.example': its mail would be refused"
    assert held(CLOSES, **knowing(DOMAIN, NOTED, STRANGER)) == named
    assert held(CLOSES, doors=doors(NOT_AT_THE_FILTER), **knowing(DOMAIN)) == f"a.com: its MX; {named}"
    told = Guard(passed=False, reason=named)
    assert held(CLOSES, doors=doors(told), **knowing(DOMAIN)) == named
    assert held(CLOSES, **knowing(DOMAIN, declared=DOMAIN.id)) == ""
    assert held(CLOSES, **knowing(replace(DOMAIN, gone_at=NOW))) == ""
    assert held(CLOSES, doors=replace(doors(), seen_locked=True), **knowing(DOMAIN)) == ""
    assert held(CLOSES, **knowing(NOTED, STRANGER)) == ""


@pytest.mark.parametrize("passed", [True, False])
def test_what_closes_for_the_first_time_is_rehearsed_and_what_closes_nothing_need_not_be(passed):
    known = replace(doors(), rehearsed=Guard(passed, "the mail says so"))
    closing, other = rule(CLOSES, around(doors=known)), rule(PLAN, around(doors=known))
    told = {each.gate: each for each in closing.answers}
    assert (told["rehearsal"].passed, told["rehearsal"].reason) == (passed, "the mail says so")
    assert (closing.refusal is None) is passed
    assert other.refusal is None
    assert next(each.reason for each in other.answers if each.gate == "rehearsal") == ""


def test_what_opens_needs_a_lock_that_is_proven_whoever_planned_it():
    off = "; spoof intelligence would be off in 'Office365 AntiPhish Default'"
    assert held(OPENS, doors=None) == f"lock not proven: the tenant's doors were not read{off}"
    assert (
        held(OPENS, doors=Doors(Guard(passed=True), None)) == f"lock not proven: the tenant's doors were not read{off}"
    )
    assert held(OPENS, doors=doors(against="it is off")) == f"lock not proven: it is off{off}"
    assert held(OPENS, doors=doors(against="it is off"), requested_by="ann") == f"lock not proven: it is off{off}"
    assert held(OPENS, doors=doors()) == ""


def test_a_proof_of_the_lock_is_no_older_than_two_intervals():
    old = Doors(Guard(passed=True), LockSeen(NOW - timedelta(minutes=31)))
    assert held(OPENS, doors=old).startswith("lock not proven: last read at 2026-11-23 11:29:00 UTC")
    assert held(OPENS, doors=replace(old, lock=LockSeen(NOW - timedelta(minutes=30)))) == ""


def test_an_undo_is_a_persons_word_for_what_opens():
    assert held(OPENS, doors=doors(against="it is off"), undoing=True) == ""


@pytest.mark.parametrize("word", [{"requested_by": "ann"}, {"undoing": True, "requested_by": "ann"}])
def test_what_refuses_the_filters_own_mail_passes_nobodys_word(word):
    lock = HEALTHY["Get-InboundConnector"][0]
    other = lock | {"Identity": "Scanner", "Name": "Scanner", "SenderIPAddresses": ["198.51.100.7"]}
    facts = Facts(reading(HEALTHY | {"Get-InboundConnector": [lock, other]}))
    plan = planned("Remove-InboundConnector", Identity="ExchangeDefender", Confirm=False)
    said = held(plan, facts=facts, doors=doors(), **word)
    assert said.startswith("mail that the filter hands over from 65.99.255.0/24 would be refused")


def test_a_person_may_answer_for_a_step_that_opens_until_a_date():
    approval, [step], unproven = Approval("no filter yet", "Ann", LATER), OPENS.steps, doors(against="it is off")
    assert held(OPENS, doors=unproven, approvals={step.key: approval}) == ""
    over = replace(approval, until=NOW)
    assert held(OPENS, doors=unproven, approvals={step.key: over}).startswith("lock not proven")
    assert held(OPENS, doors=unproven, approvals={"0" * 16: approval}).startswith("lock not proven")
    closing = {CLOSES.steps[0].key: approval}
    assert held(CLOSES, doors=doors(NOT_AT_THE_FILTER), approvals=closing) == "a.com: its MX"


def test_every_step_of_a_plan_that_opens_is_answered_for():
    alert = Step("compliance", "Set-ProtectionAlert", {"Identity": "Suspicious connector activity", "Disabled": True})
    one = {OPENS.steps[0].key: Approval("no filter yet", "Ann", LATER)}
    both = replace(OPENS, steps=(*OPENS.steps, alert))
    assert "'Suspicious connector activity' would be off" in held(both, doors=doors(against="off"), approvals=one)


def test_what_is_no_matter_of_the_doors_needs_nothing_of_them():
    assert held(PLAN, doors=None) == ""


UNLOCKS: dict[str, dict[str, Any]] = {
    "off": {"Enabled": False},
    "loosened": {"RestrictDomainsToIPAddresses": False},
    "for one sender": {"SenderDomains": ("partner.example",)},
    "for one domain": {"AssociatedAcceptedDomains": ("other.example",)},
    "without TLS": {"RequireTls": False},
    "for a stranger too": {"SenderIPAddresses": ("65.99.255.0/24", "203.0.113.7")},
}


@pytest.mark.parametrize("fields", UNLOCKS.values(), ids=UNLOCKS)
def test_what_takes_from_the_lock_has_no_proof_of_that_lock_to_rest_on(fields):
    plan, facts = planned("Set-InboundConnector", Identity="ExchangeDefender", **fields), Facts(reading(HEALTHY))
    said = held(plan, facts=facts, doors=doors(), requested_by="ann")
    assert said.startswith("lock not proven: the plan takes from the lock itself; connector 'ExchangeDefender' would ")
    answered = {plan.steps[0].key: Approval("the filter is left", "Ann", LATER)}
    assert held(plan, facts=facts, doors=doors(), approvals=answered) == ""
    assert held(plan, facts=facts, doors=doors(), undoing=True) == ""


def test_nothing_else_in_a_plan_rests_on_a_lock_that_the_plan_takes_off():
    off = planned("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    answered = {off.steps[0].key: Approval("the filter is left", "Ann", LATER)}
    for steps in ((*off.steps, *OPENS.steps), (*OPENS.steps, *off.steps)):
        said = held(replace(off, steps=steps), doors=doors(), approvals=answered)
        assert said.startswith("lock not proven: the plan takes from the lock itself; spoof intelligence would be off")


def test_a_lock_for_others_than_the_filter_is_taken_off_on_the_proof_of_the_filters():
    lock = HEALTHY["Get-InboundConnector"][0]
    old = lock | {"Identity": "Old", "Name": "Old", "SenderIPAddresses": ["203.0.113.0/24"]}
    facts = Facts(reading(HEALTHY | {"Get-InboundConnector": [lock, old]}))
    plan = planned("Set-InboundConnector", Identity="Old", Enabled=False)
    assert held(plan, facts=facts, doors=doors()) == ""
    assert held(plan, facts=facts, doors=doors(against="it is off")).startswith("lock not proven: it is off")


def test_a_step_whose_effect_is_not_known_needs_both():
    odd = planned("Set-OrganizationConfig", RejectDirectSend=False)
    assert held(odd, doors=doors(NOT_AT_THE_FILTER)) == "a.com: its MX"
    assert held(odd, doors=doors(against="it is off")).startswith("lock not proven")
    assert held(odd, doors=doors()).startswith("lock not proven: the plan takes from the lock itself")
    assert held(odd, doors=doors(), approvals={odd.steps[0].key: Approval("tried out", "Ann", LATER)}) == ""
    made = planned("New-DkimSigningConfig", DomainName="a.example")
    assert held(made, doors=doors(against="it is off")).startswith("lock not proven: it is off")
    assert held(made, doors=doors()) == ""
    assert held(CLOSES, facts=None, doors=doors(NOT_AT_THE_FILTER)) == "a.com: its MX"


def test_a_tenant_that_is_gone_or_has_other_dns_providers_by_now_is_not_written():
    zone = {"contoso.example": {"kind": "cloudflare", "secret_setting": "HOLDFAST_DNS_SECRET_X"}}
    for changes in ({"tenant": None}, {"config": {"dns": zone}}):
        refusal = rule(PLAN, around(**changes)).refusal
        assert refusal
        assert refusal.gate == "tenant"


@pytest.mark.parametrize(
    "config",
    [
        {"overrides": {"delivery_networks": ["65.99.255.0/25"]}},
        {"service_connectors": [{"name": "Scanner", "sender_ips": ["198.51.100.7"]}]},
    ],
)
def test_what_was_planned_for_another_config_than_counts_now_is_not_written(config):
    refusal = rule(PLAN, around(config=config)).refusal
    assert refusal
    assert refusal.sentence == "tenant: its overrides or service connectors were changed meanwhile"


def test_what_the_mode_is_now_counts_and_not_what_it_was_when_it_was_planned():
    changed = around(wanted=wanted(mode="correct"), config={"controls": {"oof-rule": {"mode": "approve"}}})
    ruling = rule(PLAN, changed)
    assert ruling.refusal
    assert (ruling.refusal.gate, ruling.mode) == ("mode", "approve")


def test_what_is_no_plan_is_not_said_to_wait_for_an_approval_of_one():
    refusal = rule(None, around(config={"mode": "approve"})).refusal
    assert refusal
    assert refusal.reason == "its mode is approve"


def test_an_exception_ends_by_itself():
    assert rule(PLAN, around(exemption=Exemption(reason="r", owner="o", until=NOW))).refusal is None


def test_waiting_for_approval_names_the_very_plan():
    held = rule(PLAN, around(config={"mode": "approve"})).refusal
    assert held and digest(PLAN.steps) in held.reason


@pytest.mark.parametrize("passes", [{"config": {"mode": "observe"}}, {"config": {"mode": "approve"}}, {"put_back": 9}])
def test_a_person_who_asks_passes_mode_and_breaker(passes):
    assert rule(PLAN, around(**passes, requested_by="ann@msp.example")).refusal is None


def test_a_yes_to_one_plan_is_a_yes_to_no_other():
    asked = {"config": {"mode": "approve"}, "requested_by": "ann@msp.example"}
    assert rule(PLAN, around(**asked, approved=digest(PLAN.steps))).refusal is None
    held = rule(PLAN, around(**asked, approved="0" * 16)).refusal
    assert held and held.reason == f"waits for approval of plan {digest(PLAN.steps)}"


@pytest.mark.parametrize("mode", ["correct", "approve"])
def test_a_plan_that_needs_approval_waits_for_it_in_every_mode_and_whoever_asks(mode):
    first = replace(PLAN, needs_approval=True)
    config = {"mode": mode}
    for circumstances in (around(config=config), around(config=config, requested_by="Ann")):
        refusal = rule(first, circumstances).refusal
        assert refusal
        assert refusal.reason == f"waits for approval of plan {digest(PLAN.steps)}"
    approved = around(config=config, requested_by="Ann", approved=digest(PLAN.steps))
    assert rule(first, approved).refusal is None


@pytest.mark.parametrize("gate", [gate for gate in HOLDS if gate not in {"mode", "breaker"}])
def test_a_person_who_asks_passes_nothing_else(gate):
    circumstances, _ = HOLDS[gate]
    asked = replace(circumstances, requested_by="ann@msp.example")
    assert (refusal := rule(CLOSES, asked).refusal) and refusal.gate == gate


@pytest.mark.parametrize("empty", [(), ""])
def test_an_empty_set_is_never_written(empty):
    plan = planned("Set-InboundConnector", Identity="ExchangeDefender", SenderDomains=empty)
    answered = {plan.steps[0].key: Approval("the filter is left", "Ann", LATER)}
    assert (refusal := rule(plan, around(approvals=answered)).refusal) and refusal.gate == "empty-set"


def test_a_first_record_may_be_made_where_there_is_nothing_and_only_a_person_takes_it_back():
    made = RecordChange("a.example", "_dmarc.a.example", "TXT", (), (Txt((b"v=DMARC1; p=none",)),))
    assert rule(Drifted(PLAN.drift, (made.step(),)), around()).refusal is None
    back = Drifted(PLAN.drift, (made.back.step(),))
    assert (refusal := rule(back, around()).refusal) and refusal.gate == "empty-set"
    assert rule(back, around(requested_by="ann")).refusal is None


def test_an_empty_comment_is_no_empty_set():
    plan = planned("Set-InboundConnector", Identity="ExchangeDefender", Comment="")
    assert rule(plan, around()).refusal is None


@pytest.mark.parametrize(
    ("rank", "fleet", "passed"),
    [
        (50, 1000, True),
        (51, 1000, False),
        (25, 100, True),
        (26, 100, False),
        (10, 12, True),
        (11, 12, False),
        (1, 0, True),
    ],
)
def test_the_blast_radius_is_the_smaller_of_the_number_and_the_share(rank, fleet, passed):
    answer = blast_radius("spf:dns", rank, fleet=fleet, limit=radius_limit(fleet, most_tenants=50, most_percent=25))
    assert answer.passed == passed
    assert ("tenants would get spf:dns within an hour" in answer.reason) == (not passed)


def test_the_way_out_passes_mode_freeze_breaker_and_guard_but_no_brake():
    config = {"mode": "observe", "freeze": [FREEZE]}
    asked = around(config=config, way_out=True, put_back=9)
    assert rule(CLOSES, asked).refusal is None
    stopped = rule(CLOSES, around(config=config, way_out=True, brake=Brake(engaged=True, reason="incident")))
    assert stopped.refusal is not None
    assert stopped.refusal.gate == "brake"


def test_a_plan_that_was_made_by_another_version_of_the_profile_is_not_carried_out():
    refusal = rule(PLAN, around(moved=True)).refusal
    assert refusal
    assert (refusal.gate, refusal.reason) == ("tenant", "it was moved to another version of its profile meanwhile")
