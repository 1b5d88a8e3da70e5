"""The states of a tenant, as the table gives them back; rows of the former version among them."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from azure.data.tables.aio import TableServiceClient
from pydantic import TypeAdapter

from clients.storage.states import TenantStates
from domain.controls import CATALOGUE
from domain.corrections import Correction, Memory
from domain.findings import found
from domain.lock import LockSeen
from domain.mail_flow import MailSeen, Traffic
from domain.states import ControlState
from tests.domain.builders import wanted
from tests.former import LIVED, MADE, ROWS, document, restore
from tests.handlers.conftest import fresh

SINCE_THEN = {"corrections", "memories", "proven_once", "partial", "asked"}
TIME = "2026-11-23T12:00:00+00:00"
NO_FINDING = {"finding": ""}
UNTIL_THEN = {"correction", "tried", "missed", "made"}


@pytest.fixture
async def tables(azurite_connection):
    async with fresh(azurite_connection) as service:
        yield service.clients.storage


def json_of(document):
    return TypeAdapter(type(document)).dump_python(document, mode="json")


def at(time):
    return None if time is None else datetime.fromisoformat(time)


@pytest.mark.parametrize("tenant_id", [LIVED, MADE])
async def test_a_row_of_the_former_version_loses_nothing(tables, azurite_connection, tenant_id):
    await restore(azurite_connection, tenant_id)
    former = document("states", tenant_id, "controls")
    states = await tables.states.load(tenant_id)
    shown = json_of(states)
    assert (shown["exceptions"], shown["looked"]) == (former["exceptions"], former["looked"])
    assert shown["mx"]["locked_at"] == former["mx"]["locked_at"]
    assert shown["mx"]["domains"].keys() == former["mx"]["domains"].keys()
    for name, domain in former["mx"]["domains"].items():
        assert {key: shown["mx"]["domains"][name][key] for key in domain} == domain
    assert (states.lock, states.approvals) == (None, {})
    assert states.controls.keys() == former["controls"].keys()
    for control, was in former["controls"].items():
        now = shown["controls"][control]
        assert {key: now[key] for key in now.keys() - SINCE_THEN} == {key: was[key] for key in was.keys() - UNTIL_THEN}
        every_correction_is_there(states.of(control), was["correction"])
        every_memory_is_there(states.of(control), was)


def every_correction_is_there(state: ControlState, group):
    changes = group["changes"] if group else []
    assert [correction.key for correction in state.corrections] == [change["key"] for change in changes]
    for correction, change in zip(state.corrections, changes, strict=True):
        assert (correction.entry, correction.seen_at) == (group["entry"], at(group["seen_at"]))
        assert (json_of(correction.step), json_of(correction)["drift"]) == (change["step"], change["drift"])
        assert correction.sent_at == at(change["sent_at"])
        phase = "planned" if change["sent_at"] is None else "answered" if change["answered"] else "sent"
        assert correction.phase == phase


def every_memory_is_there(state: ControlState, was):
    known = {**state.memories, **{correction.key: correction.memory for correction in state.corrections}}
    for key, tried in was["tried"].items():
        memory = known[key]
        assert (memory.failed_at, memory.why) == (at(tried["at"]), tried["why"])
        assert memory.patient_until == at(tried["patient_until"])
        assert memory.due_at == at(tried["at"]) + timedelta(hours=6)
    for key, missed in was["missed"].items():
        assert (known[key].hindrance, known[key].jobs) == (missed["reason"], missed["jobs"])
    for key, made in was["made"].items():
        assert known[key].proven_at == at(made)


def test_the_rows_have_every_kind_of_thing_that_a_state_could_remember():
    states = document("states", MADE, "controls")["controls"].values()
    changes = [change for state in states if state["correction"] for change in state["correction"]["changes"]]
    assert {(change["sent_at"] is not None, change["answered"]) for change in changes} == {
        (False, False),
        (True, False),
        (True, True),
    }
    assert any(change["step"].get("existed") for change in changes)
    assert all(any(state[kind] for state in states) for kind in ("tried", "missed", "made", "proofs", "actor"))


async def test_the_entries_of_the_former_version_lose_nothing(tables, azurite_connection):
    await restore(azurite_connection, LIVED)
    page = await tables.ledger.page(LIVED)
    assert [json_of(entry) for entry in page] == [
        document("ledger", LIVED, entry["RowKey"]) | NO_FINDING for entry in ROWS["ledger"]
    ]


async def test_the_operations_of_the_former_version_lose_nothing(tables, azurite_connection):
    await restore(azurite_connection, LIVED)
    [row] = ROWS["operations"]
    operation = await tables.operations.get(row["PartitionKey"])
    assert json_of(operation) == document("operations", row["PartitionKey"], "operation") | NO_FINDING | {
        "goes_on": False
    }


async def test_a_row_of_before_begins_new_kinds_silently_and_takes_for_drift_what_was_drift(tables, azurite_connection):
    await restore(azurite_connection, LIVED)
    states = await tables.states.load(LIVED)
    assert states.findings == {}
    assert {"inbound-lockdown/address", "spoof-allow/term"} < states.begun
    assert not {"lock-bypass/bypass", "spf/term", "mx/domain"} & states.begun


async def test_findings_are_given_back_as_they_were_saved(tables):
    finding = replace(found("address", "inbound-lockdown", "ExchangeDefender", "203.0.113.7/32", "x"), since=at(TIME))
    saved = await tables.states.save(MADE, TenantStates(findings={finding.id: finding}))
    again = await tables.states.load(MADE)
    assert again.findings == saved.findings == {finding.id: finding}
    assert again.begun == TenantStates().begun


async def rewritten(azurite_connection, change):
    """The one row of `states`, with its document as *change* makes it."""
    async with TableServiceClient.from_connection_string(azurite_connection) as account:
        table = account.get_table_client("states")
        [row] = [dict(each) async for each in table.list_entities() if "body0" in each]
        document = json.loads(row["body0"])
        change(document)
        await table.upsert_entity(row | {"body0": json.dumps(document)})


async def test_a_row_of_before_the_message_trace_loads_and_its_trace_was_never_asked(tables, azurite_connection):
    finding = replace(found("address", "inbound-lockdown", "ExchangeDefender", "203.0.113.7/32", "x"), since=at(TIME))
    await tables.states.save(MADE, TenantStates(findings={finding.id: finding}, mail=MailSeen(locked=True)))
    await rewritten(azurite_connection, lambda document: document.pop("mail"))
    again = await tables.states.load(MADE)
    assert (again.newer, again.findings, again.mail) == (False, {finding.id: finding}, MailSeen())
    assert not again.mail.was_asked
    saved = await tables.states.save(MADE, again.hearing(MailSeen(locked=False)))
    assert (await tables.states.load(MADE)).mail == saved.mail == MailSeen(locked=False)


async def test_what_a_row_said_of_the_trace_before_it_had_more_fields_is_kept(tables, azurite_connection):
    flow = MailSeen(locked=True, first_read_at=at(TIME), failed="no answer")
    await tables.states.save(MADE, TenantStates(mail=flow))
    kept = {"locked", "first_read_at", "failed"}
    await rewritten(
        azurite_connection, lambda document: document.update(mail={key: document["mail"][key] for key in kept})
    )
    assert (await tables.states.load(MADE)).mail == flow


async def test_what_a_row_said_of_a_proof_before_odd_rows_were_counted_is_kept(tables, azurite_connection):
    flow = MailSeen(locked=True, proof=Traffic(at(TIME), at(TIME), 7, {"filter": 7}))
    await tables.states.save(MADE, TenantStates(mail=flow))
    await rewritten(azurite_connection, lambda document: document["mail"]["proof"].pop("odd"))
    assert (await tables.states.load(MADE)).mail == flow


async def test_a_row_is_given_back_as_it_was_saved(tables, azurite_connection):
    await restore(azurite_connection, MADE)
    former = await tables.states.load(MADE)
    await tables.states.save(MADE, former)
    again = await tables.states.load(MADE)
    assert (again.controls, again.exceptions, again.mx) == (former.controls, former.exceptions, former.mx)
    assert again.etag != former.etag
    [correction, *_] = again.of("oof-rule").corrections
    assert isinstance(correction, Correction)
    assert isinstance(correction.memory, Memory)


def test_what_scope_a_lock_had_when_it_was_proven_is_kept_while_it_is_not():
    first = at(TIME)
    later = first + timedelta(minutes=5)
    states = TenantStates().seeing(LockSeen(first, "it is off"))
    states = states.seeing(LockSeen(first + timedelta(minutes=1), scope=())).seeing(LockSeen(later, "scoped"))
    assert states.lock == LockSeen(later, "scoped", scope=())
    assert states.inventory(wanted().tenant, later).lock == states.lock


def test_what_is_asked_anew_of_an_object_takes_its_drift_for_first_sight():
    scanner = {"name": "Scanner", "sender_ips": ["203.0.113.7"]}
    now = at(TIME)

    def proven(control, config):
        return ControlState(
            id=control, state="compliant", since=now, read_at=now, asked=CATALOGUE[control].asks(config)
        )

    before = wanted(service_connectors=[scanner]).tenant
    controls = {each: proven(each, before) for each in ("service-connectors", "inbound-lockdown", "oof-rule")}
    states = TenantStates(controls=controls | {"gone": replace(controls["oof-rule"], id="gone")})

    def inventory(**config):
        return states.inventory(wanted(**config).tenant, now)

    same = inventory(service_connectors=[scanner])
    assert (same.settled, same.unsettled) == (controls.keys(), set())
    more = inventory(service_connectors=[scanner, scanner | {"name": "Printer"}])
    assert (more.settled, more.unsettled) == (controls.keys(), {"Printer"})
    other = inventory(service_connectors=[scanner], overrides={"delivery_networks": ["65.99.255.0/25"]})
    assert (other.settled, other.unsettled) == ({"service-connectors"}, set())


async def test_a_state_without_what_was_asked_loads(tables, azurite_connection):
    state = ControlState(id="oof-rule", state="compliant", asked={"": "1"})
    await tables.states.save(MADE, TenantStates(controls={"oof-rule": state}))
    assert (await tables.states.load(MADE)).of("oof-rule") == state
    await rewritten(azurite_connection, lambda document: document["controls"]["oof-rule"].pop("asked"))
    assert (await tables.states.load(MADE)).of("oof-rule") == replace(state, asked=None)
