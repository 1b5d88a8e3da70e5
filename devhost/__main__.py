"""`python -m devhost`: Azurite and the host, until SIGTERM or Ctrl-C.

HOLDFAST_DEV_PORT sets the port (default 7071, 0 takes a free one), HOLDFAST_DEV_KEY the key named dev. With a
connection string in AzureWebJobsStorage that storage is used, and no Azurite is started. Unless HOLDFAST_TICK_SCHEDULE
is set, it is the fastest of the other HOLDFAST_*_SCHEDULE, so that schedules of seconds work here.
"""

import argparse
import asyncio
import logging
import os
import re
import secrets
import signal
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvloop

from devhost.azurite import azurite
from devhost.errors import StartError
from devhost.host import Host
from devhost.ready import write
from ncrontab import Ncrontab

_STORAGE = "AzureWebJobsStorage"
_KEY = "HOLDFAST_DEV_KEY"
_TICK = "HOLDFAST_TICK_SCHEDULE"
_LOOK = re.compile(r"HOLDFAST_\w+_SCHEDULE")
_WHERE = "AZURE_FUNCTIONS_ENVIRONMENT"
"""What Core Tools say to an app, so that it stops at once for what is wrong; Azure sets it to nothing."""
_EACH_MINUTE = "0 * * * * *"
_DEFAULT_PORT = "7071"
_HIGHEST_PORT = 65_535


def main() -> int:
    """Run until told to stop.

    Returns:
        The exit code: 0 after a clean stop, 1 when the app cannot be started.
    """
    arguments = _arguments()
    if arguments.ready_file:
        arguments.ready_file.unlink(missing_ok=True)  # one of an earlier run says nothing about this one
    _configure_logging(verbose=arguments.verbose)
    try:
        asyncio.run(_run(arguments), loop_factory=uvloop.new_event_loop)  # the loop of the platform's worker
    except StartError as error:
        print(f"devhost: {error}", file=sys.stderr)
        if arguments.verbose and error.details:
            print(error.details, file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="devhost", description="Run a function app on this machine.")
    parser.add_argument("--folder", type=Path, default=Path(), help="where function_app.py is (default: here)")
    keep = parser.add_mutually_exclusive_group()
    keep.add_argument("--in-memory", action="store_true", help="keep queues, tables and blobs in memory (the default)")
    keep.add_argument("--location", type=Path, help="keep queues, tables and blobs in this folder")
    parser.add_argument("--ready-file", type=Path, help="write url, key and storage here, as JSON, once all listens")
    parser.add_argument("--lease", type=int, default=600, help="seconds a received message is invisible")
    parser.add_argument("--grace", type=float, default=10.0, help="seconds that running functions have at the end")
    parser.add_argument("--verbose", action="store_true", help="show tracebacks")
    return parser.parse_args()


def _configure_logging(*, verbose: bool) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")
    for chatty in ("azure", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    if verbose:
        logging.getLogger("devhost").setLevel(logging.DEBUG)


async def _run(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        if not os.environ.get(_STORAGE):
            os.environ[_STORAGE] = await stack.enter_async_context(azurite(arguments.location))
        os.environ.setdefault(_TICK, fastest(os.environ))
        os.environ.setdefault(_WHERE, "Development")
        given = os.environ.get(_KEY)
        # The app checks keys itself; the host only has this one for its own admin endpoint.
        os.environ[_KEY] = given or secrets.token_urlsafe(24)
        host = Host(
            arguments.folder.resolve(),
            port=_port(),
            key=os.environ[_KEY],
            lease_s=arguments.lease,
            grace_s=arguments.grace,
        )
        await stack.enter_async_context(host)
        _announce(host, given_key=bool(given))
        if arguments.ready_file:
            write(arguments.ready_file, {"url": host.url, "key": host.key, "storage": os.environ[_STORAGE]})
        await stop.wait()
    # The app lives as long as its process, here as on the platform: what it leaves open is not worth an error.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)


def fastest(environ: Mapping[str, str]) -> str:
    """Give the fastest of the schedules in *environ*, at least each minute: the one timer has to keep up with all.

    What is no schedule is left to the app, which says so.
    """
    now, found = datetime.now(UTC), {timedelta(minutes=1): _EACH_MINUTE}
    for name, schedule in environ.items():
        with suppress(ValueError):
            if _LOOK.fullmatch(name) and (every := Ncrontab(schedule).interval(now)):
                found.setdefault(every, schedule)
    return found[min(found)]


def _port() -> int:
    text = os.environ.get("HOLDFAST_DEV_PORT") or _DEFAULT_PORT
    if not text.isdecimal() or int(text) > _HIGHEST_PORT:
        raise StartError(f"HOLDFAST_DEV_PORT must be a port from 0 to {_HIGHEST_PORT}, not {text!r}")
    return int(text)


def _announce(host: Host, *, given_key: bool) -> None:
    rows = [(timer.function.name, "timer", timer.expression) for timer in host.triggers.timers]
    rows += [(queue.function.name, "queue", queue.queue) for queue in host.triggers.queues]
    if http := host.triggers.http:
        rows.append((http.function.name, "http", f"{host.url}{http.prefix}/"))
    width = max(len(name) for name, _, _ in rows)
    for name, kind, what in rows:
        print(f"  {name:<{width}}  {kind:<5}  {what}")
    key = f"the key in {_KEY}" if given_key else f"key {host.key}"
    print(f"{len(rows)} functions on {host.url}, {key}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
