"""A browser without a screen: cookies as the platform hands them on, forms as the pages have them."""

import re
from html import unescape
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit

import azure.functions as func
from starlette.requests import HTTPConnection
from starlette.responses import Response

from domain.access import Role
from handlers.console.session import ConsoleSession, Sessions
from tests.handlers.harness import Service
from tests.handlers.web import platform

ORIGIN = "https://holdfast.example"
KEYS = ("a-session-key-of-thirty-two-characters", "and-the-one-before-it-of-thirty-two-too")
MSP = "0e0f3c2b-8a5d-4a67-9d0e-6a4c1f2b3d4e"
CONSOLE_CLIENT = "5f0c8f1e-6f60-4f31-8f0a-0d2b2f3a4c5d"
SETTINGS = {
    "HOLDFAST_API_CLIENT_ID": CONSOLE_CLIENT,
    "HOLDFAST_API_AUDIENCE": CONSOLE_CLIENT,
    "HOLDFAST_API_TENANT_ID": MSP,
    "HOLDFAST_SESSION_KEYS": ",".join(KEYS),
}


class Browser:
    """One browser at one console."""

    def __init__(self, service: Service, origin: str = ORIGIN) -> None:
        self.service, self.origin, self.cookies = service, origin, dict[str, str]()
        self.session: ConsoleSession

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Any:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        url = urljoin(f"{self.origin}/api/console/", path)
        answer = await platform(self.service).answer(func.HttpRequest(method, url, headers=sent, body=body))
        for line in answer.headers.get_all("set-cookie") or ():
            for name, morsel in SimpleCookie(line).items():
                # Whoever lets a cookie through the platform has its value URL-encoded.
                self.cookies[name] = quote(morsel.value, safe="")
                if morsel["max-age"] == "0":
                    del self.cookies[name]
        return answer

    async def get(self, path: str, status: int = 200, **headers: str) -> str:
        answer = await self.ask("GET", path, b"", **headers)
        assert answer.status_code == status, answer.get_body()
        text: str = answer.get_body().decode()
        return text

    async def send(self, path: str, on: str, **fields: str | list[str]) -> Any:
        """Fill in and send the form for *path* that the page *on* has."""
        form = form_of(await self.get(on), path)
        given = [(name, value) for name, value in form if name not in fields]
        for name, value in fields.items():
            given += [(name, each) for each in ([value] if isinstance(value, str) else value)]
        return await self.ask("POST", f"/api/console/{path}", urlencode(given).encode(), origin=self.origin)

    def sign_in(self, *roles: Role, name: str = "ann@msp.example") -> None:
        """As if the person had come by Entra."""
        now = self.service.clients.now()
        self.session = ConsoleSession.begun(f"{name} (oid-{name})", f"oid oid-{name}", roles, now)
        response = Response()
        conn = HTTPConnection({"type": "http", "scheme": urlsplit(self.origin).scheme, "headers": []})
        Sessions(KEYS).keep(response, conn, self.session, now)
        for cookie, morsel in SimpleCookie(response.headers["set-cookie"]).items():
            self.cookies[cookie] = morsel.value


def form_of(page: str, path: str) -> list[tuple[str, str]]:
    """The fields that the form for *path* carries by itself."""
    [found] = re.findall(
        rf'<form[^>]*method="post"[^>]*action="[^"]*/console/{re.escape(unquote(path))}"[^>]*>(.*?)</form>',
        page,
        re.DOTALL,
    )
    hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', found)
    return [(name, unescape(value)) for name, value in hidden]
