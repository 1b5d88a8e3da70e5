from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.audit.attribution import Us, explained, is_ours, made_by, named
from domain.audit.record import parse_audit_record
from domain.findings import found
from domain.ledger import Entry
from domain.states import LONGEST_BETWEEN, ControlState, Span
from domain.steps import ShownStep
from tests.domain.audit.samples import AT, CLIENT, OBJECT, OTHER, raw

US = Us(CLIENT, OBJECT)


LOCK = "inbound-lockdown"


STEP = ShownStep("exchange", "Set-InboundConnector", {"Identity": "ExchangeDefender"}, "")


DRIFT_FOUND = Entry(
    at=AT, tenant_id="t", control=LOCK, event="drift_found", steps=(STEP,), last_good=AT - timedelta(minutes=5)
)


def entry(**fields):
    return replace(DRIFT_FOUND, **fields)


NOBODY = {"UserId": "Not Available", "UserKey": "Not Available", "AppId": ""}


@pytest.mark.parametrize(
    ("fields", "ours"),
    [
        ({"AppId": CLIENT.upper()}, True),
        ({"ClientAppId": CLIENT}, True),
        ({"AppAccessContext": {"ClientAppId": CLIENT}}, True),
        ({"UserId": CLIENT}, True),
        ({"UserId": f"{CLIENT}@contoso.example"}, False),
        ({"UserId": "x", "UserKey": f"{OBJECT}@contoso.example"}, False),
        ({"UserKey": f"ServicePrincipal_{OBJECT}"}, True),
        ({"TokenObjectId": OBJECT}, True),
        ({}, False),
        ({"UserId": OTHER, "AppId": OTHER}, False),
        (NOBODY | {"AppId": OTHER}, False),
        (NOBODY | {"UserKey": f"ServicePrincipal_{OTHER}"}, False),
        (NOBODY | {"AppId": "fb78d390-0c51-40cd-8e17-fdbfab77341b"}, True),
        (NOBODY, True),
        (NOBODY | {"Operation": "Remove-InboundConnector"}, False),
        (NOBODY | {"ObjectId": "Another", "Parameters": None}, False),
        (NOBODY | {"CreationTime": "2026-08-03T08:58:00"}, False),
        (NOBODY | {"CreationTime": "2026-08-03T08:30:00"}, False),
    ],
)
def test_a_write_is_ours_only_by_our_name_or_by_our_own_journal(fields, ours):
    assert is_ours(parse_audit_record(raw(**fields)), US, [entry(event="applying")]) is ours


def test_a_tenant_in_which_our_object_is_not_known_has_fewer_ways_to_know_us():
    assert not is_ours(parse_audit_record(raw(TokenObjectId="", UserId="x")), Us(CLIENT), [])


def test_a_persons_name_on_a_write_like_ours_makes_it_theirs():
    assert not is_ours(parse_audit_record(raw()), US, [entry(event="applying")])


@pytest.mark.parametrize(
    ("record", "found", "fits"),
    [
        ({}, {"at": AT + timedelta(minutes=1)}, True),
        ({"CreationTime": "2026-08-03T08:35:30"}, {}, True),
        ({"CreationTime": "2026-08-03T08:30:00"}, {}, False),
        ({"CreationTime": "2026-08-03T08:44:00"}, {}, False),
        ({"ResultStatus": "False"}, {}, False),
        ({"Operation": "Set-TransportRule"}, {}, False),
        ({"ObjectId": "Another", "Parameters": None}, {}, False),
        ({"ObjectId": OTHER, "Parameters": None}, {}, True),
        ({"ObjectId": "", "Parameters": None}, {}, True),
        ({"ObjectId": "Another"}, {"steps": ()}, True),
        ({}, {"last_good": None}, False),
    ],
)
def test_a_record_explains_the_drift_that_came_up_after_it_in_the_same_object(record, found, fits):
    assert bool(explained(parse_audit_record(raw(**record)), [entry(**found)])) is fits


def test_where_two_drifts_are_near_it_is_the_one_it_lies_in():
    near = [entry(at=AT + timedelta(minutes=m), last_good=AT + timedelta(minutes=m - 1.5)) for m in (-1, 1, 2)]
    [only] = explained(parse_audit_record(raw()), near)
    assert only.at == AT + timedelta(minutes=1)


def state(**fields):
    proofs = (Span(start=AT - timedelta(hours=2), end=AT - timedelta(minutes=5)),)
    return ControlState(id=LOCK, state="drifted", proofs=proofs, **fields)


def test_the_state_names_the_latest_who_made_its_last_drift():
    first, second = (
        parse_audit_record(raw()),
        parse_audit_record(raw(CreationTime="2026-08-03T08:42:00", UserId="eve@contoso.example")),
    )
    both = named(named(state(), second), first)
    assert both.actor == second.actor
    assert named(state(), parse_audit_record(raw(CreationTime="2026-08-03T07:00:00"))).actor is None


def test_a_state_that_was_never_well_has_no_actor():
    assert named(ControlState(id=LOCK), parse_audit_record(raw())).actor is None


@given(st.lists(st.sampled_from(["08:37:00", "08:38:00", "08:39:00"]), min_size=1, max_size=5))
def test_records_in_any_order_name_the_same_actor(times):
    records = [parse_audit_record(raw(CreationTime=f"2026-08-03T{time}", UserId=f"{time}@x.example")) for time in times]
    forth, back = state(), state()
    for record in records:
        forth = named(forth, record)
    for record in reversed(records):
        back = named(back, record)
    assert forth.actor == back.actor


def way(name, part="InboundConnector", since=AT):
    return replace(found("bypass", "lock-bypass", name, "x", "y"), part=part, since=since)


def by(operation="New-InboundConnector", **fields):
    return parse_audit_record(raw(Operation=operation, **fields))


BACKUP = {"ObjectId": "contoso.example\\Backup", "Parameters": [{"Name": "Name", "Value": "Backup"}]}


def test_a_way_round_is_made_by_who_wrote_the_same_object_just_before():
    mine, others = way("connector Backup"), [way("connector Second"), way("rule Backup", "TransportRule")]
    assert made_by(by(**BACKUP), [mine, *others]) == (mine,)
    address = replace(mine, control=LOCK, part="")
    assert made_by(by(**BACKUP), [address]) == (address,)


@pytest.mark.parametrize(
    ("fields", "since"),
    [
        (BACKUP | {"ResultStatus": "False"}, AT),
        (BACKUP, None),
        (BACKUP, AT - timedelta(minutes=3)),
        (BACKUP, AT + LONGEST_BETWEEN + timedelta(minutes=1)),
        ({"ObjectId": "Other", "Parameters": []}, AT),
        (BACKUP | {"Operation": "New-TransportRule"}, AT),
        (BACKUP | {"Operation": "New-Mailbox"}, AT),
    ],
)
def test_a_way_round_that_may_be_anybody_elses_is_nobodys(fields, since):
    fields = {"Operation": "New-InboundConnector"} | fields
    assert made_by(parse_audit_record(raw(**fields)), [way("connector Backup", since=since)]) == ()


def test_an_entry_of_a_list_is_told_by_what_was_entered_or_by_its_time_where_that_tells_one_alone():
    a, b, c = (way(f"Tenant Allow/Block List, {each}@x.example", "AllowEntry") for each in "abc")

    def entering(value):
        parameters = [{"Name": "Entries", "Value": value}]
        return by("New-TenantAllowBlockListItems", ObjectId="", Parameters=parameters)

    assert made_by(entering("{A@x.example, c@x.example}"), [a, b, c]) == (a, c)
    assert made_by(entering(""), [a]) == (a,)
    assert made_by(entering(""), [a, b]) == ()
