"""The simulator as a process of its own: TLS, DNS, a socket that dies, and a clean end."""

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import dns.asyncresolver
import httpx
import pytest


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Any]]:
    """What the ready file of a running simulator with three tenants says; checks that SIGTERM ends it cleanly."""
    ready = tmp_path_factory.mktemp("simulator") / "ready.json"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "simulator", "--ready-file", str(ready), "--tenants", "3"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        about = json.loads(await asyncio.to_thread(ready.read_text))
        yield about | {"line": line}
    finally:
        process.terminate()
        _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert (process.returncode, errors) == (0, b"")
    assert not await asyncio.to_thread(Path(about["SSL_CERT_FILE"]).exists)


@pytest.fixture
async def client(server: dict[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
    context = ssl.create_default_context(cafile=server["SSL_CERT_FILE"])
    async with httpx.AsyncClient(verify=context, base_url=server["base_url"], trust_env=False) as made:
        yield made


async def cmdlet(client: httpx.AsyncClient, server: dict[str, Any], name: str, **parameters: Any) -> httpx.Response:
    tenant = (await client.get("/_sim/tenants")).json()[0]["tenant_id"]
    form = {
        "grant_type": "client_credentials",
        "client_id": server["client_id"],
        "client_secret": server["client_secret"],
        "scope": "https://outlook.office365.com/.default",
    }
    answer = await client.post(f"{server['HOLDFAST_LOGIN_URL']}/{tenant}/oauth2/v2.0/token", data=form)
    return await client.post(
        f"{server['HOLDFAST_EXCHANGE_URL']}/adminapi/beta/{tenant}/InvokeCommand",
        headers={"Authorization": f"Bearer {answer.json()['access_token']}"},
        json={"CmdletInput": {"CmdletName": name, "Parameters": parameters}},
    )


def test_the_line_it_prints_says_what_to_set(server: dict[str, Any]) -> None:
    settings = dict(part.split("=", 1) for part in server["line"].split())

    assert settings == {name: server[name] for name in settings}
    assert set(settings) == {
        "HOLDFAST_LOGIN_URL",
        "HOLDFAST_EXCHANGE_URL",
        "HOLDFAST_COMPLIANCE_URL",
        "HOLDFAST_GRAPH_URL",
        "HOLDFAST_ACTIVITY_URL",
        "HOLDFAST_DNS_SERVERS",
        "SSL_CERT_FILE",
    }


async def test_it_serves_cmdlets_over_tls(server: dict[str, Any], client: httpx.AsyncClient) -> None:
    answer = await cmdlet(client, server, "Get-InboundConnector")

    assert [row["Name"] for row in answer.json()["value"]] == ["ExchangeDefender"]


async def test_a_scripted_cut_closes_the_socket_after_the_write(
    server: dict[str, Any], client: httpx.AsyncClient
) -> None:
    await client.post("/_sim/faults", json={"kind": "cut", "phase": "after", "writes": True})

    with pytest.raises(httpx.TransportError):
        await cmdlet(client, server, "Set-InboundConnector", Identity="ExchangeDefender", Comment="applied")

    rows = (await cmdlet(client, server, "Get-InboundConnector")).json()["value"]
    assert rows[0]["Comment"] == "applied"


async def test_it_answers_dns(server: dict[str, Any]) -> None:
    host, _, port = server["HOLDFAST_DNS_SERVERS"].partition(":")
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [host]
    resolver.port = int(port)

    answer = await resolver.resolve("t00000.example", "MX")

    assert [record.to_text() for record in answer] == ["10 inbound30.exchangedefender.com."]
