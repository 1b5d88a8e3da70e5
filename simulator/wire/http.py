"""A request and an answer as values, so that the same code serves respx, ASGI and the inside of a batch."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

NUL_BODY = b"\0" * 4096
JSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    Args:
        base: scheme, host and mount prefix that the caller used: links and redirects stay on it.
        path: below the base, with a leading slash.
        query: raw, without the question mark.
        headers: by lower-case name.
    """

    method: str
    base: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    def parameters(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True))


@dataclass(slots=True)
class Answer:
    """One HTTP response.

    Args:
        delay: seconds to wait before it is sent.
        missing: a batch leaves this item out.
        spoiled: the body is not the JSON that its headers say.
    """

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    missing: bool = False
    spoiled: bool = False

    @property
    def is_json(self) -> bool:
        return (
            bool(self.body) and not self.spoiled and self.headers.get("Content-Type", "").startswith("application/json")
        )


class Refused(Exception):  # noqa: N818 - an answer on its way out, not an error of this code
    """The request ends here with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


_encoder = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def dumps(value: object) -> bytes:
    return _encoder.encode(value).encode()


def loads(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    """The body as JSON; None if it is not."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def json_answer(status: int, value: object, **headers: str) -> Answer:
    return Answer(status, dumps(value), {"Content-Type": JSON, **headers})


def graph_error(status: int, code: str, message: str) -> Answer:
    """An error in Graph's form."""
    return json_answer(status, {"error": {"code": code, "message": message, "innerError": {}}})
