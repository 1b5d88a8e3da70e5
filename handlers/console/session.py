"""Who is signed in: one cookie, encrypted and authenticated, for an hour; nothing of it is kept anywhere else.

The platform takes each cookie apart and makes it anew, with its value URL-encoded (docs/reference/azure-functions.md),
so that values here are of characters that stay as they are.
"""

import base64
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from starlette.requests import HTTPConnection
from starlette.responses import Response

from domain.access import ROLES, Role, included

LASTS = timedelta(hours=1)
RENEWED_AFTER = timedelta(minutes=45)
"""A page that is opened later than this goes by Entra, which is to ask nothing (`prompt=none`)."""
FLOW_LASTS = timedelta(minutes=10)
"""How long a person may take to sign in."""
REMEMBERED_S = 86_400
"""How long a browser keeps a session that has run out: it says that Entra may know the person still."""

PATH = "/"


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """A signed-in person. *secret*: of the tokens in their forms; *at*: when they signed in, in seconds."""

    name: str
    identity: str
    roles: tuple[Role, ...]
    secret: str
    at: float

    @classmethod
    def begun(cls, name: str, identity: str, roles: tuple[Role, ...], now: datetime) -> "ConsoleSession":
        return cls(name, identity, roles, secrets.token_urlsafe(16), now.timestamp())

    def may(self, role: Role) -> bool:
        return role in included(self.roles)

    def form_token(self, action: str) -> str:
        """What the form for *action*, and no other, carries."""
        return hmac.new(self.secret.encode(), action.encode(), sha256).hexdigest()

    def is_due(self, now: datetime) -> bool:
        """Whether it is to be renewed."""
        return now.timestamp() - self.at > RENEWED_AFTER.total_seconds()


class Sealed:
    """Documents that only this installation can read and make. *keys*: the first seals, all open (rotation)."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._fernet = MultiFernet([Fernet(base64.urlsafe_b64encode(sha256(key.encode()).digest())) for key in keys])

    def seal(self, document: Mapping[str, Any], now: datetime) -> str:
        token = self._fernet.encrypt_at_time(json.dumps(document).encode(), int(now.timestamp()))
        return token.decode().rstrip("=")

    def open(self, text: str, lasts: timedelta, now: datetime) -> dict[str, Any] | None:
        """The document; None where it is none of ours, or older than it *lasts*."""
        padded = (text + "=" * (-len(text) % 4)).encode(errors="replace")
        try:
            content = self._fernet.decrypt_at_time(padded, int(lasts.total_seconds()), int(now.timestamp()))
        except (InvalidToken, ValueError, TypeError):
            return None
        found = json.loads(content)
        return found if isinstance(found, dict) else None


def cookie_name(conn: HTTPConnection, name: str) -> str:
    """With the prefix that binds a cookie to this very host, by https only (RFC 6265bis, 4.1.3.2)."""
    return f"__Host-{name}" if conn.scope["scheme"] == "https" else name


def set_cookie(response: Response, conn: HTTPConnection, name: str, value: str, lasts_s: int) -> None:
    response.set_cookie(
        cookie_name(conn, name),
        value,
        max_age=lasts_s,
        path=PATH,
        secure=conn.scope["scheme"] == "https",
        httponly=True,
        samesite="lax",
    )


def forget_cookie(response: Response, conn: HTTPConnection, name: str) -> None:
    set_cookie(response, conn, name, "", 0)


class Sessions:
    """The cookies `holdfast` (who is signed in) and `holdfast-flow` (who is about to be)."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._sealed = Sealed(keys)

    def of(self, conn: HTTPConnection, now: datetime) -> ConsoleSession | None:
        """The session of whoever asks; None where there is none that holds."""
        document = self._sealed.open(conn.cookies.get(cookie_name(conn, "holdfast"), ""), LASTS, now)
        if document is None or document.pop("for", "") != "session":
            return None
        roles = tuple(role for role in ROLES if role in document["roles"])
        return ConsoleSession(document["name"], document["identity"], roles, document["secret"], document["at"])

    def was_there(self, conn: HTTPConnection) -> bool:
        """Whether somebody was signed in here before."""
        return bool(conn.cookies.get(cookie_name(conn, "holdfast")))

    def keep(self, response: Response, conn: HTTPConnection, session: ConsoleSession, now: datetime) -> None:
        set_cookie(
            response, conn, "holdfast", self._sealed.seal({"for": "session", **asdict(session)}, now), REMEMBERED_S
        )

    def end(self, response: Response, conn: HTTPConnection) -> None:
        forget_cookie(response, conn, "holdfast")

    def flow(self, conn: HTTPConnection, now: datetime) -> dict[str, Any] | None:
        """What was kept when the sign-in began."""
        document = self._sealed.open(conn.cookies.get(cookie_name(conn, "holdfast-flow"), ""), FLOW_LASTS, now)
        return document if document and document.pop("for", "") == "flow" else None

    def keep_flow(self, response: Response, conn: HTTPConnection, flow: Mapping[str, Any], now: datetime) -> None:
        sealed = self._sealed.seal({**flow, "for": "flow"}, now)
        set_cookie(response, conn, "holdfast-flow", sealed, int(FLOW_LASTS.total_seconds()))

    def end_flow(self, response: Response, conn: HTTPConnection) -> None:
        forget_cookie(response, conn, "holdfast-flow")
