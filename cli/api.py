"""The service's HTTP API, and how it says no."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

TIMEOUT_S = 60.0
LOOK_EVERY_S = 1.0


class Failure(Exception):  # noqa: N818 - what is told, and the exit code
    """The command ends with *code* and one sentence."""

    def __init__(self, code: int, sentence: str, status: int | None = None) -> None:
        super().__init__(sentence)
        self.code, self.status = code, status


@dataclass(frozen=True, slots=True)
class Api:
    """One service. Close it with the client that it was made of."""

    client: httpx.Client

    def get(self, path: str, **params: str | int) -> Any:  # noqa: ANN401 - JSON
        return self._ask("GET", path, params=params).json()

    def content(self, path: str, **params: str) -> bytes:
        """An answer as it came."""
        return self._ask("GET", path, params=params).content

    def put(self, path: str, body: object, headers: dict[str, str] | None = None) -> httpx.Response:
        return self._ask("PUT", path, json=body, headers=headers)

    def post(self, path: str, body: object, patience_s: float = TIMEOUT_S) -> httpx.Response:
        return self._ask("POST", path, json=body, timeout=patience_s)

    def delete(self, path: str) -> None:
        self._ask("DELETE", path)

    def start(self, path: str, body: object = None) -> dict[str, Any]:
        """Ask for work. The key makes a request that is sent again after a lost answer the same one."""
        headers = {"idempotency-key": str(uuid4())}
        operation: dict[str, Any] = self._ask("POST", path, json=body, headers=headers, tries=3).json()
        return operation

    def ended(self, operation: dict[str, Any], patience_s: float) -> dict[str, Any]:
        """The operation at its end, or as it stands after *patience_s*: then it has no `finished_at`."""
        deadline = time.monotonic() + patience_s
        while not operation.get("finished_at"):
            if time.monotonic() > deadline:
                return operation
            time.sleep(LOOK_EVERY_S)
            operation = self.get(f"operations/{operation['id']}")
        return operation

    def _ask(self, method: str, path: str, *, tries: int = 1, **request: Any) -> httpx.Response:  # noqa: ANN401 - as httpx
        try:
            answer = self.client.request(method, path, **request)
        except httpx.TransportError as error:
            if tries > 1:
                return self._ask(method, path, tries=tries - 1, **request)
            raise Failure(4, f"{self.client.base_url} does not answer: {error}") from None
        if answer.is_success:
            return answer
        raise Failure(3 if _is_no(answer) else 4, _sentence(answer), answer.status_code)


def _is_no(answer: httpx.Response) -> bool:
    """Whether the service itself said no: with 502 for a neighbour, as a problem, which a gateway's 502 is not."""
    is_problem = answer.headers.get("content-type", "").startswith("application/problem+json")
    return answer.is_client_error or (is_problem and answer.status_code == httpx.codes.BAD_GATEWAY)


def _sentence(answer: httpx.Response) -> str:
    """What the problem says (RFC 9457), or the status where the platform itself answered."""
    try:
        return f"{answer.status_code}: {answer.json()['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.reason_phrase}"


@contextmanager
def open_api(url: str, key: str, token: str) -> Iterator[Api]:
    """The service at *url*, by key or by Entra ID token.

    Raises:
        Failure: Neither is given.
    """
    if not (key or token):
        raise Failure(2, "give --key (HOLDFAST_API_KEY) or --token (HOLDFAST_API_TOKEN)")
    headers = {"x-functions-key": key} if key else {"authorization": f"Bearer {token}"}
    root = url.rstrip("/").removesuffix("/api")
    with httpx.Client(base_url=f"{root}/api/", headers=headers, timeout=TIMEOUT_S) as client:
        yield Api(client)
