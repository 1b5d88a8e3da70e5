"""Tables and queues that vanish are made again when they are met, and what met them is asked once more.

Somebody deletes one in the portal, or an account is restored without it: no worker needs a restart for that. The
service is at a deletion for some 40 seconds in which the name cannot be taken (TableBeingDeleted, QueueBeingDeleted).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

from azure.core.pipeline.transport import AioHttpTransport

type MakeAgain = Callable[[str], Awaitable[bool]]
"""Makes the table or queue of a name, if it is one of ours."""

AGAIN_AFTER_S = (0, 5, 10, 15, 20)
"""The pauses before each time that what is gone is made and asked again: longer together than a deletion takes.

A message is given up after five tries within half a minute, so the waiting is done here.
"""

_GONE = {"TableNotFound", "TableBeingDeleted", "QueueNotFound", "QueueBeingDeleted"}
_GONE_IN_BATCH = re.compile(rb"TableNotFound|TableBeingDeleted")
_IN_BATCH = re.compile(rb"(?:POST|PUT|MERGE|PATCH|DELETE) https?://[^\s(]*/(\w+)[\s(]")


class MendingTransport(AioHttpTransport):  # type: ignore[misc]  # the SDK imports it late
    """Sends requests to a storage account. *make_again*: set by who knows how."""

    def __init__(self) -> None:
        # Otherwise each request looks for a .netrc in a thread of its own: a third of what a check costs.
        super().__init__(use_env_settings=False)
        self.make_again: MakeAgain | None = None

    async def send(self, request: Any, **options: object) -> Any:  # noqa: ANN401 - the SDK has two kinds of each
        response = await super().send(request, **options)
        for pause_s in AGAIN_AFTER_S:
            name = await _gone(request, response)
            if name and pause_s:
                await asyncio.sleep(pause_s)
                response = await super().send(request, **options)  # another may have made it meanwhile
                name = await _gone(request, response)
            if not name or self.make_again is None or not await self.make_again(name):
                break
            response = await super().send(request, **options)
        return response


async def _gone(request: Any, response: Any) -> str:  # noqa: ANN401 - as above
    """The name of the table or queue that *response* says there is none of; empty where it says no such thing.

    What makes a queue (`PUT /name`) is not itself made again.
    """
    path = request.url.partition("?")[0]
    if path.endswith("/$batch"):  # 202, whatever became of its parts
        await response.load_body()
        named = _IN_BATCH.search(request.content or b"") if _GONE_IN_BATCH.search(response.body()) else None
        return str(named[1].decode()) if named else ""
    makes = request.method == "PUT" and "(" not in path and "/messages" not in path
    if makes or response.headers.get("x-ms-error-code") not in _GONE:
        return ""
    return str(path.removesuffix("/messages").rpartition("/")[2].partition("(")[0])
