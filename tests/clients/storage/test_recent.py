"""What happened lately, over all tenants: newest first, in pages, only what is wanted."""

from datetime import UTC, datetime, timedelta

import pytest

from clients.storage import recent
from clients.storage.recent import RecentTable
from domain.ledger import Entry

NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


@pytest.fixture
async def table_of_ten(table):
    """Ten entries, one a minute, of which every fifth is about a scanner."""
    made = RecentTable(table)
    await made.note_entries(
        [
            Entry(
                at=NOON + timedelta(minutes=number),
                tenant_id="service",
                event="configured",
                control="spf" if number < 3 else "",
                detail=f"{number} {'scanner' if number % 5 == 0 else 'other'}",
            )
            for number in range(10)
        ]
    )
    return made


async def all_of(table, wanted=None, **how):
    """Every line, page by page, and how many pages that took."""
    found = list[str]()
    after, pages = "", 0
    while after or not pages:
        page = await table.entries(wanted or {}, after=after, **how)
        found, after, pages = [*found, *(each.detail for each in page.items)], page.after, pages + 1
    return found, pages


async def test_lines_come_newest_first_in_pages(table_of_ten):
    found, pages = await all_of(table_of_ten, limit=4)
    assert ([each[0] for each in found], pages) == (list("9876543210"), 3)


async def test_only_lines_with_the_wanted_columns(table_of_ten):
    assert (await all_of(table_of_ten, {"control": "spf"}))[0] == ["2 other", "1 other", "0 scanner"]


async def test_a_search_goes_on_where_it_ended_though_nothing_was_found(table_of_ten, monkeypatch):
    monkeypatch.setattr(recent, "_MOST_ROWS", 2)
    monkeypatch.setattr(recent, "MOST_STORAGE_PAGES", 1)
    found, pages = await all_of(table_of_ten, takes=lambda line: "scanner" in line.detail)
    assert found == ["5 scanner", "0 scanner"]
    assert pages > len(found)
