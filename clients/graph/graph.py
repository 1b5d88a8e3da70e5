"""Microsoft Graph as its clients speak it: pages, batches, and its two kinds of 403.

Source: docs/reference/defender-alerts-and-audit.md#graph-limits.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from itertools import batched
from typing import Any

from clients.entra.clouds import Endpoints
from clients.entra.credentials import Credentials
from clients.entra.with_token import WithToken
from clients.errors import Call, ClientError, Forbidden, NotLicensed, Refused, Throttled, Unreadable
from clients.exchange.batch import headers_of
from clients.http import TRIES, Answer, Http, Intent, Permit, Request, raise_for_status

MOST_PARTS = 20
"""Requests in one `$batch`."""
MOST_PAGES = 200

type Raw = dict[str, Any]
"""An object as Graph gave it."""


class Graph:
    """Graph, for every tenant of a worker. *role*: the application permission that its calls need."""

    def __init__(self, http: Http, credentials: Credentials, endpoints: Endpoints, role: str) -> None:
        self._service = WithToken(http, credentials, endpoints.graph, endpoints.graph_scope, "graph")
        self._credentials = credentials
        self._role = role

    async def get(self, tenant_id: str, path: str) -> Raw:
        """One object. Raises as `checked`."""
        return await self._send(tenant_id, "GET", path, Intent.READ)

    async def page(self, tenant_id: str, path_or_link: str) -> tuple[list[Any], str | None]:
        """One page of a list, and the link to the next if the service gave one. Raises as `checked`."""
        body = await self._send(tenant_id, "GET", path_or_link, Intent.READ)
        value, link = body.get("value"), body.get("@odata.nextLink")
        if not isinstance(value, list) or not isinstance(link, str | None):
            raise Unreadable("a list without its `value`")
        return value, link

    async def pages(self, tenant_id: str, path: str) -> AsyncIterator[list[Any]]:
        """Every page of a list. Raises as `checked`; Unreadable too where the pages never end."""
        for _ in range(MOST_PAGES):
            value, link = await self.page(tenant_id, path)
            yield value
            if link is None:
                return
            path = link
        raise Unreadable(f"more than {MOST_PAGES} pages")

    async def each(self, tenant_id: str, paths: Sequence[str]) -> list[Raw | ClientError]:
        """Each object, or why it could not be read: a batch succeeds as a whole whatever becomes of its parts.

        Once the tenant rests at Graph nothing more is asked, and Resting is how all that is left ended.

        Raises:
            ClientError: A batch as a whole failed, and not because the tenant is turned away.
        """
        found: dict[str, Raw | ClientError] = {}
        for part in batched(paths, MOST_PARTS, strict=False):
            found |= await self._batch(tenant_id, part)
        return [found[path] for path in paths]

    async def _batch(self, tenant_id: str, paths: Sequence[str]) -> dict[str, Raw | ClientError]:
        """How each part ended. Parts that were turned away are asked for again, as a request that was would be."""
        found: dict[str, Raw | ClientError] = {}
        left = paths
        busy: Throttled | None = None
        for _ in range(TRIES):
            items = [{"id": str(n), "method": "GET", "url": path} for n, path in enumerate(left)]
            request = self._request("POST", "/v1.0/$batch", Intent.READ, {"requests": items})
            try:
                endings = await self._service.send(
                    tenant_id, request, partial(self._parts, tenant_id, left), failed=busy
                )
            except Throttled as error:
                return found | dict.fromkeys(left, error)
            found |= zip(left, endings, strict=True)
            turned_away = {path: end for path, end in zip(left, endings, strict=True) if isinstance(end, Throttled)}
            if not turned_away:
                break
            left = list(turned_away)
            busy = max(turned_away.values(), key=lambda error: error.retry_after_s or 0)
        return found

    async def patch(self, tenant_id: str, path: str, body: Mapping[str, object], *, permit: Permit) -> Raw:
        """Change an object, once *permit* has let it pass.

        Raises:
            Unreachable: with `sent`, and Unreadable: it may have been done. Others as `checked`: it was not.
        """
        return await self._send(tenant_id, "PATCH", path, Intent.SET, body, permit)

    async def post(self, tenant_id: str, path: str, body: Mapping[str, object], *, permit: Permit) -> Raw:
        """Make an object: one more each time. Raises as *patch*."""
        return await self._send(tenant_id, "POST", path, Intent.CREATE, body, permit)

    async def _send(  # noqa: PLR0913, PLR0917 - the parts of one request
        self,
        tenant_id: str,
        method: str,
        path: str,
        intent: Intent,
        body: Mapping[str, object] | None = None,
        permit: Permit | None = None,
    ) -> Raw:
        request = self._request(method, path, intent, body)
        return await self._service.send(tenant_id, request, partial(self.checked, tenant_id), permit=permit)

    def _request(self, method: str, path: str, intent: Intent, body: Mapping[str, object] | None) -> Request:
        content = b"" if body is None else json.dumps(body).encode()
        headers = HEADERS | ({} if body is None else {"Content-Type": "application/json"})
        return Request(method, self._service.url(path), intent, headers, content)

    def _parts(self, tenant_id: str, paths: Sequence[str], answer: Answer) -> list[Raw | ClientError]:
        responses = self.checked(tenant_id, answer).get("responses")
        if not isinstance(responses, list):
            raise Unreadable("a batch without its `responses`", call=answer.call)
        by_id = {str(part.get("id")): part for part in responses if isinstance(part, dict)}
        return [self._part(tenant_id, path, by_id.get(str(n)), answer) for n, path in enumerate(paths)]

    def _part(self, tenant_id: str, path: str, part: Raw | None, answer: Answer) -> Raw | ClientError:
        status = part.get("status") if part else None
        if part is None or type(status) is not int:
            return Unreadable("a batch answer without a clear part for it", call=answer.call)
        call = Call("GET", path, status, answer.call.request_id)
        content = json.dumps(part.get("body")).encode()
        inner = Answer(call, status, Intent.READ, headers_of(part.get("headers")), content, answer.at)
        try:
            return self.checked(tenant_id, inner)
        except ClientError as error:
            return error

    def checked(self, tenant_id: str, answer: Answer) -> Raw:
        """The body of a success.

        Raises:
            NotLicensed: 403, because the tenant has no such service.
            Forbidden: 403, because the application may not; `remedy` says what to grant.
            ClientError: As `raise_for_status` says. Unreadable for a body that is no JSON object.
        """
        try:
            raise_for_status(answer, said=_said(answer))
        except Forbidden as refusal:
            raise self._forbidden(tenant_id, refusal) from None
        body = answer.json()
        if not isinstance(body, dict):
            raise Unreadable("an answer that is not a JSON object", call=answer.call)
        return body

    def _forbidden(self, tenant_id: str, refusal: Forbidden) -> Refused:
        if _LICENCE.search(refusal.sentence) and not _CONSENT.search(refusal.sentence):
            return NotLicensed(refusal.sentence, call=refusal.call)
        remedy = f"Grant the application {self._role} on Microsoft Graph: {self._credentials.consent_url(tenant_id)}"
        return Forbidden(refusal.sentence, call=refusal.call, remedy=remedy)


# Without the preference, newer enum members come as unknownFutureValue.
HEADERS = {"Accept": "application/json", "Prefer": "include-unknown-enum-members"}
# 403 has two meanings, told apart by words only; in doubt a person is told what to grant.
_LICENCE = re.compile(r"licen[cs]|onboard|provision|subscription", re.IGNORECASE)
_CONSENT = re.compile(r"RequestDenied|scope|privilege|role", re.IGNORECASE)


def _said(answer: Answer) -> str | None:
    """Code and message of Graph's error body; None for a body that is none."""
    try:
        body = json.loads(answer.content)
    except ValueError:
        return None
    match body:
        case {"error": {"code": str(code), "message": str(message)}}:
            return f"{code}: {message}"
        case _:
            return None
