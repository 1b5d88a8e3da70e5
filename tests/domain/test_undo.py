from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from domain import undo
from domain.control import (
    Compliant,
    Drift,
    Drifted,
    Judgement,
    NeedsPerson,
    NotApplicable,
    Unknown,
)
from domain.facts import Facts
from domain.ledger import Entry
from domain.states import drift_view, step_view
from domain.steps import Step, Value
from domain.written import entries
from tests.domain.builders import HEALTHY, NOW, TENANT_ID, healthy, reading

FACTS = Facts(reading(healthy()))
NETWORKS = ("10.0.0.0/8", "65.99.255.0/24")
SET = Step("exchange", "Set-InboundConnector", {"Identity": "ExchangeDefender", "Enabled": True, "SenderIPAddresses": ("65.99.255.0/24",), "Comment": "c"})  # fmt: skip
RULE = "Send Automatic Replies to connector Automatic Replies"
DRIFT = (Drift("Enabled", wanted=True, found=False), Drift("SenderIPAddresses", ("65.99.255.0/24",), NETWORKS))


def entry(drift: tuple[Drift, ...], *steps: Step) -> Entry:
    made = Entry(
        at=NOW,
        tenant_id=TENANT_ID,
        control="inbound-lockdown",
        event="corrected",
        drift=drift_view(drift),
        steps=step_view(steps),
    )
    entries = TypeAdapter(Entry)
    return entries.validate_json(entries.dump_json(made))  # as the ledger gives it back


def connectors(**rows: dict[str, object]) -> Facts:
    """The healthy tenant with these inbound connectors instead, each like its own but for the fields given."""
    [ours] = HEALTHY["Get-InboundConnector"]
    listed = [ours | {"Identity": name, "Name": name, "Guid": name} | fields for name, fields in rows.items()]
    return Facts(reading(healthy() | {"Get-InboundConnector": listed}))


def test_a_setting_goes_back_to_what_was_found():
    [step] = undo.plan(entry(DRIFT, SET), FACTS).steps
    assert (step.cmdlet, dict(step.parameters)) == (
        "Set-InboundConnector",
        {"Identity": "ExchangeDefender", "Enabled": False, "SenderIPAddresses": NETWORKS},
    )


def test_steps_go_back_in_the_other_order():
    enable = Step("exchange", "Enable-TransportRule", {"Identity": RULE, "Confirm": False})
    change = Step("exchange", "Set-TransportRule", {"Identity": RULE, "Mode": "Enforce"})
    drift = (Drift("Mode", "Enforce", "Audit"), Drift("State", "Enabled", "Disabled"))
    plan = undo.plan(entry(drift, change, enable), FACTS)
    assert [s.powershell for s in plan.steps] == [
        f"Disable-TransportRule -Identity '{RULE}' -Confirm:$false",
        f"Set-TransportRule -Identity '{RULE}' -Mode 'Audit'",
    ]


def test_what_was_made_is_taken_away():
    drift = (Drift("Name", "R", None),)
    made = Step("exchange", "New-TransportRule", {"Name": "R", "Mode": "Enforce"})
    [step] = undo.plan(entry(drift, made), FACTS).steps
    assert step.powershell == "Remove-TransportRule -Identity 'R' -Confirm:$false"


PAIR: dict[str, Value] = {
    "SpoofedUser": "ceo@contoso.example", "SendingInfrastructure": "203.0.113.0/24", "SpoofType": "External",
    "Action": "Allow",
}  # fmt: skip
GONE = Step(
    "exchange", "Remove-TenantAllowBlockListSpoofItems", {"Identity": "Default", "Ids": ("7",), "Confirm": False}
)


def test_a_pair_that_was_taken_away_is_made_again_as_it_was():
    drift = tuple(Drift(f"spoofed sender x: {field}", None, value) for field, value in PAIR.items())
    [step] = undo.plan(entry(drift, GONE), FACTS).steps
    assert (step.cmdlet, dict(step.parameters)) == (
        "New-TenantAllowBlockListSpoofItems",
        {"Identity": "Default"} | PAIR,
    )
    assert undo.lasting(step_view((GONE,))) == ""


def test_an_entry_that_does_not_say_what_the_pair_was_is_not_undone():
    with pytest.raises(undo.CannotUndo, match="does not say which SendingInfrastructure was whose"):
        undo.plan(entry((Drift("spoofed sender x: Action", None, "Allow"),), GONE), FACTS)


def test_what_was_there_already_when_it_was_to_be_made_is_not_taken_away():
    made = entry((Drift("Name", "R", None),), Step("exchange", "New-TransportRule", {"Name": "R", "Mode": "Enforce"}))
    existed = replace(made, steps=tuple(replace(step, existed=True) for step in made.steps))
    with pytest.raises(undo.CannotUndo, match="may not be ours"):
        undo.plan(existed, FACTS)


PAIR = {"Identity": "Default", "SpoofedUser": "*", "SendingInfrastructure": "65.99.255.0/24", "SpoofType": "External", "Action": "Allow"}  # fmt: skip
PAIR_DRIFT = (Drift("*, 65.99.255.0/24: Action", "Allow", None),)


def test_a_pair_is_taken_away_by_the_id_that_the_tenant_lists():
    [step] = undo.plan(entry(PAIR_DRIFT, Step("exchange", "New-TenantAllowBlockListSpoofItems", PAIR)), FACTS).steps
    assert step.parameters["Ids"] == ("1",)


def test_of_several_objects_each_gets_its_own_back():
    drift = (Drift("A: Enabled", wanted=True, found=False), Drift("B: Enabled", wanted=True, found=None))
    steps = [Step("exchange", "Set-InboundConnector", {"Identity": name, "Enabled": True}) for name in ("A", "B")]
    back = undo.plan(entry(drift, *steps), connectors(A={}, B={})).steps
    assert [dict(step.parameters) for step in back] == [
        {"Identity": "B", "Enabled": None},
        {"Identity": "A", "Enabled": False},
    ]


DNS = Step("dns", "Set-DnsRecords", {"Zone": "a.example", "Name": "a.example", "Type": "TXT", "Expected": ('"old"',), "Wanted": ('"new"',)})  # fmt: skip


def test_a_record_set_goes_back_whole():
    [step] = undo.plan(entry((Drift("a.example: TXT", "new", "old"),), DNS), FACTS).steps
    assert (step.parameters["Expected"], step.parameters["Wanted"]) == (('"new"',), ('"old"',))


def key_record(domain: str) -> Entry:
    alias: dict[str, Value] = {"Zone": domain, "Name": f"selector1._domainkey.{domain}", "Type": "CNAME", "Expected": (), "Wanted": ("s1.dkim.example",)}  # fmt: skip
    return entry((Drift(f"{domain}: selector1 CNAME", "s1.dkim.example", None),), Step("dns", "Set-DnsRecords", alias))


@pytest.mark.parametrize(
    ("listed", "asked"),
    [("NorthwindLegal.example", "northwindlegal.example"), ("Bücher.example", "xn--bcher-kva.example")],
)
def test_a_dkim_record_stays_while_mail_of_its_domain_is_signed(listed, asked):
    rows = healthy()
    rows["Get-DkimSigningConfig"][0]["Domain"] = listed
    with pytest.raises(undo.CannotUndo, match=f"mail of {asked} is signed .* switch signing off first"):
        undo.plan(key_record(asked), Facts(reading(rows)))


@pytest.mark.parametrize("other", [{"Enabled": False}, {"Domain": "second.example"}], ids=["off", "another_domain"])
def test_a_dkim_record_goes_where_mail_of_its_domain_is_not_signed(other):
    rows = healthy()
    rows["Get-DkimSigningConfig"][0] |= other
    [step] = undo.plan(key_record("northwindlegal.example"), Facts(reading(rows))).steps
    assert step.parameters["Wanted"] == ()


@pytest.mark.parametrize("named", [{"Domain": "second.example"}, {}], ids=["another_domain", "nobody"])
def test_a_dkim_record_stays_while_it_cannot_be_known_whose_mail_is_signed(named):
    rows = healthy()
    rows["Get-DkimSigningConfig"] = [named]
    with pytest.raises(undo.CannotUndo, match=r"is not known: .*Get-DkimSigningConfig returned an odd object"):
        undo.plan(key_record("northwindlegal.example"), Facts(reading(rows)))


BY_HAND = {
    "no_opposite": (DRIFT, Step("exchange", "New-DkimSigningConfig", {"DomainName": "a"})),
    "known_as_text_only": ((Drift("From", None, "['a']"),), Step("exchange", "Set-TransportRule", {"Identity": "R", "From": None})),
    "not_said_whose": (
        (Drift("P: Enabled", wanted=True, found=False), Drift("Q: Enabled", wanted=True, found=None)),
        Step("exchange", "Set-InboundConnector", {"Identity": "R", "Enabled": True}),
    ),
    "not_said_at_all": ((Drift("Other", "a", "b"),), Step("exchange", "Set-InboundConnector", {"Identity": "R", "Enabled": True})),
    "gone_already": (PAIR_DRIFT, Step("exchange", "New-TenantAllowBlockListSpoofItems", PAIR | {"SpoofedUser": "a"})),
    "odd_record": (DRIFT, Step("dns", "Set-DnsRecords", {"Zone": "a", "Name": "a", "Type": "MX", "Expected": (), "Wanted": ()})),
}  # fmt: skip


@pytest.mark.parametrize(("drift", "step"), BY_HAND.values(), ids=list(BY_HAND))
def test_what_cannot_be_put_back_faithfully_is_left_to_a_person(drift, step):
    with pytest.raises(undo.CannotUndo):
        undo.plan(entry(drift, step), FACTS)


@pytest.mark.parametrize("empty", [entry(DRIFT), entry((), DNS)], ids=["no_steps", "no_drift"])
def test_an_entry_that_wrote_nothing_has_nothing_to_undo(empty):
    with pytest.raises(undo.CannotUndo, match="nothing"):
        undo.plan(empty, FACTS)


ON, OFF = (
    {"Enabled": True, "SenderIPAddresses": ["65.99.255.0/24"]},
    {"Enabled": False, "SenderIPAddresses": list(NETWORKS)},
)
STANDINGS: dict[str, tuple[dict[str, object], undo.Standing]] = {
    "as_it_was": (OFF, "before"),
    "as_we_left_it": (ON, "after"),
    "half_way": (ON | {"Enabled": False}, "between"),
    "with_an_address_that_somebody_added_since": (ON | {"SenderIPAddresses": ["65.99.255.0/24", "192.0.2.1/32"]}, "after"),
    "with_one_that_somebody_took_out_since": (ON | {"SenderIPAddresses": []}, "after"),
}  # fmt: skip
DRIFTED = Drifted((Drift("Comment", "a", "b"),), (SET,))


@pytest.mark.parametrize("judgement", [Compliant(), DRIFTED, NeedsPerson("todo")])
@pytest.mark.parametrize(("fields", "standing"), STANDINGS.values(), ids=list(STANDINGS))
def test_how_the_tenant_stands_to_an_entry_whatever_is_wanted_now(fields, standing, judgement):
    assert undo.standing(entry(DRIFT, SET), judgement, connectors(ExchangeDefender=fields)) == standing


@pytest.mark.parametrize("judgement", [Unknown("no answer"), NotApplicable("no licence")])
def test_what_was_not_read_says_nothing(judgement):
    assert undo.standing(entry(DRIFT, SET), judgement, FACTS) == "unknown"
    unread = Facts({each: read for each, read in reading(healthy()).items() if each.cmdlet != "Get-InboundConnector"})
    assert undo.standing(entry(DRIFT, SET), Compliant(), unread) == "unknown"


def test_an_object_that_is_gone_was_changed_by_somebody():
    assert undo.standing(entry(DRIFT, SET), Compliant(), connectors(Other={})) == "changed"
    with pytest.raises(undo.CannotUndo, match="no longer"):
        undo.plan(entry(DRIFT, SET), connectors(Other={}))


RULE_SET = Step("exchange", "Set-TransportRule", {"Identity": RULE, "Mode": "Enforce"})


@pytest.mark.parametrize(
    ("mode", "standing"), [("Enforce", "after"), ("Audit", "before"), ("AuditAndNotify", "changed")]
)
def test_a_value_that_is_neither_was_changed_by_somebody(mode, standing):
    rows = healthy()
    rows["Get-TransportRule"][0]["Mode"] = mode
    wrote = entry((Drift("Mode", "Enforce", "Audit"),), RULE_SET)
    assert undo.standing(wrote, Compliant(equal=frozenset({"Mode"})), Facts(reading(rows))) == standing


@pytest.mark.parametrize(("state", "standing"), [("Enabled", "after"), ("Disabled", "before")])
def test_a_rule_stands_as_it_is_switched(state, standing):
    rows = healthy()
    rows["Get-TransportRule"][0]["State"] = state
    switch = Step("exchange", "Enable-TransportRule", {"Identity": RULE, "Confirm": False})
    wrote = entry((Drift("State", "Enabled", "Disabled"),), switch)
    assert undo.standing(wrote, Compliant(), Facts(reading(rows))) == standing


PAIRS = tuple(Step("exchange", "Set-TenantAllowBlockListSpoofItems", {"Identity": "Default", "Ids": (each,), "Action": "Allow"}) for each in "12")  # fmt: skip
BLOCKED = tuple(Drift(f"*, {each}: Action", "Allow", "Block") for each in ("a", "b"))
BY_JUDGEMENT: dict[str, tuple[Judgement, undo.Standing]] = {
    "before": (Drifted(BLOCKED, PAIRS), "before"),
    "after": (Compliant(equal=frozenset(each.field for each in BLOCKED)), "after"),
    "changed": (Drifted((Drift(BLOCKED[0].field, "Allow", None),), PAIRS), "changed"),
    "gone": (NeedsPerson("todo"), "changed"),
}


@pytest.mark.parametrize(("judgement", "standing"), BY_JUDGEMENT.values(), ids=list(BY_JUDGEMENT))
def test_where_the_ledger_does_not_say_which_step_wrote_a_field_the_judgement_tells(judgement, standing):
    assert undo.standing(entry(BLOCKED, *PAIRS), judgement, FACTS) == standing


def test_so_it_does_of_what_is_no_field_of_its_object():
    wrote = entry(
        (Drift("From", None, "['a']"),), Step("exchange", "Set-TransportRule", {"Identity": RULE, "From": None})
    )
    assert undo.standing(wrote, Compliant(equal=frozenset({"From"})), FACTS) == "after"


def test_of_several_pairs_that_one_step_changed_each_counts():
    both = Step(
        "exchange", "Set-TenantAllowBlockListSpoofItems", {"Identity": "Default", "Ids": ("1", "2"), "Action": "Allow"}
    )
    rows = healthy()
    rows["Get-TenantAllowBlockListSpoofItems"][0]["Action"] = "Block"
    wrote = entry((Drift("*, a: Action", "Allow", "Block"),), both)
    assert undo.standing(wrote, Compliant(), Facts(reading(healthy()))) == "after"
    assert undo.standing(wrote, Compliant(), Facts(reading(rows))) == "changed"


MADE = entry((Drift("Name", "Scanner", None),), Step("exchange", "New-InboundConnector", {
    "Name": "Scanner", "ConnectorType": "Partner", "SenderDomains": ("*",), "SenderIPAddresses": ("203.0.113.7/32",),
    "RequireTls": False, "Enabled": True,
}))  # fmt: skip
AS_MADE: dict[str, object] = {
    "SenderIPAddresses": ["203.0.113.7"],
    "RequireTls": False,
    "RestrictDomainsToIPAddresses": False,
}


@pytest.mark.parametrize(
    ("rows", "standing"),
    [
        ({"Scanner": AS_MADE}, "after"),
        ({"Scanner": AS_MADE | {"Comment": "a note"}}, "after"),
        ({"Other": AS_MADE}, "before"),
        ({"Scanner": AS_MADE | {"SenderIPAddresses": ["203.0.113.8"]}}, "changed"),
        ({"Scanner": AS_MADE | {"TlsSenderCertificateName": "x.example"}}, "changed"),
    ],
    ids=["as_made", "with_a_comment", "gone", "another_one_of_that_name", "with_more"],
)
def test_what_was_made_is_taken_away_only_while_it_is_what_was_made(rows, standing):
    assert undo.standing(MADE, Compliant(equal=frozenset({"Name"})), connectors(**rows)) == standing


def test_what_an_undone_entry_left_is_told_as_it_is():
    more = connectors(ExchangeDefender=OFF | {"SenderIPAddresses": [*NETWORKS, "192.0.2.1/32"]})
    assert undo.now(entry(DRIFT, SET), more) == {"Enabled": False, "SenderIPAddresses": ("10.0.0.0/8", "192.0.2.1/32", "65.99.255.0/24")}  # fmt: skip
    assert undo.now(MADE, connectors(Other={})) == {"Name": None}
    assert undo.now(entry(DRIFT, SET), connectors(Other={})) == {each.field: each.found for each in DRIFT}


ADDRESSES = st.frozensets(st.sampled_from([f"192.0.2.{n}/32" for n in range(5)]))


@given(found=ADDRESSES, wanted=ADDRESSES, current=ADDRESSES)
def test_an_undo_changes_nothing_that_its_entry_did_not_change(found, wanted, current):
    assume(found != wanted)
    step = Step("exchange", "Set-InboundConnector", {"Identity": "X", "SenderIPAddresses": tuple(sorted(wanted))})
    wrote = entry((Drift("SenderIPAddresses", tuple(sorted(wanted)), tuple(sorted(found))),), step)

    def facts(addresses):
        return connectors(X={"SenderIPAddresses": sorted(addresses)})

    [back] = undo.plan(wrote, facts(current)).steps
    written = entries(back.parameters["SenderIPAddresses"])
    assert written ^ current <= found ^ wanted
    assert written & (found ^ wanted) == found & (found ^ wanted)
    assert undo.standing(wrote, Compliant(), facts(written)) == "before"
    assert (undo.standing(wrote, Compliant(), facts(current)) == "before") is (written == current)


def test_an_object_that_could_not_be_read_beside_others_is_not_taken_for_changed():
    ours = entry((Drift("a: Enabled", wanted=True, found=False),), SET)
    others = Drifted((Drift("b: Enabled", wanted=True, found=False),), (SET,), unseen=("a",))
    assert undo.standing(ours, others, FACTS) == "unknown"


def test_an_entry_without_drift_says_nothing_of_the_tenant():
    assert undo.standing(entry((), SET), Compliant(), FACTS) == "changed"


@pytest.mark.parametrize(
    ("step", "lasts"),
    [
        (SET, ""),
        (Step("exchange", "Disable-TransportRule", {"Identity": "X", "Confirm": False}), ""),
        (Step("exchange", "Enable-TransportRule", {"Identity": "X", "Confirm": False}), ""),
        (Step("dns", "Set-DnsRecords", {"Name": "a.com", "Type": "TXT", "Expected": (), "Wanted": ("x",)}), ""),
        (
            Step("exchange", "Set-TransportRule", {"Identity": "X", "FromScope": None}),
            "cannot be put back by an undo: Set-TransportRule",
        ),
        (
            Step("exchange", "Remove-InboundConnector", {"Identity": "X"}),
            "cannot be put back by an undo: Remove-InboundConnector",
        ),
    ],
)
def test_what_no_undo_could_put_back_is_said(step, lasts):
    assert undo.lasting(step_view((step,))) == lasts
