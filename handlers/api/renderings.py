"""One typed result, several renderings: JSON, JSON Lines, CSV; each has an entity tag and the link to what is next."""

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Depends, Header, Query, Request, Response
from pydantic import TypeAdapter

from domain.shown import visible
from handlers.lists import FleetList, Slice

type RenderedAs = Literal["json", "csv", "jsonl"]

MEDIA_TYPES: Mapping[RenderedAs, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
}

LONGEST_LIST = 1000

_RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""With what a cell begins that Excel and its kin take for a formula (OWASP, CSV Injection); wide forms count too."""


async def _place(
    after: Annotated[str, Query(max_length=1000, description="The cursor of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=LONGEST_LIST, description="Items on a page.")] = 100,
) -> Slice:
    return Slice(after, limit)


InPlace = Annotated[Slice, Depends(_place)]


class Renderer:
    """How the caller wants an answer: by `format`, else by `Accept`; and which version it has already."""

    def __init__(
        self,
        request: Request,
        form: Annotated[
            RenderedAs | None,
            Query(alias="format", description="json, csv or jsonl; without, as `Accept` says."),
        ] = None,
        accept: Annotated[str, Header(include_in_schema=False)] = "",
        known: Annotated[str, Header(alias="If-None-Match", description="The entity tag that the caller has.")] = "",
    ) -> None:
        self._request, self._known = request, known
        self.form: RenderedAs = form or _accepted(accept)

    def page[T](self, kind: type[T], found: FleetList[T]) -> Response:
        """*found* as the caller wants it, with the link to the page after it."""
        return self._answer(_rendered(self.form, list_of(kind, found.items)), found.next)

    def as_csv[T](self, kind: type[T], found: FleetList[T]) -> Response:
        """*found* as a file for a spreadsheet."""
        self.form = "csv"
        return self.page(kind, found)

    def whole[T](self, kind: type[T], result: T, rows: str, after: str) -> Response:
        """*result* as JSON; as CSV and JSON Lines only its list *rows*."""
        document = TypeAdapter(kind).dump_python(result, mode="json")
        body = json.dumps(document).encode() if self.form == "json" else _rendered(self.form, document[rows])
        return self._answer(body, after)

    def _answer(self, body: bytes, after: str) -> Response:
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Vary": "Accept", "Cache-Control": "private, no-cache"}
        if after:
            query = {**self._request.query_params, "after": after}
            headers["Link"] = f'<{self._request.url.path}?{urlencode(query)}>; rel="next"'
        if tag in {each.strip().removeprefix("W/") for each in self._known.split(",")}:
            return Response(status_code=304, headers=headers)
        return Response(body, 200, headers, media_type=MEDIA_TYPES[self.form])


Rendered = Annotated[Renderer, Depends()]


def _accepted(accept: str) -> RenderedAs:
    kinds = {part.partition(";")[0].strip() for part in accept.lower().split(",")}
    if "text/csv" in kinds:
        return "csv"
    return "jsonl" if kinds & {"application/x-ndjson", "application/jsonl"} else "json"


def list_of[T](kind: type[T], items: Sequence[T]) -> list[dict[str, Any]]:
    """*items* as JSON values."""
    adapter: TypeAdapter[T] = TypeAdapter(kind)
    return [adapter.dump_python(item, mode="json") for item in items]


def _rendered(form: RenderedAs, items: Sequence[Mapping[str, Any]]) -> bytes:
    match form:
        case "json":
            return json.dumps(items, separators=(",", ":")).encode()
        case "jsonl":
            return b"".join(json.dumps(item, separators=(",", ":")).encode() + b"\n" for item in items)
        case "csv":
            return _csv(items)


def _csv(items: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    if items:
        writer.writerow(items[0])
    writer.writerows([[csv_cell(value) for value in item.values()] for item in items])
    return text.getvalue().encode("utf-8")


def csv_cell(value: object) -> str:
    """*value* as a cell that no spreadsheet runs: one that looks like a formula has an apostrophe in front."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str():
            text = value
        case _:
            text = json.dumps(value)
    text = f"'{text}" if text.lstrip(" \u00a0").startswith(_RUN_BY_SPREADSHEETS) else text
    return visible(text)
