"""Work that fails ends nothing but itself, and is logged."""

import asyncio

import pytest

from clients.storage.documents import NewerRow
from handlers.isolation import isolated


async def raising(error):
    raise error


async def test_what_fails_is_logged_by_its_name_and_what_comes_after_goes_on(caplog):
    assert await isolated("one of many", asyncio.sleep(0))
    assert caplog.records == []
    assert not await isolated("one of many", raising(KeyError("later")))
    assert "one of many" in caplog.text


async def test_a_row_of_a_later_version_is_no_error(caplog):
    assert not await isolated("one of many", raising(NewerRow("row p r is of version 99")))
    assert [each.levelname for each in caplog.records] == ["WARNING"]


async def test_who_cancels_is_heard():
    with pytest.raises(asyncio.CancelledError):
        await isolated("one of many", raising(asyncio.CancelledError()))
