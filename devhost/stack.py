"""The whole stack as child processes: the simulator over HTTPS, and the dev host with its Azurite."""

import json
import os
import secrets
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from devhost.errors import StartError
from devhost.knot import installed

_START_S = 60.0
_STOP_S = 15.0


@dataclass(frozen=True, slots=True)
class NameServer:
    """A running Knot, and the key whose updates it takes."""

    host: str
    port: int
    key_name: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack: *api* and *simulator* are clients of the two, *url* and *key* for people, *log* for trouble.

    *settings*: what points a service at this simulator.
    """

    api: httpx.Client
    simulator: httpx.Client
    url: str
    key: str
    log: Path
    settings: dict[str, str]
    nameserver: NameServer | None = None


@contextmanager
def running(
    environ: dict[str, str],
    tell: Callable[[str], None],
    *,
    zones: Mapping[str, str] | None = None,
    secret: str = "",
    tickets: bool = False,
) -> Iterator[Stack]:
    """Run the stack while the block runs. *environ* is added to the dev host's environment.

    *zones*: zone files by name, for a Knot beside it, where one is installed; its key goes into the setting *secret*.
    *tickets*: with the simulated ticket systems connected, both ways.

    Raises:
        StartError: A part did not come up; the sentence says which, and what it said last.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="holdfast-")))
        tell("Starting the simulated Microsoft 365 ...")
        about = stack.enter_context(_process("simulator", folder, {}))
        settings = {name: value for name, value in about.items() if name.isupper()}
        settings |= {"HOLDFAST_CLIENT_ID": about["client_id"], "HOLDFAST_CLIENT_SECRET": about["client_secret"]}
        settings |= _console(about)
        if tickets:
            settings |= json.loads(about["psa"])
        nameserver = None
        if zones and installed():
            tell("Starting Knot DNS ...")
            (folder / "zones.json").write_text(json.dumps(zones))
            arguments = ("--zones", str(folder / "zones.json"))
            nameserver = NameServer(**stack.enter_context(_process("devhost.nameserver", folder, {}, *arguments)))
            environ = environ | {secret: nameserver.secret}
        tell("Starting Azurite and the dev host ...")
        host = stack.enter_context(_process("devhost", folder, settings | environ))
        trust = ssl.create_default_context(cafile=about["SSL_CERT_FILE"])
        yield Stack(
            api=stack.enter_context(
                httpx.Client(base_url=f"{host['url']}/api/", headers={"x-functions-key": host["key"]}, timeout=30)
            ),
            simulator=stack.enter_context(
                httpx.Client(base_url=f"{about['base_url']}/_sim/", verify=trust, timeout=30)
            ),
            url=host["url"],
            key=host["key"],
            log=folder / "devhost.log",
            settings=settings,
            nameserver=nameserver,
        )


def _console(about: Mapping[str, Any]) -> dict[str, str]:
    """How people sign in: Entra's simulated pages are below the dev host's own port, so that no certificate is met."""
    console = about["console"]
    return {
        "HOLDFAST_API_CLIENT_ID": console["client_id"],
        "HOLDFAST_API_AUDIENCE": console["client_id"],
        "HOLDFAST_API_TENANT_ID": console["tenant_id"],
        "HOLDFAST_SESSION_KEYS": secrets.token_urlsafe(32),
        "HOLDFAST_ENTRA_PAGES_URL": "/entra",
        "DEVHOST_FORWARD": json.dumps({"/entra/": f"{about['base_url']}/login/"}),
        "DEVHOST_HOME": "/api/console/",
    }


@contextmanager
def _process(module: str, folder: Path, environ: dict[str, str], *arguments: str) -> Iterator[dict[str, Any]]:
    """Run `python -m module` until the block ends; gives what it wrote into its ready file."""
    ready, log = folder / f"{module}.json", folder / f"{module}.log"
    command = [sys.executable, "-m", module, "--ready-file", str(ready), *arguments]
    with log.open("wb") as output:
        child = subprocess.Popen(command, env=_clean() | environ, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield _ready(ready, child, module, log)
        finally:
            child.terminate()
            try:
                child.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()


def _clean() -> dict[str, str]:
    """The environment without settings of the service: a demo never reaches a real tenant or a real storage account."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "AzureWebJobs"))}


def _ready(file: Path, child: subprocess.Popen[bytes], module: str, log: Path) -> dict[str, str]:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and child.poll() is None:
        if file.exists():
            found: dict[str, str] = json.loads(file.read_text())
            return found
        time.sleep(0.05)
    said = log.read_text(errors="replace").strip().splitlines()
    raise StartError(f"{module} did not start: {said[-1] if said else 'it said nothing'}")
