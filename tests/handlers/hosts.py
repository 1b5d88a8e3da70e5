"""Azure DNS and Cloudflare as state machines over the simulated zones: what they take shows in DNS at once.

Bodies as the hosts send them (docs/reference/dns.md#azure-dns, #cloudflare); what is not listed here they do not do.
"""

import json
import re
from itertools import count

import httpx

from simulator.wire.tokens import AUDIENCES, claims_of
from simulator.zones import Zones

type Texts = list[str]


def _texts(zones: Zones, name: str) -> Texts:
    """The texts of *name*, each as one piece."""
    return ["".join(re.findall(r'"([^"]*)"', value)) for value in zones.values(name, "TXT")]


def _publish(zones: Zones, name: str, texts: Texts) -> None:
    zones.set(name, "TXT", *(f'"{text}"' for text in texts))


class AzureDns:
    """One zone in Azure DNS. *changed*: what somebody else does between a read and a write."""

    def __init__(self, zones: Zones, zone: str, directory: str) -> None:
        self.zones, self.zone, self.directory = zones, zone, directory
        self.changed: list[Texts] = []
        self.writes = 0
        self._etags, self._seen = count(1), ("", list[str]())

    def __call__(self, request: httpx.Request) -> httpx.Response:
        claims = claims_of(request.headers["authorization"].removeprefix("Bearer "))
        if not claims or (claims["aud"], claims["tid"]) != (AUDIENCES["management"], self.directory):
            return _arm(401, "InvalidAuthenticationToken", "The access token is invalid.")
        owner = request.url.path.rpartition("/")[2]
        name = self.zone if owner == "@" else f"{owner}.{self.zone}"
        return self._read(name) if request.method == "GET" else self._write(name, request)

    def _read(self, name: str) -> httpx.Response:
        texts = _texts(self.zones, name)
        if not texts:
            return _arm(404, "NotFound", f"The resource record '{name}' does not exist in resource group 'dns'.")
        etag = self._etag(texts)
        if self.changed:
            _publish(self.zones, name, self.changed.pop())
        records = [{"value": [text]} for text in texts]
        return httpx.Response(200, json={"etag": etag, "properties": {"TTL": 300, "TXTRecords": records}})

    def _write(self, name: str, request: httpx.Request) -> httpx.Response:
        texts = _texts(self.zones, name)
        if request.headers.get("if-none-match") == "*" and texts:
            return _arm(412, "PreconditionFailed", "The Record set already exists so cannot be created again.")
        if (wanted := request.headers.get("if-match")) and wanted != self._etag(texts):
            return _arm(
                412, "PreconditionFailed", f"The condition '{wanted}' in the If-Match header was not satisfied."
            )
        records = json.loads(request.content)["properties"]["TXTRecords"]
        _publish(self.zones, name, ["".join(each["value"]) for each in records])
        self.writes += 1
        return self._read(name)

    def _etag(self, texts: Texts) -> str:
        """A new one whenever the set is not what it was."""
        if not self._seen[0] or self._seen[1] != texts:
            self._seen = (f"etag-{next(self._etags)}", texts)
        return self._seen[0]


def _arm(status: int, code: str, message: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "message": message})


class Cloudflare:
    """One zone at Cloudflare, opened by *token*."""

    def __init__(self, zones: Zones, zone: str, token: str) -> None:
        self.zones, self.zone, self.token = zones, zone, token
        self.writes = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.headers["authorization"] != f"Bearer {self.token}":
            return _envelope(403, None, (10000, "Authentication error"))
        match request.method, request.url.path.removeprefix("/client/v4"):
            case "GET", "/zones":
                return _envelope(200, [{"id": "z1", "name": self.zone}])
            case "GET", "/zones/z1/dns_records":
                name = request.url.params["name"]
                found = enumerate(_texts(self.zones, name))
                return _envelope(200, [_record(f"{name}|{number}", name, text) for number, text in found])
            case "PATCH", path:
                name, _, number = path.rpartition("/")[2].partition("|")
                texts = _texts(self.zones, name)
                texts[int(number)] = json.loads(request.content)["content"].strip('"')
                return self._publish(name, texts)
            case "POST", _:
                body = json.loads(request.content)
                return self._publish(body["name"], [*_texts(self.zones, body["name"]), body["content"].strip('"')])
            case _:
                raise AssertionError(f"{request.method} {request.url} is nothing that Cloudflare is asked")

    def _publish(self, name: str, texts: Texts) -> httpx.Response:
        _publish(self.zones, name, texts)
        self.writes += 1
        return _envelope(200, {"id": "r"})


def _record(record_id: str, name: str, text: str) -> dict[str, object]:
    return {"id": record_id, "type": "TXT", "name": name, "content": f'"{text}"', "ttl": 1, "proxied": False}


def _envelope(status: int, result: object, *errors: tuple[int, str]) -> httpx.Response:
    problems = [{"code": code, "message": message} for code, message in errors]
    return httpx.Response(status, json={"success": not errors, "errors": problems, "messages": [], "result": result})
