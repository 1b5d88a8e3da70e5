"""Apprise, which is synchronous and large: imported when first needed, run in a thread, given up after a deadline.

It takes 0.3 s to import, 0.5 s more at the first URL (it then knows all its plugins), 25 MB on disk and 50 of memory.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from clients.errors import Unreachable
from clients.notify.channels import Channel
from domain.notices import Notice

DEADLINE_S = 30.0
_AT_ONCE = 4
_TIMEOUTS = "cto=5&rto=15"
"""Seconds for a connection and for an answer (Apprise's own parameters), so that a thread ends by itself."""

_threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="notify")


async def send_notice(channel: Channel, notice: Notice, deadline_s: float = DEADLINE_S) -> None:
    """Send *notice* to *channel*.

    Raises:
        Unreachable: The service behind it did not take it, or did not answer in time: it may have arrived.
    """
    sent = asyncio.get_running_loop().run_in_executor(_threads, _send, threaded(channel, notice), notice)
    try:
        taken = await asyncio.wait_for(sent, deadline_s)
    except TimeoutError:
        raise Unreachable(f"{channel.name} did not answer within {deadline_s:.0f} s", sent=True) from None
    if not taken:
        raise Unreachable(f"{channel.name} did not take the notice", sent=True)


def _send(url: str, notice: Notice) -> bool:
    apprise = _apprise()
    door = apprise.Apprise()
    kind = {"begun": "warning", "ended": "success"}.get(notice.stage, "info")
    added: bool = door.add(url)
    return added and bool(
        door.notify(body=notice.body, title=notice.title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT)
    )


def _apprise() -> Any:  # noqa: ANN401 - a module without types
    import apprise  # noqa: PLC0415 - 0.8 s and 50 MB, for the one function that sends

    # It repeats parts of URLs and of answers; whether a notice was taken is told by us.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    return apprise


def threaded(channel: Channel, notice: Notice) -> str:
    """The channel's URL with what holds the notices of one incident together, where the service knows such a thing."""
    thread = f"{notice.incident}-{notice.number}"
    over = notice.stage == "ended"
    match channel.scheme:
        case "gchat":
            given = {"threadkey": thread}
        case "pagerduty":
            given = {"dedup": thread, "action": "resolve" if over else "trigger"}
        case "opsgenie":
            given = {"alias": thread, "action": "new"}  # it would close only what this very process has opened
        case "mailtos":  # RFC 5322, section 3.6.4: no mail has that id, and all of the incident refer to it
            given = {"+References": f"<{thread}@holdfast.invalid>"}
        case "json" | "jsons":
            given = {":incident": notice.incident, ":number": str(notice.number), ":stage": notice.stage}
        case _:
            given = {}
    # What is longer than the service takes is cut, but a report is kept whole by who gets it: it comes in parts.
    overflow = f"overflow={'split' if notice.stage == 'report' else 'truncate'}"
    query = "&".join(
        [_TIMEOUTS, overflow, *(f"{quote(name, safe=':+')}={quote(value, safe='')}" for name, value in given.items())]
    )
    return f"{channel.url}{'&' if '?' in channel.url else '?'}{query}"
