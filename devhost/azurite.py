"""Azurite, Microsoft's storage emulator, as a child process: real queues, tables and blobs on loopback.

Source: docs/reference/azure-functions.md#azurite.
"""

import asyncio
import json
import re
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from devhost.children import ended
from devhost.errors import StartError

_ACCOUNT = "devstoreaccount1"
# Microsoft's published development key, the same for everyone.
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

_SCRIPT = Path(__file__).parent.parent / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
# Azurite ends with its standard input, so it never outlives the one who started it, not even one ended by kill -9.
_TETHERED = (
    "process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM')).resume();"
    " require({script}); require({index})({script})"
)
_INDEX = Path(__file__).with_name("azurite_index.js")
_LISTENING = re.compile(rb"Azurite (\w+) service is successfully listening at (http://\S+)")
_SERVICES = 3  # blob, queue, table
_START_S = 30.0
_STOP_S = 5.0


@asynccontextmanager
async def azurite(location: Path | None = None, script: Path = _SCRIPT) -> AsyncIterator[str]:
    """Run Azurite on free ports while the block runs.

    *location*: the folder that keeps the data; None keeps it in memory. *script*: the entry file of the npm package.

    Yields:
        The connection string.

    Raises:
        StartError: Node or the npm package is missing, or Azurite did not start.
    """
    if not script.is_file():  # noqa: ASYNC240 -- before anything else runs
        raise StartError(f"Azurite is not installed: run npm ci (there is no {script})")
    process = await _start(location, script)
    try:
        yield _connection_string(await _endpoints(process))
    finally:
        await ended(process, _STOP_S)


async def _start(location: Path | None, script: Path) -> Process:
    where = ["--inMemoryPersistence"] if location is None else ["--location", str(location)]
    # The SDKs are newer than the API versions Azurite knows, hence the skip.
    flags = ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    ports = ["--blobPort", "0", "--queuePort", "0", "--tablePort", "0"]
    # Longer than the SDKs keep an idle connection (15 s): Azurite's own five end many just as they are taken up again.
    idle = [flag for kind in ("blob", "queue", "table") for flag in (f"--{kind}KeepAliveTimeout", "60")]
    code = _TETHERED.format(index=json.dumps(str(_INDEX)), script=json.dumps(str(script)))
    try:
        return await asyncio.create_subprocess_exec(
            "node", "-e", code, "--", "azurite", *where, *flags, *ports, *idle,
            stdin=PIPE, stdout=PIPE, stderr=STDOUT,
            start_new_session=True,  # a Ctrl-C at the terminal is for us: Azurite goes last
        )  # fmt: skip
    except FileNotFoundError:
        raise StartError("Azurite needs Node.js, and there is no node on the PATH") from None


async def _endpoints(process: Process) -> dict[str, str]:
    """Read the address of each service from what Azurite prints."""
    if process.stdout is None:
        raise AssertionError("started with a pipe")
    endpoints: dict[str, str] = {}
    printed = b""
    with suppress(TimeoutError):
        async with asyncio.timeout(_START_S):
            async for line in process.stdout:
                printed += line
                if found := _LISTENING.search(line):
                    endpoints[found[1].decode()] = found[2].decode()
                if len(endpoints) == _SERVICES:
                    return endpoints
    raise StartError(f"Azurite did not start: {printed.decode(errors='replace').strip() or 'no answer'}")


def _connection_string(endpoints: dict[str, str]) -> str:
    services = "".join(f"{name}Endpoint={url}/{_ACCOUNT};" for name, url in endpoints.items())
    return f"DefaultEndpointsProtocol=http;AccountName={_ACCOUNT};AccountKey={_KEY};{services}"
