"""The index of the fleet loses no tenant to two writers, and says of each how it stands."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from uuid import UUID

import pytest

from clients.storage.documents import pack
from clients.storage.fleet_index import KEPT_FOR, FleetIndex, IndexPage, UnreadablePage
from domain.controls import CATALOGUE
from domain.fleet import minute_of
from domain.fleet_index import MOST_FINDINGS, FoundThere, NotCompliant, Summary
from domain.states import ControlState
from domain.tenant import TenantConfig

NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
TENANTS = [str(UUID(int=number << 90)) for number in range(1, 101)]


def config(tenant_id, **changed):
    return TenantConfig(tenant_id=tenant_id, name="Contoso", initial_domain="contoso.onmicrosoft.com", **changed)


def finding(number):
    text = f"an inbound connector for {number} addresses that nobody has vouched for yet lets their mail in".ljust(160)
    return FoundThere("bypass", "lock-bypass", text, NOON)


MUCH = Summary(findings=MOST_FINDINGS, found={f"{number:064x}": finding(number) for number in range(MOST_FINDINGS)})


async def a_full_page(index, minute=0, first="0"):
    """As many tenants of a minute as a fleet of 10,000 has, whose ids begin with one of *first*."""
    ids = (f"{begin}{number:07x}-0000-4000-8000-000000000000" for number in count() for begin in first)
    tenants = [*islice((each for each in ids if minute_of(each) == minute), 42)]
    await asyncio.gather(*(index.note(config(each), NOON) for each in tenants))
    return tenants


@pytest.fixture
def index(table):
    return FleetIndex(table)


async def test_tenants_noted_at_the_same_time_are_all_there(index):
    await asyncio.gather(*(index.note(config(tenant), NOON) for tenant in TENANTS))
    assert {tenant: each.since for tenant, each in (await index.all()).items()} == dict.fromkeys(TENANTS, NOON)


async def test_an_entry_says_what_the_config_says(index):
    await index.note(config(TENANTS[0], mode="observe", enabled=False), NOON)
    entry = (await index.all())[TENANTS[0]]
    assert (entry.name, entry.mode, entry.profile, entry.enabled) == ("Contoso", "observe", "exchangedefender", False)


async def test_a_tenant_without_a_config_leaves_the_index_and_nothing_brings_it_back(index):
    await index.note(config(TENANTS[0]), NOON)
    await index.forget(TENANTS[0])
    await index.see({TENANTS[0]: Summary(), TENANTS[1]: Summary()})
    assert await index.all() == {}


async def test_how_a_tenant_stands_is_kept_beside_its_config(index):
    drifted = ControlState(id="spf", state="drifted", since=NOON)
    compliant = {each: ControlState(id=each, state="compliant") for each in CATALOGUE if each != "spf"}
    summary = Summary.of(compliant | {"spf": drifted}, ())
    await index.note(config(TENANTS[0]), NOON)
    await index.see({TENANTS[0]: replace(summary, looked={"fast": NOON})})
    await index.see({TENANTS[0]: replace(summary, looked={"slow": NOON})})
    await index.note(config(TENANTS[0], mode="approve"), NOON + timedelta(minutes=1))
    entry = (await index.all())[TENANTS[0]]
    assert entry.summary.states == {"spf": NotCompliant("drifted", NOON)}
    assert (entry.looked_at("fast"), entry.looked_at("slow"), entry.mode) == (NOON, NOON, "approve")


async def test_sights_of_many_tenants_at_once_are_all_kept(index):
    await asyncio.gather(*(index.note(config(tenant), NOON) for tenant in TENANTS))
    seen = Summary(looked={"fast": NOON})
    halves = [TENANTS[::2], TENANTS[1::2]]
    before = [await index.some(half) for half in halves]
    await asyncio.gather(
        *(index.see(dict.fromkeys(half, seen), pages) for half, pages in zip(halves, before, strict=True))
    )
    assert {each.looked_at("fast") for each in (await index.all()).values()} == {NOON}


async def test_sights_of_a_large_fleet_are_kept_whatever_they_come_to(index):
    tenants = await a_full_page(index)
    await index.see(dict.fromkeys(tenants, MUCH))
    entries = (await index.all()).values()
    assert {each.summary.findings for each in entries} == {MOST_FINDINGS}
    assert all(0 < len(each.summary.found) < MOST_FINDINGS for each in entries)


async def test_many_full_pages_at_once_are_more_than_one_request_takes(index):
    tenants = [each for minute in range(5) for each in await a_full_page(index, minute, first="0123456789abcdef")]
    await index.see(dict.fromkeys(tenants, MUCH))
    assert {each.summary.findings for each in (await index.all()).values()} == {MOST_FINDINGS}


async def test_a_page_that_makes_no_sense_is_left_until_it_is_compared_with_the_configs(index, table):
    await index.note(config(TENANTS[0]), NOON)
    [row] = await index.pages()
    await table.upsert_entity(pack("index", row, IndexPage()) | {"body0": '{"tenants": 7}'})
    await index.see({TENANTS[0]: Summary()})
    [(page, _)] = (await index.pages()).values()
    assert isinstance(page, UnreadablePage)
    await index.compare({TENANTS[0]: (config(TENANTS[0]), NOON)}, await index.pages())
    assert (await index.all()).keys() == {TENANTS[0]}


async def test_a_page_that_makes_no_sense_and_whose_tenants_are_all_gone_is_replaced(index, table):
    await index.note(config(TENANTS[0]), NOON)
    [row] = await index.pages()
    await table.upsert_entity(pack("index", row, IndexPage()) | {"body0": '{"tenants": 7}'})
    await index.compare({}, await index.pages())
    assert [page for page, _ in (await index.pages()).values()] == [IndexPage()]


async def test_a_tenant_whose_config_cannot_be_read_is_in_the_index_whatever_was_there(index):
    await index.compare({TENANTS[0]: (None, NOON)}, await index.pages())
    entry = (await index.all())[TENANTS[0]]
    assert (entry.name, entry.enabled, entry.worst) == (TENANTS[0], True, "unknown")


async def test_comparing_mends_pages_and_leaves_newer_ones_alone(index):
    await index.note(config(TENANTS[0]), NOON)
    before = await index.pages()
    await index.compare({TENANTS[1]: (config(TENANTS[1]), NOON)}, before)
    assert (await index.all()).keys() == {TENANTS[1]}

    before = await index.pages()
    await index.note(config(TENANTS[2]), NOON)
    await index.compare({TENANTS[1]: (config(TENANTS[1]), NOON)}, before)
    assert (await index.all()).keys() == {TENANTS[1], TENANTS[2]}


async def test_comparing_finds_a_config_that_changed_without_being_noted(index):
    await index.note(config(TENANTS[0]), NOON)
    await index.note(config(TENANTS[1]), NOON)
    later = NOON + timedelta(hours=1)
    now = {TENANTS[0]: (config(TENANTS[0], mode="observe"), later), TENANTS[1]: (None, NOON)}
    await index.compare(now, await index.pages())
    entries = await index.all()
    assert (entries[TENANTS[0]].mode, entries[TENANTS[0]].since) == ("observe", later)
    assert entries[TENANTS[1]].since == NOON


@pytest.mark.parametrize("changed", [1, 60], ids=["few", "many"])
async def test_rows_are_those_of_now_and_what_nobody_wrote_is_not_parsed_again(table, changed):
    at = NOON
    shown, writer = FleetIndex(table, lambda: at), FleetIndex(table)
    await asyncio.gather(*(writer.note(config(tenant), NOON) for tenant in TENANTS))
    before = {each.tenant_id: each for each in await shown.rows()}
    page_of = {each: row for row, (page, _) in (await writer.pages()).items() for each in page.tenants}
    assert before.keys() == set(TENANTS)
    for tenant in TENANTS[1 : 1 + changed]:
        await writer.note(config(tenant, mode="observe"), NOON)
    await writer.forget(TENANTS[0])
    at += KEPT_FOR
    after = {each.tenant_id: each for each in await shown.rows()}
    assert after.keys() == set(TENANTS[1:])
    assert {each for each, row in after.items() if row.mode == "observe"} == set(TENANTS[1 : 1 + changed])
    again = {each for each, row in after.items() if row is not before[each]}
    assert again == {
        each for each in TENANTS[1:] if page_of[each] in {page_of[wrote] for wrote in TENANTS[: 1 + changed]}
    }
