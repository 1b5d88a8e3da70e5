"""Azure DNS over ARM, api-version 2018-05-01: a change is a whole record set, held to the one read by its etag.

Source: docs/reference/dns.md#azure-dns.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import BaseModel, Field, ValidationError

from clients.dns_providers.provider import DnsProvider, Stored
from clients.dns_providers.record_set import AllowedChange, RecordSet
from clients.errors import Conflict, Forbidden, NotFound, Unreadable
from clients.http import Answer, Http, Intent, Request, raise_for_status
from domain.dns_steps import WritableType
from domain.mail.answers import Txt

MANAGEMENT = "https://management.azure.com"
_API_VERSION = "2018-05-01"
_LOCK_REMEDY = "Take the lock off the zone (Azure portal > DNS zone > Locks), or change the record by hand."


@dataclass(frozen=True, slots=True)
class _Stored(Stored):
    """*etag*: None where the zone has no such set."""

    etag: str | None = None
    metadata: dict[str, str] | None = None


class AzureDns(DnsProvider[_Stored]):
    """The zones of one resource group, for one change.

    *token* gives a bearer token for ARM (role "DNS Zone Contributor").
    """

    def __init__(
        self,
        http: Http,
        token: Callable[[], Awaitable[str]],
        *,
        subscription_id: str,
        resource_group: str,
        management: str = MANAGEMENT,
    ) -> None:
        self._http = http
        self._token = token
        self._bearer = ""
        group = f"{management}/subscriptions/{subscription_id}/resourceGroups/{resource_group}"
        self._zones = f"{group}/providers/Microsoft.Network/dnsZones"

    async def stored(self, zone: str, name: str, rtype: WritableType) -> _Stored:
        """The set with its etag. Raises NotFound when ARM has no such zone."""
        try:
            return await self._send("GET", self._url(zone, name, rtype), {})
        except _NoSuchSet:
            return _Stored()

    async def write(self, allowed: AllowedChange, stored: _Stored, target: RecordSet, permitted_at: float) -> None:
        """One request that ARM takes only if the etag is still that of *stored*."""
        url = self._url(allowed.zone, allowed.name, allowed.type)
        if stored.etag is None:
            await self._send("PUT", url, {"If-None-Match": "*"}, _body(target, None), permitted_at)
        elif target.values:
            await self._send("PUT", url, {"If-Match": stored.etag}, _body(target, stored.metadata), permitted_at)
        else:
            await self._send("DELETE", url, {"If-Match": stored.etag}, permitted_at=permitted_at)

    def _url(self, zone: str, name: str, rtype: WritableType) -> str:
        owner = "@" if name == zone else name.removesuffix(f".{zone}")
        return f"{self._zones}/{zone}/{rtype}/{owner}?api-version={_API_VERSION}"

    async def _send(
        self, method: str, url: str, headers: dict[str, str], body: bytes = b"", permitted_at: float | None = None
    ) -> _Stored:
        intent = Intent.READ if method == "GET" else Intent.SET
        # The read's token serves the write too: nothing is waited for once that is permitted.
        self._bearer = self._bearer or await self._token()
        sent = {"Authorization": f"Bearer {self._bearer}", "Content-Type": "application/json", **headers}
        request = Request(method, url, intent, sent, body, service="azure-dns", permitted_at=permitted_at)
        return await self._http.send(request, _read)


class _NoSuchSet(NotFound):
    """The zone is there, and has no such record set."""


class _Texts(BaseModel):
    value: list[str]


class _Host(BaseModel):
    cname: str


class _Properties(BaseModel):
    ttl_s: int = Field(alias="TTL")
    texts: list[_Texts] = Field([], alias="TXTRecords")
    host: _Host | None = Field(None, alias="CNAMERecord")
    metadata: dict[str, str] | None = None


class _RecordSetResource(BaseModel):
    etag: str
    properties: _Properties


def _read(answer: Answer) -> _Stored:
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - RFC 9110, section 15.3
        _raise(answer)
    if not answer.content:
        return _Stored()
    try:
        resource = _RecordSetResource.model_validate(answer.json())
    except ValidationError as error:
        raise Unreadable(f"not a record set: {error.errors()[0]['msg']}", call=answer.call) from None
    found = resource.properties
    values: tuple[str | Txt, ...] = tuple(Txt(tuple(map(str.encode, text.value))) for text in found.texts)
    if found.host:
        values = (found.host.cname.rstrip(".").lower(),)
    if not values:
        raise Unreadable("a record set without records", call=answer.call)
    return _Stored(RecordSet(values, found.ttl_s), resource.etag, found.metadata)


def _raise(answer: Answer) -> None:
    """Raise what an answer other than 2xx stands for. Bodies: `{"code", "message"}`, sometimes inside `"error"`."""
    code, said = _error(answer)
    if answer.status == 412:  # noqa: PLR2004 - RFC 9110, section 15.5.13
        raise Conflict(said, call=answer.call)
    if answer.status == 404 and code == "NotFound":  # noqa: PLR2004 - a missing zone has other codes
        raise _NoSuchSet(said, call=answer.call)
    if answer.status == 409:  # noqa: PLR2004 - RFC 9110, section 15.5.10; a set that exists is a 412
        raise Forbidden(said, call=answer.call, remedy=_LOCK_REMEDY, kind=code)
    raise_for_status(answer, said=said)


def _error(answer: Answer) -> tuple[str, str]:
    try:
        body = json.loads(answer.content)
    except ValueError:
        return "", answer.text
    match body:
        case {"error": {"code": str(code), "message": str(said)}} | {"code": str(code), "message": str(said)}:
            return code, f"{code}: {said}"
        case _:
            return "", answer.text


def _body(target: RecordSet, metadata: dict[str, str] | None) -> bytes:
    texts = [{"value": [string.decode() for string in each.strings]} for each in target.values if isinstance(each, Txt)]
    records = {"TXTRecords": texts} if texts else {"CNAMERecord": {"cname": target.values[0]}}
    return json.dumps({"properties": {"TTL": target.ttl_s, "metadata": metadata or {}, **records}}).encode()
