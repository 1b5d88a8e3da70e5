from dataclasses import replace
from datetime import timedelta

import pytest

from domain.control import Compliant, NeedsPerson
from domain.controls import CATALOGUE
from domain.controls.mx import guarded, mx_guard, sights
from domain.facts import Facts
from domain.findings import Inventory, found
from domain.mail.answers import Absent, Mx, Present, Question
from domain.mx_moves import MxMemories, MxMemory
from tests.domain.builders import DNS, NOW, answered, healthy, judge, reading, wanted

DOMAIN = "northwindlegal.example"


MX, TXT, DMARC = Question(DOMAIN, "MX"), Question(DOMAIN, "TXT"), Question(f"_dmarc.{DOMAIN}", "TXT")


MICROSOFT = Present((Mx(0, "northwindlegal-example.mail.protection.outlook.com"),), 300, NOW)


def unlocked():
    rows = healthy()
    rows["Get-InboundConnector"][0]["Enabled"] = False
    return rows


def test_an_mx_elsewhere_is_told_with_the_host():
    judgement = judge("mx", unlocked(), {MX: MICROSOFT})
    assert isinstance(judgement, NeedsPerson)
    assert judgement.todo.startswith(
        f"{DOMAIN}: its MX northwindlegal-example.mail.protection.outlook.com is not the filter's"
    )
    assert [drift.field for drift in judgement.drift] == [f"{DOMAIN}: MX"]


def test_an_mx_elsewhere_on_a_locked_tenant_is_an_outage_with_the_way_out_in_order():
    judgement = judge("mx", healthy(), {MX: MICROSOFT})
    assert isinstance(judgement, NeedsPerson)
    assert "being refused NOW: switch the lock-down off, move the MX back" in judgement.todo


def test_a_domain_whose_mail_is_only_passed_on_counts_and_microsofts_own_do_not():
    rows = healthy()
    names = {"relay.example": "InternalRelay", "away.example": "ExternalRelay", "x.onmicrosoft.us": "Authoritative"}
    rows["Get-AcceptedDomain"] += [{"DomainName": name, "DomainType": kind} for name, kind in names.items()]
    judgement = judge("mx", rows, {Question(name, "MX"): MICROSOFT for name in names})
    assert isinstance(judgement, NeedsPerson)
    assert [drift.field for drift in judgement.drift] == ["relay.example: MX"]


@pytest.mark.parametrize(("restricts", "outage"), [(True, True), (False, False)])
def test_a_declared_connector_locks_like_any_other(restricts, outage):
    rows = unlocked()
    rows["Get-InboundConnector"].append(
        rows["Get-InboundConnector"][0]
        | {"Name": "Relay", "Identity": "Relay", "Enabled": True, "SenderIPAddresses": ["203.0.113.7"]}
        | {"RestrictDomainsToIPAddresses": restricts}
    )
    declared = [{"name": "Relay", "sender_ips": ["203.0.113.7"]}]
    judgement = judge("mx", rows, {MX: MICROSOFT}, service_connectors=declared)
    assert isinstance(judgement, NeedsPerson)
    assert ("mail is being refused NOW" in judgement.todo) is outage


ELSEWHERE = Present((Mx(10, "mx.hoster.example"),), 300, NOW)
NOWHERE = Absent(name_exists=True, ttl_s=300, at=NOW)


@pytest.mark.parametrize(
    ("answer", "value"),
    [(ELSEWHERE, "mx.hoster.example"), (NOWHERE, "no MX"), (replace(NOWHERE, name_exists=False), "no such name")],
)
def test_a_domain_that_may_never_come_by_the_filter_is_a_finding_with_what_helps(answer, value):
    judgement = judge("mx", unlocked(), {MX: answer})
    assert isinstance(judgement, NeedsPerson)
    [finding] = judgement.findings
    assert (finding.kind, finding.name, finding.value) == ("domain", DOMAIN, value)
    assert "has a null MX, is removed or declared" in judgement.todo


def test_a_domain_whose_mx_is_still_to_be_moved_is_none():
    judgement = judge("mx", unlocked(), {MX: MICROSOFT})
    assert isinstance(judgement, NeedsPerson)
    assert judgement.findings == ()


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"DomainType": "ExternalRelay"}, "ExternalRelay"),
        ({"DomainType": "InternalRelay", "MatchSubDomains": True}, "InternalRelay, MatchSubDomains"),
        ({"DomainType": "Authoritative", "PendingRemoval": True}, "Authoritative, PendingRemoval"),
    ],
)
def test_so_is_a_domain_whose_own_mx_does_not_tell_what_would_be_refused(fields, value):
    rows = unlocked()
    rows["Get-AcceptedDomain"].append({"DomainName": "other.example"} | fields)
    judgement = judge("mx", rows, {Question("other.example", "MX"): DNS[MX]})
    assert isinstance(judgement, NeedsPerson)
    assert [(each.name, each.value) for each in judgement.findings] == [("other.example", value)]


def test_such_a_domain_is_a_finding_also_where_it_is_the_only_one():
    rows = unlocked()
    rows["Get-AcceptedDomain"][0] |= {"DomainType": "ExternalRelay"}
    judgement = judge("mx", rows)
    assert isinstance(judgement, NeedsPerson)
    assert [each.name for each in judgement.findings] == [DOMAIN]


def declaring(judgement):
    """What is wanted once the one finding of *judgement* is declared."""
    assert isinstance(judgement, NeedsPerson)
    [finding] = judgement.findings
    until = (NOW + timedelta(days=90)).isoformat()
    said = {"finding": finding.id, "kind": "domain", "control": "mx", "name": DOMAIN, "value": finding.value}
    said |= {"reason": "hosted elsewhere", "owner": "Ann", "until": until}
    target = wanted(declared=[said])
    return replace(target, inventory=Inventory({finding.id: finding}, target.tenant.declared_at(NOW)))


@pytest.mark.parametrize(
    ("answer", "said"), [(MICROSOFT, "move the MX first"), (ELSEWHERE, "MatchSubDomains, mx.hoster.example")]
)
def test_a_declaration_for_the_subdomains_is_none_for_the_domains_own_mx(answer, said):
    rows = unlocked()
    rows["Get-AcceptedDomain"][0] |= {"MatchSubDomains": True}
    target = declaring(judge("mx", rows))
    facts = answered(Facts(reading(rows)), CATALOGUE["mx"], target, DNS | {MX: answer})
    found = CATALOGUE["mx"].find(facts, target)
    assert isinstance(found, NeedsPerson)
    assert "move the MX first" in found.todo
    guard = mx_guard(facts, target, sights(facts, target), MxMemories(), NOW)
    assert not guard.passed
    assert said in guard.reason


def test_a_declared_domain_holds_nothing_open():
    target = declaring(judge("mx", unlocked(), {MX: ELSEWHERE}))
    facts = answered(Facts(reading(unlocked())), CATALOGUE["mx"], target, DNS | {MX: ELSEWHERE})
    assert isinstance(CATALOGUE["mx"].find(facts, target), Compliant)
    guard = mx_guard(facts, target, sights(facts, target), MxMemories(), NOW)
    assert "no custom domain is known" in guard.reason
    assert guarded(facts, target, sights(facts, target)) == {}


OTHER = {"DomainName": "other.example", "DomainType": "Authoritative"}
FILTERED = {Question("other.example", "MX"): DNS[MX]}


def guard_of(target, domains, *, elsewhere):
    """The guard where *domains* are listed, while a moment ago DOMAIN was seen with its MX *elsewhere*."""
    facts = Facts(reading(unlocked() | {"Get-AcceptedDomain": domains}))
    facts = answered(facts, CATALOGUE["mx"], target, DNS | FILTERED)
    kept = MxMemory(at_filter=True, until=NOW, seen_at=NOW)
    away = MxMemory(at_filter=False, until=NOW, seen_at=NOW, elsewhere=elsewhere)
    memories = MxMemories({"other.example": kept, DOMAIN: away})
    return mx_guard(facts, target, sights(facts, target), memories, NOW)


@pytest.mark.parametrize("kind", [{}, {"MatchSubDomains": True}])
@pytest.mark.parametrize(
    ("answer", "away"),
    [
        (ELSEWHERE, "mx.hoster.example"),
        (NOWHERE, "no MX"),
        (Absent(name_exists=False, ttl_s=300, at=NOW), "no MX"),
    ],
)
def test_a_domain_that_the_list_lacks_holds_the_lock_unless_it_was_declared(kind, answer, away):
    rows = unlocked()
    rows["Get-AcceptedDomain"][0] |= kind
    target = declaring(judge("mx", rows, {MX: answer}))
    [declared] = target.inventory.known.values()
    gone = replace(declared, gone_at=NOW)
    for last in (declared, gone):
        assert guard_of(knowing(target, last), [OTHER], elsewhere=(away,)).passed
    moved = found("domain", "mx", DOMAIN, "mx.another.example", "it moved since")
    long_gone = replace(gone, gone_at=NOW - timedelta(minutes=30))
    for known in ([gone, moved], [long_gone]):
        held = guard_of(knowing(target, *known), [OTHER], elsewhere=("mx.another.example",))
        assert held.reason.startswith(f"{DOMAIN}: the list of accepted domains")
    undeclared = guard_of(wanted(), [OTHER], elsewhere=(away,))
    assert (undeclared.passed, undeclared.unread) == (False, True)


def knowing(target, *findings):
    return replace(target, inventory=replace(target.inventory, known={each.id: each for each in findings}))


def test_a_domain_that_is_listed_and_takes_no_mail_here_any_more_is_not_one_that_the_list_lacks():
    domains = [OTHER, {"DomainName": DOMAIN, "DomainType": "ExternalRelay"}]
    target = declaring(judge("mx", unlocked() | {"Get-AcceptedDomain": domains}, FILTERED))
    assert guard_of(target, domains, elsewhere=("mx.hoster.example",)).passed


def test_the_guard_asks_a_domain_hosted_elsewhere_until_a_person_has_declared_it():
    target = wanted()
    facts = answered(Facts(reading(unlocked())), CATALOGUE["mx"], target, DNS | {MX: ELSEWHERE})
    assert guarded(facts, target, sights(facts, target)).keys() == {DOMAIN}
