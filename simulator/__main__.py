"""`python -m simulator`: the simulator over HTTPS, with its DNS server, on loopback."""

import argparse
import asyncio
import json
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from simulator.app import asgi
from simulator.dns import DnsServer
from simulator.faults import ConnectionCut
from simulator.people import CONSOLE_CLIENT, MSP_TENANT, PEOPLE
from simulator.psa.sender import send
from simulator.world import World

_TRANSPORTS: dict[object, asyncio.Transport] = {}


class _Protocol(H11Protocol):
    """Remembers the transport of each client, so that a scripted cut can close a real socket."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _TRANSPORTS[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        _TRANSPORTS.pop(self.client, None)
        super().connection_lost(exc)


def cutting(app: ASGIApp) -> ASGIApp:
    """The application, with `ConnectionCut` turned into a socket that closes without an answer."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except ConnectionCut:
            _TRANSPORTS[scope["client"]].abort()
            while (await receive())["type"] != "http.disconnect":
                pass

    return serve


class _Server(uvicorn.Server):
    """Says where it listens as soon as it does."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[int], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._announce(self.servers[0].sockets[0].getsockname()[1])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop at once: no caller needs the rest of an answer of a simulator that ends."""
        for transport in list(_TRANSPORTS.values()):
            transport.abort()
        await super().shutdown(sockets=sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End the serving, not the process: what was opened around it is still to be closed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        yield

    def _stop(self) -> None:
        self.should_exit = True


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A CA made now, its PEM file, and the file with the server's key and chain."""
    ca = trustme.CA()
    ca_file, server_file = folder / "ca.pem", folder / "server.pem"
    ca.cert_pem.write_to_path(str(ca_file))
    ca.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(str(server_file))
    return ca_file, server_file


def addresses(port: int, dns_address: str, ca_file: Path) -> dict[str, str]:
    """What a client has to set, by the names of its settings."""
    base = f"https://127.0.0.1:{port}"
    return {
        "HOLDFAST_LOGIN_URL": f"{base}/login",
        "HOLDFAST_EXCHANGE_URL": f"{base}/exchange",
        "HOLDFAST_COMPLIANCE_URL": f"{base}/compliance",
        "HOLDFAST_GRAPH_URL": f"{base}/graph",
        "HOLDFAST_ACTIVITY_URL": f"{base}/activity",
        "HOLDFAST_DNS_SERVERS": dns_address,
        "SSL_CERT_FILE": str(ca_file),
    }


async def serve(world: World, port: int, ready_file: Path | None) -> None:
    """Serve until SIGTERM or SIGINT."""
    with tempfile.TemporaryDirectory(prefix="simulator-") as folder:
        ca_file, server_file = _certificate(Path(folder))
        async with DnsServer(world.dns) as dns_server:

            def announce(bound: int) -> None:
                found = addresses(bound, dns_server.address, ca_file)
                if ready_file:
                    application = {"client_id": world.client_id, "client_secret": world.client_secret}
                    base = f"https://127.0.0.1:{bound}"
                    psa = json.dumps(world.psa.connections(base))
                    console = {"tenant_id": MSP_TENANT, "client_id": CONSOLE_CLIENT, "people": list(PEOPLE)}
                    about = {"base_url": base, **application, **found, "psa": psa, "console": console}
                    _write_whole(ready_file, json.dumps(about))
                print(" ".join(f"{name}={value}" for name, value in found.items()), flush=True)

            config = uvicorn.Config(
                cutting(asgi(world)),
                host="127.0.0.1",
                port=port,
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_level="warning",
                access_log=False,
                ssl_certfile=server_file,
                timeout_keep_alive=60,
                timeout_graceful_shutdown=2,
            )
            sending = asyncio.create_task(send(world))
            await _Server(config, announce).serve()
            sending.cancel()


def _write_whole(path: Path, text: str) -> None:
    """Appear complete or not at all: somebody is waiting for this file."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(text)
    part.rename(path)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--ready-file", type=Path, help="JSON with the addresses, written when listening")
    parser.add_argument("--tenants", type=int, default=0, help="healthy tenants t00000.example ... to start with")
    parser.add_argument("--log-length", type=int, default=200, help="cmdlets that each tenant's log keeps")
    parser.add_argument("--log-writes", action="store_true", help="the log keeps cmdlets that write, and no others")
    arguments = parser.parse_args()
    world = World(log_length=arguments.log_length, log_reads=not arguments.log_writes)
    world.add_tenants(arguments.tenants)
    asyncio.run(serve(world, arguments.port, arguments.ready_file))


if __name__ == "__main__":
    main()
