"""Log lines: each is one line whatever it tells, has the ids of its work as fields, and repeats no secret."""

import logging
import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from clients.secrets import masked
from domain.shown import quoted, visible

LONGEST_LOGGED = 2000
"""Characters of one value in a line."""

_OURS = "holdfast"
_WORD = re.compile(r"[\w.:/@+-]{1,200}", re.ASCII)
"""What stands in a line as it is; any other text is quoted, so that it can be no `field=value` of ours."""

_NO_IDS: Mapping[str, str] = MappingProxyType({})
_ids: ContextVar[Mapping[str, str]] = ContextVar("ids", default=_NO_IDS)
_make_record = logging.getLogRecordFactory()


def install() -> None:
    """From now on every line of this process is made here, the platform's and the libraries' too."""
    logging.setLogRecordFactory(_record)


@contextmanager
def ids(**known: str | None) -> Iterator[None]:
    """Every log line inside carries *known* as fields of its own, beside those around it."""
    token = _ids.set({**_ids.get(), **{name: visible(value) for name, value in known.items() if value}})
    try:
        yield
    finally:
        _ids.reset(token)


def _record(*args: Any, **kwargs: Any) -> logging.LogRecord:  # noqa: ANN401 - logging's own signature
    record = _make_record(*args, **kwargs)
    if record.name.startswith(_OURS) and isinstance(record.args, tuple):
        record.args = tuple(map(_value, record.args))
    record.msg, record.args = visible(masked(_text(record))), None
    if record.exc_info and record.exc_info[0]:
        # Its text may quote an answer, and collectors take it from the error itself: so the line carries it instead.
        told = masked("".join(traceback.format_exception(record.exc_info[1])))
        record.msg, record.exc_info = "\n    ".join([record.msg, *map(visible, told.split("\n"))]), None
    record.__dict__.update(_ids.get())
    return record


def _value(value: object) -> object:
    if isinstance(value, int | float):
        return value
    text = masked(str(value))
    return text if _WORD.fullmatch(text) else quoted(text, LONGEST_LOGGED)


def _text(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # values that do not fit the line: a library's fault, and no reason to end the work
        return str(record.msg)
