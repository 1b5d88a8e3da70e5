"""Much of the same work, some of it at the same time."""

import asyncio
from collections.abc import Awaitable, Iterable
from itertools import batched


async def in_groups[T](work: Iterable[Awaitable[T]], at_once: int) -> list[T]:
    """The results, in the order of *work*, of which a group of *at_once* is done before the next one is begun."""
    results = list[T]()
    for some in batched(work, at_once, strict=False):
        results += await asyncio.gather(*some)
    return results
