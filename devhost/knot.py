"""Knot DNS as a child process: a real authoritative server on loopback that takes signed updates (RFC 2136).

Source: docs/reference/dns.md#knot.
"""

import asyncio
import base64
import secrets
import shutil
import socket
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode

from devhost.children import ended
from devhost.errors import StartError

HOW_TO_INSTALL = "Knot DNS is missing: install it with apt-get install -y --no-install-recommends knot"
KEY_NAME = "holdfast-key"
_START_S = 10.0
_STOP_S = 5.0
_SBIN = ("/usr/sbin", "/usr/local/sbin", "/sbin")  # often not on an ordinary user's PATH

_CONFIG = """\
server:
    rundir: "{folder}"
{listen}
database:
    storage: "{folder}"
    journal-db-max-size: 20M
log:
  - target: stderr
    any: info
key:
  - id: {key_name}
    algorithm: hmac-sha256
    secret: {secret}
acl:
  - id: updates
    address: 127.0.0.0/8
    key: {key_name}
    action: [update, transfer]
zone:
"""
_ZONE = """\
  - domain: {name}
    storage: "{folder}"
    file: {name}.zone
    acl: updates
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
    serial-policy: increment
"""


@dataclass(frozen=True, slots=True)
class Knot:
    """A running server. *secret*: of the TSIG key KEY_NAME (hmac-sha256), base64."""

    hosts: tuple[str, ...]
    port: int
    secret: str = field(repr=False)

    @property
    def address(self) -> str:
        return f"{self.hosts[0]}:{self.port}"


def installed() -> str | None:
    """Where Knot is on this machine, if it is."""
    return shutil.which("knotd") or shutil.which("knotd", path=":".join(_SBIN))


@asynccontextmanager
async def knot(
    zones: Mapping[str, str], hosts: Sequence[str] = ("127.0.0.1",), *, start_s: float = _START_S
) -> AsyncIterator[Knot]:
    """Serve *zones* (name to master file text, with its SOA) on *hosts*, addresses of loopback, while the block runs.

    *start_s*: how long an answer is waited for, in seconds.

    Raises:
        StartError: Knot is not installed, or did not start.
    """
    binary = installed()
    if binary is None:
        raise StartError(HOW_TO_INSTALL)
    with TemporaryDirectory(prefix="knot-") as folder:
        server = Knot(tuple(hosts), _free_port(hosts), base64.b64encode(secrets.token_bytes(32)).decode())
        process = await _start(binary, _written(Path(folder), server, zones))
        try:
            await _until_it_answers(process, server, next(iter(zones)), start_s)
            yield server
        finally:
            if process.returncode is None:
                process.terminate()
            await ended(process, _STOP_S)


def _free_port(hosts: Sequence[str]) -> int:
    """A port that is free for UDP and TCP on the first of *hosts* (and so, nearly always, on its neighbours)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind((hosts[0], 0))
        port: int = tcp.getsockname()[1]
        udp.bind((hosts[0], port))
        return port


def _written(folder: Path, server: Knot, zones: Mapping[str, str]) -> Path:
    """The files Knot starts from; gives the configuration's path."""
    for name, text in zones.items():
        (folder / f"{name}.zone").write_text(text)
    listen = "\n".join(f"    listen: {host}@{server.port}" for host in server.hosts)
    config = _CONFIG.format(folder=folder, listen=listen, key_name=KEY_NAME, secret=server.secret)
    path = folder / "knot.conf"
    path.write_text(config + "".join(_ZONE.format(folder=folder, name=name) for name in zones))
    return path


async def _start(binary: str, config: Path) -> Process:
    # Where Linux can do that, Knot ends with the one who started it, even one ended by kill -9.
    tether = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
    return await asyncio.create_subprocess_exec(
        *tether, binary, "-c", str(config),
        stdout=PIPE, stderr=STDOUT,
        start_new_session=True,  # a Ctrl-C at the terminal is for us: Knot goes last
    )  # fmt: skip


async def _until_it_answers(process: Process, server: Knot, zone: str, start_s: float) -> None:
    query = dns.message.make_query(zone, "SOA")
    try:
        async with asyncio.timeout(start_s):
            while process.returncode is None:
                try:
                    reply = await dns.asyncquery.udp(query, server.hosts[-1], 0.2, server.port)
                except (dns.exception.DNSException, OSError):
                    await asyncio.sleep(0.01)
                    continue
                if reply.rcode() == dns.rcode.NOERROR and reply.answer:
                    return
                await asyncio.sleep(0.01)
    except TimeoutError:
        process.terminate()
    printed = await process.stdout.read() if process.stdout else b""
    raise StartError(f"Knot did not start: {printed.decode(errors='replace').strip() or 'no answer'}")
