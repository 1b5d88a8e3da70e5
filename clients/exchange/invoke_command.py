"""InvokeCommand: what one Exchange cmdlet looks like on the wire, there and back.

The service is the private transport of Microsoft's PowerShell module: stable in practice, unsupported for others.
Source: docs/reference/exchange.md, from #invokecommand to #paging.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from clients.errors import Call, Unreadable
from clients.exchange.cmdlet_errors import Caller, raise_for_cmdlet
from clients.http import Answer, Intent, Request
from domain.controls import CMDLET_ROLES
from domain.exchange import ROLE_GROUP, ExchangeObject
from domain.reading import Row, Service


@dataclass(frozen=True, slots=True)
class Target:
    """One tenant at one service. *anchor* routes a call to the servers that hold the tenant."""

    service: Service
    tenant_id: str
    scope: str
    anchor: str
    consent_url: str

    def url(self, base: str, operation: str = "InvokeCommand") -> str:
        return f"{base}/adminapi/beta/{self.tenant_id}/{operation}"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of what a `Get-*` returned. *next_link* may be relative; *at*: when the page arrived."""

    rows: tuple[Row, ...]
    warnings: tuple[str, ...]
    next_link: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Applied:
    """A write the service accepted. *warnings* may be the only sign that nothing was done; *rows*: what it returned."""

    warnings: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """One cmdlet with its parameters, for one tenant."""

    target: Target
    cmdlet: str
    parameters: Mapping[str, object] = field(repr=False)

    @property
    def intent(self) -> Intent:
        match self.cmdlet.partition("-")[0]:
            case "Get":
                return Intent.READ
            case "New":
                return Intent.CREATE
            case _:
                return Intent.SET

    @property
    def caller(self) -> Caller:
        return Caller(self.target.tenant_id, self._role, self.target.consent_url)

    @property
    def _role(self) -> str:
        """The least that gives the cmdlet: in compliance no role but a directory's is known to hold for an app."""
        reads = self.intent is Intent.READ
        if self.target.service == "compliance":
            return "Global Reader" if reads else "Security Administrator or Compliance Administrator"
        role = CMDLET_ROLES.get(self.cmdlet, ExchangeObject.read_role)
        group = f"the Exchange role '{role}' (role group {ROLE_GROUP}; readiness prints the commands)"
        return f"{group} or Global Reader" if reads else group

    @property
    def body(self) -> Mapping[str, object]:
        return {"CmdletInput": {"CmdletName": self.cmdlet, "Parameters": dict(self.parameters)}}

    def headers(self, token: str) -> dict[str, str]:
        return common_headers(self.target, token) | {
            "Prefer": "odata.maxpagesize=1000",
            "X-CmdletName": self.cmdlet,
        }

    def request(self, url: str, token: str) -> Request:
        return Request("POST", url, self.intent, self.headers(token), encoded(self.body), self.target.service)

    def page(self, answer: Answer) -> Page:
        """Read the answer to a `Get-*`. Raises the ClientError that any other answer stands for."""
        raise_for_cmdlet(answer, self.caller)
        return page_of(answer.json(), answer.call, answer.at)

    def applied(self, answer: Answer) -> Applied:
        """Read the answer to a write. Nothing at all (no body, no `value`, null) is success too."""
        raise_for_cmdlet(answer, self.caller)
        body = answer.json() if answer.content.strip() else None
        if body is None:
            return Applied()
        envelope = _envelope(body, answer.call)
        value = envelope.get("value")
        rows = (_stripped(row) for row in value if isinstance(row, dict)) if isinstance(value, list) else ()
        return Applied(_warnings(envelope), tuple(rows))


def common_headers(target: Target, token: str) -> dict[str, str]:
    """Headers that single calls and batches share. In English, so that error texts can be matched."""
    return {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Language": "en-US",
        "X-AnchorMailbox": target.anchor,
        "X-ClientApplication": "Holdfast",
    }


def encoded(body: Mapping[str, object]) -> bytes:
    """*body* as JSON. Raises TypeError for a value that cannot be encoded, ValueError for a naive time."""
    return json.dumps(body, default=_utc_text, separators=(",", ":")).encode()


def _utc_text(value: object) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"no cmdlet parameter can be a {type(value).__name__}")
    if value.tzinfo is None:
        raise ValueError(f"a cmdlet parameter needs a time zone: {value.isoformat()}")
    # .NET counts ticks of 100 ns: seven digits.
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def page_of(body: object, call: Call, at: datetime) -> Page:
    """One page from a body. Raises Unreadable: a `Get-*` without `value` proves nothing (docs/safety.md#promise-1)."""
    envelope = _envelope(body, call)
    value = envelope.get("value")
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise Unreadable("an answer without a list of objects in `value`", call=call)
    link = envelope.get("@odata.nextLink")
    if not isinstance(link, str | None):
        raise Unreadable("a nextLink that is not a text", call=call)
    return Page(tuple(_stripped(row) for row in value), _warnings(envelope), link, at)


def _envelope(body: object, call: Call) -> Mapping[str, object]:
    if not isinstance(body, dict):
        raise Unreadable("an answer that is not a JSON object", call=call)
    if errors := body.get("@adminapi.errors"):
        raise Unreadable(f"a success that carries errors: {errors}", call=call)
    return body


def _warnings(envelope: Mapping[str, object]) -> tuple[str, ...]:
    warnings = envelope.get("@adminapi.warnings")
    return tuple(map(str, warnings)) if isinstance(warnings, list) else ()


def _stripped(row: Mapping[str, object]) -> Row:
    """*row* without OData annotations, at every depth: they differ between reads of the same object."""
    return {key: _stripped_value(value) for key, value in row.items() if "@" not in key}


def _stripped_value(value: object) -> object:
    if isinstance(value, dict):
        return _stripped(value)
    if isinstance(value, list):
        return [_stripped_value(item) for item in value]
    return value
