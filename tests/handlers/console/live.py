"""The console on a port of loopback and a real Chromium before it, in the loop of the test: what only a later package has can be tried so."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from playwright.async_api import Page, async_playwright

from domain.access import Role
from handlers.api.app import application
from handlers.api.routing import PREFIX
from tests.handlers.console.browser import Browser
from tests.handlers.harness import Service


@asynccontextmanager
async def served(service: Service) -> AsyncIterator[str]:
    """The address of the application of *service*."""

    async def connect():
        return service.clients

    app = application(service.clients.settings, connect)

    async def rooted(scope, receive, send):
        await app({**scope, "root_path": PREFIX}, receive, send)

    server = uvicorn.Server(uvicorn.Config(rooted, port=0, log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def chromium_of(url: str, service: Service, *roles: Role) -> AsyncIterator[tuple[Page, list[str]]]:
    """A page of a person with *roles*, and what their browser complained of."""
    person, complaints = Browser(service, url), list[str]()
    person.sign_in(*roles)
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    assert found, "no Chromium: `make chromium`"
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        context = await chromium.new_context()
        await context.add_cookies(
            [{"name": name, "value": value, "url": url} for name, value in person.cookies.items()]
        )
        page = await context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page, complaints
        await chromium.close()
