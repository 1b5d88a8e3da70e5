"""The command line against a service of these tests: its requests come in as the platform hands them over."""

import asyncio
import json
from typing import Any

import httpx
from typer.testing import CliRunner, Result

from cli.main import app
from tests.handlers.harness import DEV_KEY, Service
from tests.handlers.web import ask


async def holdfast(service: Service, *words: object) -> Result:
    """`holdfast --json` with *words*, in a thread, while the service answers on this loop."""
    loop, host = asyncio.get_running_loop(), f"{id(service)}.holdfast.example"

    def answer(request: httpx.Request) -> httpx.Response:
        target = request.url.raw_path.decode().removeprefix("/api/")
        content = {"content_type": request.headers["content-type"]} if request.content else {}
        asked = ask(service, request.method, target, request.content or None, **content)
        given = asyncio.run_coroutine_threadsafe(asked, loop).result()
        return httpx.Response(given.status_code, content=given.get_body(), headers=given.headers)

    service.web.route(host=host).mock(side_effect=answer)
    command = ["--url", f"http://{host}", "--key", DEV_KEY, "--json", *map(str, words)]
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, command))


def told(result: Result) -> Any:
    """What the command printed. A command that ended badly raises what ended it."""
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return json.loads(result.stdout)
