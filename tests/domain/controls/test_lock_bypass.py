"""What the control makes of the ways round: told, declared, silent at first, unknown where one could not be read."""

from dataclasses import replace

from domain.control import Compliant, NeedsPerson, Unknown
from domain.controls import CATALOGUE
from domain.facts import Facts
from domain.findings import Inventory, found, newly_told, open_findings
from domain.lock import LockSeen
from domain.reading import Unseen
from domain.states import after_judgement
from tests.domain.builders import DNS, NOW, PROVEN, failing, healthy, judge, reading, wanted
from tests.domain.test_ways_round import STRANGER, connector, entry, told

CONTROL = CATALOGUE["lock-bypass"]


def test_a_declaration_holds_for_the_whole_and_one_more_address_is_another_finding():
    before = connector()
    [finding] = told(before).findings
    declared = replace(wanted(), inventory=replace(PROVEN, declared=frozenset({finding.id})))
    assert isinstance(CONTROL.find(Facts(reading(before), DNS), declared), Compliant)
    more = connector(SenderIPAddresses=[STRANGER, "192.0.2.7"])
    judgement = CONTROL.find(Facts(reading(more), DNS), declared)
    assert isinstance(judgement, NeedsPerson)
    assert judgement.findings[0].id != finding.id


def test_in_an_installation_that_has_tenants_the_kind_begins_silently_and_what_comes_later_is_told():
    first = replace(wanted(), inventory=Inventory(settled=frozenset(CATALOGUE)))
    judgement = CONTROL.find(Facts(reading(connector()), DNS), first)
    assert isinstance(judgement, Compliant)
    assert judgement.detail == "findings from before this version, to be declared or removed: 1"
    second = replace(first, inventory=after_judgement(first.inventory, CONTROL, judgement, NOW))
    assert isinstance(CONTROL.find(Facts(reading(connector()), DNS), second), Compliant)
    later = connector() | {"Get-TenantAllowBlockListItems": entry("a@x.example")["Get-TenantAllowBlockListItems"]}
    told = CONTROL.find(Facts(reading(later), DNS), second)
    assert isinstance(told, NeedsPerson)
    assert "a@x.example" in told.todo
    assert STRANGER not in told.todo


def test_whatever_cannot_be_read_is_named_and_the_control_is_unknown():
    assert CONTROL.find(Facts(failing(healthy(), "Get-RemoteDomain"), DNS), wanted()) == Unknown(
        "no answer", "grant it"
    )
    missing = {query: seen for query, seen in reading(healthy()).items() if "HostedContent" not in query.cmdlet}
    del missing[next(query for query in missing if query.cmdlet == "Get-RemoteDomain")]
    assert CONTROL.find(Facts(missing, DNS), wanted()) == Unknown(
        "Get-HostedContentFilterPolicy was not read; Get-RemoteDomain was not read"
    )


def test_a_way_that_was_read_is_told_while_another_part_was_not_and_what_was_known_stays():
    unread = {
        query: Unseen("no answer", NOW) if query.cmdlet == "Get-RemoteDomain" else seen
        for query, seen in reading(connector()).items()
    }
    other = replace(found("bypass", "lock-bypass", "remote domain x", "x", "y"), since=NOW)
    known = replace(wanted(), inventory=replace(PROVEN, known={other.id: other}))
    judgement = CONTROL.find(Facts(unread, DNS), known)
    assert isinstance(judgement, Unknown)
    assert judgement.reason.startswith("no answer; to be declared or removed by a person: bypass ")
    assert STRANGER in judgement.reason
    after = after_judgement(known.inventory, CONTROL, judgement, NOW)
    [new] = newly_told(known.inventory.known, after, "lock-bypass")
    assert {each.name for each in open_findings(after)} == {"remote domain x", new.name}
    declared = replace(known, inventory=replace(known.inventory, declared=frozenset({new.id})))
    assert CONTROL.find(Facts(unread, DNS), declared) == Unknown("no answer", findings=judgement.findings)


def test_an_odd_row_hides_no_way_beside_it_unless_it_may_be_the_lock():
    rows = healthy() | {"Get-TenantAllowBlockListItems": [{}, *entry("a@x.example")["Get-TenantAllowBlockListItems"]]}
    judgement = judge("lock-bypass", rows)
    assert isinstance(judgement, Unknown)
    assert judgement.reason.startswith("Get-TenantAllowBlockListItems returned an odd object: ")
    assert "a@x.example" in judgement.reason
    assert "AllowEntry" not in judgement.read

    rows = connector()
    rows["Get-InboundConnector"].append({"Name": "X"})
    hidden = judge("lock-bypass", rows)
    assert isinstance(hidden, Unknown)
    assert hidden.findings == ()


def test_where_a_part_is_never_read_only_the_first_look_at_the_others_is_silent():
    def unread(rows):
        return Facts(
            {q: Unseen("no answer", NOW) if q.cmdlet == "Get-RemoteDomain" else s for q, s in reading(rows).items()},
            DNS,
        )

    first = replace(wanted(), inventory=Inventory(settled=frozenset(CATALOGUE)))
    before = CONTROL.find(unread(connector()), first)
    assert isinstance(before, Unknown)
    assert before.reason == "no answer"
    second = replace(first, inventory=after_judgement(first.inventory, CONTROL, before, NOW))
    later = connector() | {"Get-TenantAllowBlockListItems": entry("a@x.example")["Get-TenantAllowBlockListItems"]}
    told = CONTROL.find(unread(later), second)
    assert isinstance(told, Unknown)
    assert "a@x.example" in told.reason
    assert STRANGER not in told.reason
    # What is gone of a part that was read is gone, whatever else was not.
    gone = after_judgement(second.inventory, CONTROL, CONTROL.find(unread(healthy()), second), NOW)
    assert [each.gone_at for each in gone.known.values()] == [NOW]
    # What is read for the first time later was there before, as far as anybody knows.
    granted = later | {"Get-RemoteDomain": [healthy()["Get-RemoteDomain"][0] | {"TrustedMailInboundEnabled": True}]}
    third = replace(second, inventory=after_judgement(second.inventory, CONTROL, told, NOW))
    whole = CONTROL.find(Facts(reading(granted), DNS), third)
    assert isinstance(whole, NeedsPerson)
    assert "a@x.example" in whole.todo
    assert "remote domain" not in whole.todo


def test_direct_send_is_named_only_where_no_lock_is_proven():
    open_tenant = healthy() | {"Get-InboundConnector": []}
    judgement = judge("lock-bypass", open_tenant)
    assert isinstance(judgement, Compliant)
    assert "see the control direct-send" in judgement.detail
    refused = open_tenant | {"Get-OrganizationConfig": [{"Identity": "x", "RejectDirectSend": True}]}
    assert judge("lock-bypass", refused) == Compliant()
    assert judge("lock-bypass", healthy()) == Compliant()
    proven, other = (replace(wanted(), inventory=replace(PROVEN, lock=LockSeen(NOW, why))) for why in ("", "an MX"))
    facts = Facts(reading(healthy()), DNS)
    assert CONTROL.find(facts, proven) == Compliant()
    judgement = CONTROL.find(facts, other)
    assert isinstance(judgement, Compliant)
    assert "see the control direct-send" in judgement.detail
