"""Microsoft's own `azure-functions-runtime`, driven in-process: it indexes the app and runs its functions.

The runtime takes its message types from the caller, so plain Python objects stand in for protobuf.
It keeps the app in module globals: one app per process, which `load` makes plain.

Source: docs/reference/azure-functions.md#runtime.
"""

import json
import logging
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import azure_functions_runtime as engine

from devhost import telemetry
from devhost.errors import StartError

_LOG = logging.getLogger(__name__)
_TRIGGERS = frozenset({"httpTrigger", "queueTrigger", "timerTrigger"})


class Message:
    """Any message of the host's protocol: keywords become attributes."""

    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802 -- the name protobuf gives it
        """Name the member that is set; of a `TypedData` (group `data`) that is its only field."""
        return next(iter(self.__dict__), None) if group == "data" else "data"

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # noqa: ANN401 -- the protocol is not typed


class _StatusResult(Message):
    Failure, Success, Cancelled = range(3)


class _BindingInfo(Message):
    undefined, out, inout = range(3)


class _RpcHttpCookie(Message):
    SameSite = SimpleNamespace(**{"None": "", "Lax": "Lax", "Strict": "Strict", "ExplicitNone": "None"})


class _Protos:
    """The message types: those with constants are written out, every other is made when the runtime asks for it."""

    StatusResult = _StatusResult
    BindingInfo = _BindingInfo
    RpcHttpCookie = _RpcHttpCookie

    def __getattr__(self, name: str) -> type[Message]:
        made = type(name, (Message,), {})
        setattr(self, name, made)
        return made


class InvocationFailed(Exception):  # noqa: N818 -- an outcome of the function, not an error of the host
    """A function raised, or returned what its bindings do not take. `str()` is the exception in one line."""


@dataclass(frozen=True, slots=True)
class Function:
    """One indexed function.

    *trigger* is its trigger binding as the host reads it: `type`, `name`, and what that type has (`schedule`,
    `queueName`, `connection`, `route`, `methods`, `authLevel`), placeholders unresolved.
    """

    name: str
    id: str
    trigger: Mapping[str, Any]


class App:
    """The indexed app of this process."""

    def __init__(self, functions: tuple[Function, ...]) -> None:
        self.functions = functions
        self.running = 0

    def start(self) -> None:
        """Start the threads in which functions without `async` run."""
        engine.start_threadpool_executor()

    def stop(self) -> None:
        engine.stop_threadpool_executor()

    async def invoke(
        self, function: Function, data: Message, metadata: Mapping[str, Message] | None = None
    ) -> Message | None:
        """Run *function* once.

        Returns:
            What it returned, as `TypedData`; None if it has no return binding.

        Raises:
            InvocationFailed: It failed. It is logged already.
        """
        invocation_id = str(uuid4())
        token = engine.invocation_id_cv.set(invocation_id)
        self.running += 1
        try:
            response = await engine.invocation_request(_invocation(invocation_id, function, data, metadata or {}))
        finally:
            self.running -= 1
            engine.invocation_id_cv.reset(token)
        if response.result.status != _StatusResult.Success:
            raise _failure(function, response.result.exception)
        returned: Message | None = response.return_value
        return returned


def typed(**value: object) -> Message:
    """Wrap one value as the protocol's `TypedData`: `typed(string=...)`, `typed(bytes=...)`, `typed(json=...)`."""
    return Message(**value)


_loaded: dict[Path, App] = {}


async def load(folder: Path) -> App:
    """Index *folder*/function_app.py; a second call for the same folder gives the same app.

    Raises:
        StartError: The file is missing, lists nothing, cannot be indexed (Microsoft's message), has a binding that
            the devhost does not run, or another app was loaded in this process before.
    """
    folder = folder.resolve()  # noqa: ASYNC240 -- before anything else runs
    if folder not in _loaded:
        if _loaded:
            raise StartError(f"{next(iter(_loaded))} is loaded in this process already, and the runtime takes one app")
        _loaded[folder] = App(await _index(folder))
    return _loaded[folder]


async def _index(folder: Path) -> tuple[Function, ...]:
    telemetry.start()
    if not (folder / "function_app.py").is_file():
        raise StartError(f"{folder} has no function_app.py")
    sys.path.insert(0, str(folder))
    with _unlogged():
        answer = await engine.worker_init_request(_init(folder))
    if answer.result.status != _StatusResult.Success:
        message, _, _ = answer.result.exception.message.partition(" Current sys.path:")
        raise StartError(f"function_app.py cannot be indexed: {message}", answer.result.exception.stack_trace)
    metadata = await engine.functions_metadata_request(None)
    if not metadata.function_metadata_results:
        raise StartError(f"{folder / 'function_app.py'} lists no functions")
    return tuple(_function(item) for item in metadata.function_metadata_results)


def _init(folder: Path) -> SimpleNamespace:
    request = SimpleNamespace(capabilities={}, function_app_directory=str(folder))
    return SimpleNamespace(
        request=SimpleNamespace(worker_init_request=request), properties={"host": "127.0.0.1", "protos": _Protos()}
    )


def _function(indexed: Message) -> Function:
    bindings = [json.loads(raw) for raw in indexed.raw_bindings]
    for binding in bindings:
        # Refused rather than dropped: a function whose output goes nowhere would look as if it worked.
        if binding["type"] not in _TRIGGERS | {"http"}:
            raise StartError(f"function {indexed.name}: the devhost has no {binding['type']} binding")
    trigger = next(binding for binding in bindings if binding["type"] in _TRIGGERS)
    return Function(indexed.name, indexed.function_id, trigger)


def _invocation(
    invocation_id: str, function: Function, data: Message, metadata: Mapping[str, Message]
) -> SimpleNamespace:
    trace_parent = f"00-{uuid4().hex}-{secrets.token_hex(8)}-01"
    request = SimpleNamespace(
        invocation_id=invocation_id,
        function_id=function.id,
        input_data=[Message(name=function.trigger["name"], data=data)],
        trigger_metadata=metadata,
        trace_context=SimpleNamespace(trace_parent=trace_parent, trace_state="", attributes={}),
        retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
    )
    return SimpleNamespace(request=SimpleNamespace(invocation_request=request))


def _failure(function: Function, exception: Message) -> InvocationFailed:
    line = " ".join(exception.message.split())
    _LOG.error("%s failed: %s", function.name, line)
    _LOG.debug("%s", exception.stack_trace)
    return InvocationFailed(line)


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep the runtime's own report of a failed import away: the same text is in its answer."""
    logger = logging.getLogger("azure.functions")
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = False
