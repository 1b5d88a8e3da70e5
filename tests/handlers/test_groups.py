"""Work that is done group by group."""

import asyncio

from handlers.groups import in_groups


async def test_results_come_in_order_and_no_more_than_a_group_is_at_work():
    working, most = 0, 0

    async def work(number: int) -> int:
        nonlocal working, most
        working += 1
        most = max(most, working)
        await asyncio.sleep(0)
        working -= 1
        return number

    assert await in_groups((work(number) for number in range(10)), 4) == list(range(10))
    assert most == 4
    assert await in_groups((work(number) for number in range(0)), 4) == []
