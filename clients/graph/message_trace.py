"""The message trace of a tenant: which way its mail came. Source: docs/reference/message-trace.md."""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal
from urllib.parse import quote, urlencode

from clients.entra.clouds import Endpoints
from clients.entra.credentials import Credentials
from clients.entra.with_token import WithToken
from clients.errors import Call, Forbidden, Refused, Unreadable
from clients.graph.graph import HEADERS, Graph, Raw
from clients.http import Answer, Http, Intent, Permit, Request
from domain.mail_flow import MOST_A_PAGE
from domain.mail_trace import OddTrace, Trace, parse_trace

PERMISSION = "ExchangeMessageTrace.Read.All"
TRACING_APP = "8bd644d1-64a1-4d4b-ae52-2e0cbf64e373"
"""Microsoft's own application, which must have a service principal in the tenant."""

MOST_ODD = 20
"""Odd rows of one page. More of them are no exceptions: the service does not answer as documented any more."""

_PATH = "/v1.0/admin/exchange/tracing/messageTraces"
_HTTP_UNAUTHORISED = 401
_NO_PRINCIPAL = re.compile(r"service principal.{0,200}not found", re.IGNORECASE | re.DOTALL)
_NO_PERMISSION = re.compile(r"Authorization_RequestDenied", re.IGNORECASE)


class NotGranted(Refused):
    """One half of the grant is missing: the *missing* permission, or the principal of Microsoft's tracing app."""

    def __init__(
        self, missing: Literal["permission", "principal"], sentence: str, *, call: Call | None, remedy: str
    ) -> None:
        super().__init__(sentence, call=call, remedy=remedy)
        self.missing = missing


@dataclass(frozen=True, slots=True)
class TracePage:
    """Some rows, MOST_ODD of them odd at most, and the link to the next page; empty where there is none."""

    rows: tuple[Trace | OddTrace, ...]
    link: str = ""

    @property
    def odd(self) -> tuple[OddTrace, ...]:
        return tuple(each for each in self.rows if isinstance(each, OddTrace))


class MessageTrace:
    """The traces of every tenant of a worker. A tenant that is throttled here rests here alone."""

    def __init__(self, http: Http, credentials: Credentials, endpoints: Endpoints) -> None:
        self._service = WithToken(http, credentials, endpoints.graph, endpoints.graph_scope, "message-trace")
        self._graph = Graph(http, credentials, endpoints, PERMISSION)

    async def page(
        self,
        tenant_id: str,
        start: datetime,
        end: datetime,
        *,
        link: str = "",
        permit: Permit,
    ) -> TracePage:
        """One page of what was received from *start* to *end*, at most ten days: the first, or where *link* leads.

        *permit*: awaited before each request, of which there are two where a token is no longer taken.

        Raises:
            NotGranted: 401 or 403, because a half of the grant is missing.
            Throttled: 429; nothing else of the tenant rests.
            ClientError: As `Graph.checked`; Unreadable for more than MOST_ODD rows that are not as documented.
        """
        where = self._service.url(link or _first(start, end))
        request = Request("GET", where, Intent.READ, HEADERS, once=True)
        body = await self._service.send(tenant_id, request, partial(self._read, tenant_id), permit=permit)
        rows, next_link = body.get("value"), body.get("@odata.nextLink", "")
        if not isinstance(rows, list) or not isinstance(next_link, str):
            raise Unreadable("a list without its `value`")
        page = TracePage(tuple(map(parse_trace, rows)), next_link)
        if len(page.odd) > MOST_ODD:
            raise Unreadable(f"{len(page.odd)} odd rows of {len(rows)}, the first: {page.odd[0].why}")
        return page

    def _read(self, tenant_id: str, answer: Answer) -> Raw:
        if answer.status == _HTTP_UNAUTHORISED and _NO_PRINCIPAL.search(answer.text):
            # No expired token: a fresh one would be refused in the same words.
            remedy = f"As an administrator of the tenant: New-MgServicePrincipal -AppId {TRACING_APP}"
            sentence = "Microsoft's tracing app has no service principal in the tenant"
            raise NotGranted("principal", sentence, call=answer.call, remedy=remedy)
        try:
            return self._graph.checked(tenant_id, answer)
        except Forbidden as refusal:
            if not _NO_PERMISSION.search(refusal.sentence):
                raise
            raise NotGranted("permission", refusal.sentence, call=refusal.call, remedy=refusal.remedy) from None


def _first(start: datetime, end: datetime) -> str:
    between = f"receivedDateTime ge {_text(start)} and receivedDateTime le {_text(end)}"
    return f"{_PATH}?{urlencode({'$filter': between, '$top': str(MOST_A_PAGE)}, quote_via=quote, safe='$')}"


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
