from dataclasses import replace

import pytest
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
from tests.domain.builders import NOW, TENANT_ID, healthy, reading

FACTS = Facts(reading(healthy()))
NETWORKS = ("10.0.0.0/8", "65.99.255.0/24")
SET = Step("exchange", "Set-InboundConnector", {"Identity": "X", "Enabled": True, "SenderIPAddresses": ("65.99.255.0/24",), "Comment": "c"})  # fmt: skip
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


def test_a_setting_goes_back_to_what_was_found():
    [step] = undo.plan(entry(DRIFT, SET), FACTS).steps
    assert (step.cmdlet, dict(step.parameters)) == (
        "Set-InboundConnector",
        {"Identity": "X", "Enabled": False, "SenderIPAddresses": NETWORKS},
    )


def test_steps_go_back_in_the_other_order():
    enable = Step("exchange", "Enable-TransportRule", {"Identity": "R", "Confirm": False})
    change = Step("exchange", "Set-TransportRule", {"Identity": "R", "Mode": "Enforce"})
    drift = (Drift("Mode", "Enforce", "Audit"), Drift("State", "Enabled", "Disabled"))
    plan = undo.plan(entry(drift, change, enable), FACTS)
    assert [s.powershell for s in plan.steps] == [
        "Disable-TransportRule -Identity 'R' -Confirm:$false",
        "Set-TransportRule -Identity 'R' -Mode 'Audit'",
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
    steps = [Step("exchange", "Set-DkimSigningConfig", {"Identity": name, "Enabled": True}) for name in ("A", "B")]
    back = undo.plan(entry(drift, *steps), FACTS).steps
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


FIELDS = frozenset({"Enabled", "SenderIPAddresses"})
STANDINGS: dict[str, tuple[Judgement, undo.Standing]] = {
    "as_it_was": (Drifted(DRIFT, (SET,)), "before"),
    "as_it_was_and_not_ours_to_mend": (NeedsPerson("todo", DRIFT), "before"),
    "as_we_left_it": (Compliant(equal=FIELDS), "after"),
    "half_way": (Drifted(DRIFT[:1], (SET,), equal=frozenset({"SenderIPAddresses"})), "between"),
    "as_somebody_made_it": (Drifted((Drift("Enabled", wanted=True, found=None),), (SET,), equal=FIELDS), "changed"),
    "gone": (Drifted((Drift("Name", "X", None),), (SET,)), "changed"),
    "unread": (Unknown("no answer"), "unknown"),
    "not_applicable": (NotApplicable("no licence"), "unknown"),
}


@pytest.mark.parametrize(("judgement", "standing"), STANDINGS.values(), ids=list(STANDINGS))
def test_how_the_tenant_stands_to_an_entry(judgement, standing):
    assert undo.standing(entry(DRIFT, SET), judgement) == standing


def test_an_object_that_could_not_be_read_beside_others_is_not_taken_for_changed():
    ours = entry((Drift("a: Enabled", wanted=True, found=False),), SET)
    others = Drifted((Drift("b: Enabled", wanted=True, found=False),), (SET,), unseen=("a",))
    assert undo.standing(ours, others) == "unknown"


def test_an_entry_without_drift_says_nothing_of_the_tenant():
    assert undo.standing(entry((), SET), Compliant()) == "changed"


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
