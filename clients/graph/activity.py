"""The Office 365 Management Activity API: what administrators did in a tenant, an hour later.

Source: docs/reference/defender-alerts-and-audit.md#activity-feed. Polled, no webhook. Content is listed by
the time at which it came up, so that nothing late is missed.
"""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from clients.entra.clouds import Endpoints
from clients.entra.credentials import Credentials
from clients.entra.with_token import WithToken
from clients.errors import Forbidden, Invalid, NotFound, NotLicensed, Refused, Throttled, Unreadable
from clients.http import Answer, Http, Intent, Request, raise_for_status, retry_after_s
from clients.restraint import heeding

CONTENT_TYPES = ("Audit.Exchange", "Audit.General")
"""Cmdlets of Exchange, and those of Security & Compliance."""
_MOST_PAGES = 500


class NoSubscription(Invalid):
    """Nothing is collected for us: start it."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A parcel of records. *uri*: where it is fetched; *created*: when it came up."""

    id: str
    uri: str
    created: datetime


@dataclass(frozen=True, slots=True)
class OddContent:
    """A piece of content that is listed without what it takes to fetch it. *raw*: as it came; *why*: what is odd."""

    raw: object
    why: str


class Activity:
    """The audit feed, for every tenant of a worker. *publisher*: our own tenant, whose quota is counted."""

    def __init__(self, http: Http, credentials: Credentials, endpoints: Endpoints, publisher: str) -> None:
        self._service = WithToken(http, credentials, endpoints.activity, endpoints.activity_scope, "activity")
        self._publisher = publisher

    async def object_id(self, tenant_id: str) -> str:
        """The object id of our service principal in the tenant, as the token says; "" where it does not."""
        with heeding(self._service.service, self._service.http.now, proves=False):
            token = await self._service.credentials.token(tenant_id, self._service.scope)
        body = token.split(".")[1] if token.count(".") > 1 else ""
        try:
            claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except ValueError:
            return ""
        return str(claims.get("oid", "")) if isinstance(claims, dict) else ""

    async def enabled(self, tenant_id: str) -> frozenset[str]:
        """The content types that are collected for us. Raises ClientError."""
        answer = await self._get(tenant_id, self._url(tenant_id, "subscriptions/list"))
        return frozenset(
            str(each.get("contentType"))
            for each in _listed(answer)
            if isinstance(each, dict) and each.get("status") == "enabled"
        )

    async def start(self, tenant_id: str, content_type: str) -> None:
        """Have *content_type* collected; that it is already is a success (AF20024). Raises ClientError."""
        url = self._url(tenant_id, "subscriptions/start", contentType=content_type)
        request = Request("POST", url, Intent.SET, {"Content-Length": "0"})
        await self._service.send(tenant_id, request, partial(self._started, tenant_id))

    async def content(
        self, tenant_id: str, content_type: str, start: datetime, end: datetime, *, once: bool = False
    ) -> AsyncIterator[list[Blob | OddContent]]:
        """What came up from *start* to before *end* (at most a day apart, at most seven back), a page at a time.

        *once*: one try for each, as in `Request`.

        Raises:
            NoSubscription, ClientError: As `_checked`.
        """
        window = {"startTime": _text(start), "endTime": _text(end)}
        url = self._url(tenant_id, "subscriptions/content", contentType=content_type, **window)
        for _ in range(_MOST_PAGES):
            answer = await self._get(tenant_id, url, once=once)
            yield [_blob(each) for each in _listed(answer)]
            link = answer.headers.get("NextPageUri") or answer.headers.get("NextPageUrl")
            if not link:
                return
            url = self._published(self._service.url(link))
        raise Unreadable(f"more than {_MOST_PAGES} pages of content")

    async def fetch(self, tenant_id: str, blob: Blob, *, once: bool = False) -> list[Any]:
        """The records of *blob*, as they came; *once*: one try, as in `Request`.

        Raises:
            NotFound: It is gone (AF20050 to 20052).
            ClientError: It cannot be fetched now.
        """
        return _listed(await self._get(tenant_id, self._published(self._service.url(blob.uri)), once=once))

    async def _get(self, tenant_id: str, url: str, *, once: bool = False) -> Answer:
        request = Request("GET", url, Intent.READ, {"Accept": "application/json"}, once=once)
        return await self._service.send(tenant_id, request, partial(self._checked, tenant_id))

    def _url(self, tenant_id: str, path: str, **query: str) -> str:
        url = self._service.url(f"/api/v1.0/{quote(tenant_id)}/activity/feed/{path}")
        return self._published(f"{url}?{urlencode(query)}" if query else url)

    def _published(self, url: str) -> str:
        return str(httpx.URL(url).copy_merge_params({"PublisherIdentifier": self._publisher}))

    def _started(self, tenant_id: str, answer: Answer) -> None:
        if _code(answer)[0] != "AF20024":
            self._checked(tenant_id, answer)

    def _checked(self, tenant_id: str, answer: Answer) -> Answer:
        """*answer*, when it is a success.

        Raises:
            Throttled: AF429, whatever its status.
            NoSubscription, NotFound, NotLicensed, Forbidden, Refused: By code; `remedy` says what to do.
            ClientError: As `raise_for_status`.
        """
        code, said = _code(answer)
        match code:
            case "AF429":
                raise Throttled(said, call=answer.call, retry_after_s=retry_after_s(answer.headers, answer.at))
            case "AF20022":
                raise NoSubscription(said, call=answer.call)
            case "AF20050" | "AF20051" | "AF20052":
                raise NotFound(said, call=answer.call, kind=code)
            case "AF20012":
                raise NotLicensed(said, call=answer.call, kind=code)
            case "AF10001":
                url = self._service.credentials.consent_url(tenant_id)
                remedy = f"Grant the application ActivityFeed.Read on Office 365 Management APIs: {url}"
                raise Forbidden(said, call=answer.call, remedy=remedy, kind=code)
            case _ if code in _REMEDIES:
                raise Refused(said, call=answer.call, remedy=_REMEDIES[code], kind=code)
            case _:
                pass
        raise_for_status(answer, said=said or None)
        return answer


_SWITCH_ON = "Switch auditing on in the tenant: Set-AdminAuditLogConfig -UnifiedAuditLogIngestionEnabled $true"
_REMEDIES = {
    "AF20011": _SWITCH_ON,
    "AF20023": "An administrator has disabled the subscription to the audit feed: have it enabled again.",
}


def _code(answer: Answer) -> tuple[str, str]:
    """Code and sentence of an error body; empty for anything else."""
    try:
        body = json.loads(answer.content) if answer.content.startswith(b"{") else None
    except ValueError:
        return "", ""
    match body:
        case {"error": {"code": str(code), "message": str(message)}}:
            return code, f"{code}: {message}"
        case _:
            return "", ""


def _listed(answer: Answer) -> list[Any]:
    body = answer.json()
    if not isinstance(body, list):
        raise Unreadable("an answer that is not a list", call=answer.call)
    return body


def _blob(raw: object) -> Blob | OddContent:
    match raw:
        case {"contentId": str(blob_id), "contentUri": str(uri), "contentCreated": str(created)}:
            try:
                at = datetime.fromisoformat(created)
            except ValueError:
                return OddContent(raw, "it came up at no time")
            return Blob(blob_id, uri, at if at.tzinfo else at.replace(tzinfo=UTC))
        case _:
            return OddContent(raw, "it has no id, address or time")


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S")
