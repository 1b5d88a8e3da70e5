"""Child processes, which never outlive the block that started them."""

import asyncio
from asyncio.subprocess import Process


async def ended(process: Process, within_s: float) -> None:
    """Close its standard input, and wait until it has ended; kill it after *within_s* seconds."""
    try:
        await asyncio.wait_for(process.communicate(), within_s)
    except TimeoutError:
        process.kill()
        await process.communicate()
