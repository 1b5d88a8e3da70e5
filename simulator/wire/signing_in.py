"""Entra's pages and tokens for people: authorize, the token of a code, logout.

Source: docs/reference/entra.md#sign-in-of-people; OpenID Connect Core 1.0, RFC 6749 and RFC 7636.
"""

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl, urlencode

from simulator.people import CONSOLE_CLIENT, MSP_TENANT, PEOPLE, Granted, Person
from simulator.wire.http import Answer, Request, json_answer
from simulator.wire.tokens import sign
from simulator.world import World

_COOKIE = "simulated-entra"
_LIFETIME_S = 3600


def answer(world: World, request: Request, rest: str) -> Answer | None:
    """Answer what a browser, or the console, asks of the MSP's tenant; None: it is for somebody else."""
    match request.method, rest:
        case "GET", "oauth2/v2.0/authorize":
            return _authorize(world, request)
        case "GET", "oauth2/v2.0/logout":
            return _logout(request)
        case "POST", "oauth2/v2.0/token":
            form = dict(parse_qsl(request.body.decode()))
            return _token(world, request, form) if form.get("grant_type") == "authorization_code" else None
        case _:
            return None


def _authorize(world: World, request: Request) -> Answer:
    asked = request.parameters()
    back = asked.get("redirect_uri", "")
    if asked.get("client_id") != CONSOLE_CLIENT or not back.endswith("/api/console/signed-in"):
        return Answer(400, b"AADSTS50011: The redirect URI does not match the ones of the application.", _TEXT)
    if asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256":
        return _back(back, asked, {"error": "invalid_request", "error_description": "AADSTS900144: a code by S256"})
    person = PEOPLE.get(asked.get("login", "")) or _remembered(request)
    if asked.get("prompt") == "none" and person is None:
        error = {"error": "login_required", "error_description": "AADSTS50058: A silent sign-in request was sent."}
        return _back(back, asked, error)
    if person is None or (asked.get("prompt") != "none" and "login" not in asked):
        return Answer(200, _page(asked).encode(), {"Content-Type": "text/html; charset=utf-8"})
    code = world.sign_ins.give(Granted(person, back, asked.get("code_challenge", ""), asked.get("nonce", "")))
    return _back(back, asked, {"code": code, "session_state": "simulated"}, person)


_TEXT = {"Content-Type": "text/plain; charset=utf-8"}


def _back(back: str, asked: Mapping[str, str], says: Mapping[str, str], person: Person | None = None) -> Answer:
    query = urlencode({**says, "state": asked.get("state", "")})
    headers = {"Location": f"{back}?{query}"}
    if person:
        headers["Set-Cookie"] = f"{_COOKIE}={person.login}; Path=/; HttpOnly; SameSite=Lax"
    return Answer(302, b"", headers)


def _remembered(request: Request) -> Person | None:
    sent = next((value for name, value in request.headers.items() if name.lower() == "cookie"), "")
    morsel = SimpleCookie(sent).get(_COOKIE)
    return PEOPLE.get(morsel.value) if morsel else None


def _page(asked: Mapping[str, str]) -> str:
    links = "".join(
        f'<li><a href="?{escape(urlencode({**asked, "login": login}))}">{escape(login)}</a>'
        f" {escape(', '.join(person.roles) or 'no role')}</li>"
        for login, person in PEOPLE.items()
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Simulated Entra ID</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<main><h1>Sign in (simulated Entra ID)</h1><ul>{links}</ul></main></html>"
    )


def _logout(request: Request) -> Answer:
    back = request.parameters().get("post_logout_redirect_uri", "")
    forget = f"{_COOKIE}=; Path=/; Max-Age=0"
    return Answer(302 if back else 200, b"", {"Set-Cookie": forget} | ({"Location": back} if back else {}))


def _token(world: World, request: Request, form: Mapping[str, str]) -> Answer:
    proven = form.get("client_secret") == world.client_secret or "client_assertion" in form
    granted = world.sign_ins.take(form.get("code", ""))
    if form.get("client_id") != CONSOLE_CLIENT or not proven:
        return json_answer(401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid secret."})
    verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
    if granted is None or (granted.challenge, granted.redirect_uri) != (challenge, form.get("redirect_uri")):
        return json_answer(400, {"error": "invalid_grant", "error_description": "AADSTS70008: The code is not good."})
    now, person = int(world.clock().timestamp()), granted.person
    claims = {
        "aud": CONSOLE_CLIENT,
        "iss": f"{request.base}/{MSP_TENANT}/v2.0",
        "iat": now,
        "nbf": now,
        "exp": now + _LIFETIME_S,
        "nonce": granted.nonce,
        "oid": person.oid,
        "sub": person.oid,
        "tid": person.tenant_id,
        "preferred_username": person.login,
        "name": person.login.partition("@")[0],
        "roles": list(person.roles),
        "ver": "2.0",
    }
    return json_answer(
        200,
        {
            "token_type": "Bearer",
            "scope": "openid profile",
            "expires_in": _LIFETIME_S,
            "access_token": sign({"aud": "00000003-0000-0000-c000-000000000000"}),
            "id_token": sign(claims),
        },
    )
