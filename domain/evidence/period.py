"""Which month: its name and its bounds."""

import re
from datetime import UTC, datetime, timedelta

from domain.states import Span

MONTH = re.compile(r"20[0-9]{2}-(?:0[1-9]|1[0-2])")


def bounds(month: str) -> Span:
    """The beginning of *month* (2026-11), in UTC, and that of the next. Raises ValueError."""
    if not MONTH.fullmatch(month):
        raise ValueError("month: should be a year and a month, such as 2026-11")
    start = datetime.strptime(f"{month}-01", "%Y-%m-%d").replace(tzinfo=UTC)
    return Span(start, (start + timedelta(days=32)).replace(day=1))


def month_before(now: datetime) -> str:
    """The last month that is over."""
    return (now.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
