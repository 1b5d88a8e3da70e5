"""Cloudflare v4: one record is one value with its own id, so a change never touches its siblings.

There are no etags. The records are read right before the write and compared; what somebody else changes within that
moment is not seen, so the caller reads back from the zone's own servers.
Source: docs/reference/dns.md#cloudflare.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

import dns.exception
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer
from dns.rdtypes.ANY.TXT import TXT
from pydantic import BaseModel, ValidationError

from clients.dns_providers.provider import DnsProvider, Stored
from clients.dns_providers.record_set import AllowedChange, RecordSet, content, cut
from clients.errors import AlreadyExists, Conflict, NotFound, Unauthorised, Unreadable
from clients.http import Answer, Http, Intent, Request, raise_for_status
from domain.dns_steps import WritableType
from domain.mail.answers import Txt

API = "https://api.cloudflare.com/client/v4"
AUTOMATIC_TTL_S = 300
"""What Cloudflare's ttl 1, "automatic", stands for."""
_VISIBLE = re.compile(r"[!-~]+")
_MOST = 100  # records asked for at once; no name has so many
_TOKEN_REMEDY = "Make an API token with Zone:Read and DNS:Edit for this zone, and put it into the setting."  # noqa: S105
# Cloudflare's own error codes: of tokens it does not accept, records that are there already, records that are gone.
_NOT_WHO = {6003, 6103, 6111, 9103, 9106, 9109, 10000}
_EXISTS = {81053, 81054, 81057, 81058}
_GONE = {81044}
_INTENTS = {"GET": Intent.READ, "PATCH": Intent.SET, "DELETE": Intent.SET, "POST": Intent.CREATE}


class _Zone(BaseModel):
    id: str


class _Record(BaseModel):
    id: str
    type: str
    name: str
    content: str
    ttl: int


class _Problem(BaseModel):
    code: int
    message: str


class _Envelope[T](BaseModel):
    """What every answer is wrapped in, with a status of 2xx or not."""

    success: bool
    errors: list[_Problem]
    result: T


@dataclass(frozen=True, slots=True)
class _Stored(Stored):
    """*path*: of the zone's records."""

    path: str = ""
    rows: tuple[_Record, ...] = ()


class Cloudflare(DnsProvider[_Stored]):
    """The zones that the API token *token* may change (Zone:Read and DNS:Edit).

    Raises ValueError when *token* cannot be sent: the error of a header that is none would repeat it.
    """

    def __init__(self, http: Http, token: str, *, api: str = API) -> None:
        if not _VISIBLE.fullmatch(token):
            raise ValueError("not an API token: should be visible ASCII, without blanks or line ends")
        self._http = http
        self._token = token
        self._api = api

    async def stored(self, zone: str, name: str, rtype: WritableType) -> _Stored:
        """The records with their ids. Raises NotFound when the token shows no such zone."""
        path = await self._zone(zone)
        rows = await self._records(path, name, rtype)
        return _Stored(_record_set(rows, rtype), path, tuple(rows))

    async def write(self, allowed: AllowedChange, stored: _Stored, target: RecordSet, permitted_at: float) -> None:
        """One request about one record; nothing holds the others still meanwhile."""
        old = [row for row in stored.rows if content(_value(row, allowed.type)) in allowed.removed]
        new = [value for value in target.values if content(value) in allowed.added]
        send = partial(self._send, _Envelope[object], permitted_at=permitted_at)
        if old and new:
            await send("PATCH", f"{stored.path}/{old[0].id}", {"content": _text(new[0])})
        elif old:
            await send("DELETE", f"{stored.path}/{old[0].id}")
        else:
            body = {"type": allowed.type, "name": allowed.name, "content": _text(new[0]), "ttl": target.ttl_s}
            await send("POST", stored.path, body | {"proxied": False})

    async def _zone(self, zone: str) -> str:
        """The path of the zone's records."""
        found = await self._send(_Envelope[list[_Zone]], "GET", f"/zones?{urlencode({'name': zone})}")
        if len(found) != 1:
            raise NotFound(f"Cloudflare shows this token no zone {zone}", remedy=_TOKEN_REMEDY)
        return f"/zones/{found[0].id}/dns_records"

    async def _records(self, path: str, name: str, rtype: WritableType) -> list[_Record]:
        query = urlencode({"type": rtype, "name": name, "per_page": _MOST})
        found = await self._send(_Envelope[list[_Record]], "GET", f"{path}?{query}")
        if len(found) >= _MOST:
            raise Unreadable(f"{_MOST} records or more at {name}")
        return [record for record in found if (record.type, record.name.lower()) == (rtype, name)]

    async def _send[T](
        self,
        form: type[_Envelope[T]],
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        permitted_at: float | None = None,
    ) -> T:
        sent = b"" if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        url, intent = f"{self._api}{path}", _INTENTS[method]
        request = Request(method, url, intent, headers, sent, service="cloudflare", permitted_at=permitted_at)
        return await self._http.send(request, lambda answer: _read(form, answer))


def _read[T](form: type[_Envelope[T]], answer: Answer) -> T:
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - RFC 9110, section 15.3
        _raise(answer)
    try:
        envelope = form.model_validate(answer.json())
    except ValidationError as error:
        raise Unreadable(f"not what the API documents: {error.errors()[0]['msg']}", call=answer.call) from None
    if not envelope.success:
        raise Unreadable(f"2xx without success: {_sentence(envelope.errors)}", call=answer.call)
    return envelope.result


def _raise(answer: Answer) -> None:
    """Raise what an answer other than 2xx stands for; the codes in its body say more than its status."""
    try:
        problems = _Envelope[object].model_validate_json(answer.content).errors
    except ValidationError:
        raise_for_status(answer)
        return
    said, codes = _sentence(problems), {problem.code for problem in problems}
    if codes & _NOT_WHO:
        raise Unauthorised(said, call=answer.call, remedy=_TOKEN_REMEDY, kind=str(min(codes)))
    if codes & _EXISTS:
        raise AlreadyExists(said, call=answer.call, kind=str(min(codes)))
    if codes & _GONE:
        raise Conflict(said, call=answer.call)
    raise_for_status(answer, said=said)


def _sentence(problems: list[_Problem]) -> str:
    return "; ".join(f"{problem.code}: {problem.message}" for problem in problems)


def _record_set(records: list[_Record], rtype: WritableType) -> RecordSet:
    if not records:
        return RecordSet()
    ttl_s = min(AUTOMATIC_TTL_S if record.ttl == 1 else record.ttl for record in records)
    return RecordSet(tuple(_value(record, rtype) for record in records), ttl_s)


def _value(record: _Record, rtype: WritableType) -> str | Txt:
    return _unquoted(record.content) if rtype == "TXT" else record.content.rstrip(".").lower()


def _unquoted(text: str) -> Txt:
    """A text as the API shows it: in quoted strings, as in a zone file, or bare as somebody typed it."""
    if not text.startswith('"'):
        return cut(text.encode())
    try:
        tokens = dns.tokenizer.Tokenizer(text).get_remaining()
        return Txt(tuple(token.unescape_to_bytes().value for token in tokens))
    except dns.exception.DNSException:
        return cut(text.encode())


def _text(value: str | Txt) -> str:
    if isinstance(value, Txt):
        return TXT(dns.rdataclass.IN, dns.rdatatype.TXT, value.strings).to_text()
    return value
