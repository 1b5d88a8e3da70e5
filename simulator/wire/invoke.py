"""`POST .../InvokeCommand`: one cmdlet in, one envelope out.

Source: docs/reference/exchange.md#invokecommand.
"""

import re
from collections.abc import Mapping
from typing import Any

from simulator import cmdlets
from simulator.cmdlets.cmdlet import Output
from simulator.failures import CmdletError
from simulator.faults import is_write
from simulator.rows import Row
from simulator.tenant import Entry, Tenant
from simulator.wire.access import Service, allowed, authenticate, forbidden
from simulator.wire.envelope import annotated, envelope, plain_error, refusal
from simulator.wire.http import JSON, Answer, Refused, Request, json_answer
from simulator.wire.trouble import meet

_PAGE_SIZE = re.compile(r"odata\.maxpagesize=(\d+)")


def answer(tenant: Tenant, service: Service, request: Request, body: object, *, host: str) -> Answer:
    """Check, run and log one cmdlet.

    Args:
        tenant: whose URL was called.
        service: which catalogue of cmdlets.
        request: as it came, or as it stood in a batch.
        body: its body as JSON.
        host: the service's name for faults and counters.

    Raises:
        ConnectionCut: a scripted fault says so.
    """
    name, parameters = _command(body)
    try:
        claims = authenticate(tenant, service, request.headers.get("authorization"))
    except Refused as refused:
        tenant.note(Entry(service, name, parameters, is_write(name), refused.answer.status, changed=False))
        return _with_headers(tenant, request, refused.answer)
    if not name:
        return _with_headers(tenant, request, json_answer(400, plain_error("BadRequest", "Invalid Operation")))
    fault = tenant.take_fault(host, name)
    run = _Run(tenant, service, request, name, parameters, claims)
    status = 0
    try:
        result = meet(fault, run.answer, tenant, service)
        status = result.status
    finally:
        tenant.note(Entry(service, name, parameters, is_write(name), status, run.changed))
    return _with_headers(tenant, request, result)


def _command(body: object) -> tuple[str, Mapping[str, Any]]:
    """The cmdlet and its parameters; no name: the body holds no command."""
    match body:
        case {"CmdletInput": {"CmdletName": str(name), **rest}}:
            parameters = rest.get("Parameters") or {}
            if isinstance(parameters, dict):
                return name, parameters
        case _:
            pass
    return "", {}


class _Run:
    """One cmdlet with its request around it; remembers whether it changed anything."""

    def __init__(  # noqa: PLR0913, PLR0917 - one call's parts
        self,
        tenant: Tenant,
        service: Service,
        request: Request,
        name: str,
        parameters: Mapping[str, Any],
        claims: Mapping[str, Any],
    ) -> None:
        self.tenant = tenant
        self.service = service
        self.request = request
        self.name = name
        self.parameters = parameters
        self.claims = claims
        self.changed = False

    def answer(self) -> Answer:
        cmdlet = cmdlets.CATALOGUE.get(self.name.casefold())
        if cmdlet is None or cmdlet.service != self.service:
            return self._unknown()
        if not allowed(self.tenant, self.claims, cmdlet):
            return forbidden(self.tenant)
        token = self.request.parameters().get("$skiptoken") if self.request.query else None
        if token is not None:
            return self._continued(token)
        before = self.tenant.revision
        try:
            output = cmdlets.run(self.tenant, self.name, self.parameters)
            if is_write(self.name):
                self.tenant.feed.wrote(self.name, self.parameters, by_person=False)
        except CmdletError as error:
            return json_answer(error.status, refusal(error), **{"X-ExceptionType": error.kind})
        finally:
            self.changed = self.tenant.revision != before
        return self._success(output)

    def _unknown(self) -> Answer:
        """The two services answer differently to a cmdlet they do not have (docs/reference/compliance.md#calls)."""
        if self.service == "exchange":
            return forbidden(self.tenant)
        text = f"The term '{self.name}' is not recognized as the name of a cmdlet."
        return json_answer(403, plain_error("Forbidden", text))

    def _success(self, output: Output) -> Answer:
        if output.rows is None:
            return self._void(output.warnings)
        return self._page(output.rows, output.warnings)

    def _void(self, warnings: list[str]) -> Answer:
        body = envelope(self._context, [], warnings)
        match self.tenant.switches.void_value:
            case "no_content":
                return Answer(204)
            case "no_body":
                return Answer(200, headers={"Content-Type": JSON})
            case "missing":
                del body["value"]
            case "null":
                body["value"] = None
            case "empty":
                pass
        return json_answer(200, body)

    def _continued(self, token: str) -> Answer:
        rows = self.tenant.links.follow(token, self.name)
        anchored = "x-anchormailbox" in self.request.headers or not self.tenant.switches.paging_needs_anchor
        if rows is None or not anchored:
            return json_answer(400, plain_error("BadRequest", "The pagination request has expired or is invalid."))
        return self._page(rows, [])

    def _page(self, rows: list[Row], warnings: list[str]) -> Answer:
        switches = self.tenant.switches
        preferred = _PAGE_SIZE.search(self.request.headers.get("prefer", ""))
        size = min(switches.page_size, max(1, int(preferred[1])) if preferred else switches.page_size)
        more: dict[str, object] = {}
        if len(rows) > size:
            more["@odata.nextLink"] = self._link(self.tenant.links.issue(self.name, rows[size:]))
            rows = rows[:size]
        null_empties = switches.empty_collections == "null"
        shown = [annotated(row, self._select, null_empties=null_empties) for row in rows]
        return json_answer(200, envelope(self._context, shown, warnings, **more))

    @property
    def _select(self) -> frozenset[str]:
        if not self.request.query:
            return frozenset()
        names = self.request.parameters().get("$select", "")
        return frozenset(name.strip() for name in names.split(",") if name.strip())

    @property
    def _context(self) -> str:
        return f"{self.request.base}/adminapi/beta/{self.tenant.tenant_id}"

    def _link(self, token: str) -> str:
        select = self.request.parameters().get("$select")
        selected = f"&$select={select}" if select else ""
        return f"{self._context}/InvokeCommand?$skiptoken={token}{selected}"


def _with_headers(tenant: Tenant, request: Request, result: Answer) -> Answer:
    """The headers that every answer has."""
    result.headers["request-id"] = tenant.world.next_request_id()
    result.headers["OData-Version"] = "4.0"
    if client := request.headers.get("client-request-id"):
        result.headers["client-request-id"] = client
    if size := _PAGE_SIZE.search(request.headers.get("prefer", "")):
        result.headers["Preference-Applied"] = size[0]
    return result
