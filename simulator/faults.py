"""Scripted trouble: what the next matching request gets instead of, or on top of, its answer."""

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Literal

type FaultKind = Literal[
    "throttled",  # 429; `retry_after` seconds or no header; `plain`: the plain text of 5.2 instead of JSON
    "unavailable",  # 503 with X-ExceptionType: `exception`
    "gateway_timeout",  # 504, HTML
    "cut",  # the connection dies without an answer
    "unreachable",  # the connection never opens
    "html",  # 200 with an HTML page
    "truncated",  # 200, JSON cut in the middle
    "empty",  # 200, no body
    "value_missing",  # 200, no `value`
    "value_empty",  # 200, `value` is [] whatever there is
    "adminapi_errors",  # 200 with @adminapi.errors
    "nul_403",  # 403, 4096 NUL bytes
    "slow",  # the true answer, after `seconds`
    "gzip_label",  # the true answer, labelled gzip without being gzip
    "foreign_next_link",  # the true answer with a nextLink to a host that is not Microsoft's
    "missing_item",  # the sub-response is left out of the batch
    "unauthorized",  # 401 with the Bearer challenge
    "server_error",  # 500
    "bad_request",  # 400
]


NO_CMDLET = ""
"""Where no cmdlet runs: a sign-in, a redirect."""


class ConnectionCut(Exception):  # noqa: N818 - it is the event, not an error of this code
    """The socket died. Raised through the ASGI app, so that the mount can do as a socket would.

    *opened*: false when the connection could not even be made.
    """

    def __init__(self, *, opened: bool = True) -> None:
        super().__init__("connection cut" if opened else "connection refused")
        self.opened = opened


@dataclass(slots=True)
class Fault:
    """One piece of trouble.

    Args:
        kind: what happens.
        service: `exchange`, `compliance-region`, `compliance` (the front door, which redirects) or `login`; None:
            wherever a cmdlet or a batch would run, so neither sign-in nor a redirect.
        cmdlet: a cmdlet's name, or `$batch` for the batch request as a whole; None: any.
        writes: True: only cmdlets that write; False: only reads; None: both.
        phase: `before` the cmdlet runs (it does not), or `after` it has run and its effect stays.
        times: how many requests meet it.
    """

    kind: FaultKind
    service: str | None = None
    cmdlet: str | None = None
    writes: bool | None = None
    phase: Literal["before", "after"] = "before"
    times: int = 1
    retry_after: int | None = None
    plain: bool = False
    exception: str = "Microsoft.Exchange.Data.Storage.StorageTransientException"
    seconds: float = 0.0

    def meets(self, service: str, cmdlet: str) -> bool:
        """Whether this fault is for such a request."""
        return (
            (self.service == service or (self.service is None and cmdlet != NO_CMDLET))
            and (self.cmdlet is None or self.cmdlet.casefold() == cmdlet.casefold())
            and (self.writes is None or self.writes == is_write(cmdlet))
        )


@dataclass(slots=True)
class Faults:
    """Faults in the order they were scripted; the first that fits a request is taken."""

    waiting: deque[Fault] = field(default_factory=deque)

    def script(self, *faults: Fault) -> None:
        self.waiting.extend(replace(fault) for fault in faults)

    def clear(self) -> None:
        self.waiting.clear()

    def take(self, service: str, cmdlet: str) -> Fault | None:
        for fault in self.waiting:
            if fault.meets(service, cmdlet):
                fault.times -= 1
                if fault.times <= 0:
                    self.waiting.remove(fault)
                return fault
        return None


def is_write(cmdlet: str) -> bool:
    """Whether the verb changes something. A batch as a whole, and a sign-in, do not."""
    return cmdlet.casefold().startswith(("new-", "set-", "remove-", "enable-", "disable-"))
