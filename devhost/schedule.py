"""NCRONTAB, the schedule language of timer triggers.

`{second} {minute} {hour} {day} {month} {day-of-week}`; without the first field the second is 0. Day and day-of-week
must both match, unlike in Unix cron. UTC only, as on Flex Consumption.

Source: azure-functions fact sheet, section 3.5.
"""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from croniter import CroniterError, croniter

_VALUE = r"(?:\d+|[A-Za-z]{3})"
_ITEM = rf"(?:\*|{_VALUE}(?:-{_VALUE})?)(?:/\d+)?"
_FIELD = re.compile(rf"{_ITEM}(?:,{_ITEM})*")
_SUNDAY_AS_SEVEN = re.compile(r"(?<![/\d])7")
_FIELDS = 6
_ANY_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


class Schedule:
    """A parsed NCRONTAB expression.

    Raises:
        ValueError: The expression is not NCRONTAB, or no moment ever matches it. (croniter alone takes more than the
            platform does: seven fields, `@hourly`, `L`, `?`, day-of-week 7.)
    """

    def __init__(self, expression: str) -> None:
        fields = expression.split()
        if len(fields) == _FIELDS - 1:
            fields = ["0", *fields]
        if len(fields) != _FIELDS or not all(_FIELD.fullmatch(field) for field in fields):
            raise ValueError(f"{expression!r} is not an NCRONTAB expression of five or six fields")
        if _SUNDAY_AS_SEVEN.search(fields[-1]):
            raise ValueError(f"{expression!r}: day-of-week goes from 0 (Sunday) to 6")
        self._expression = " ".join(fields)
        try:
            self.after(_ANY_MOMENT)
        except CroniterError as error:
            raise ValueError(f"{expression!r}: {error}") from None

    def after(self, moment: datetime) -> datetime:
        """Give the first matching moment later than *moment*, in UTC."""
        following: datetime = croniter(
            self._expression, moment, ret_type=datetime, second_at_beginning=True, day_or=False
        ).get_next()
        return following

    def shortest_interval(self) -> timedelta:
        """Give the shortest time between the next few matches: the platform's test for a schedule monitor."""
        moments = [self.after(_ANY_MOMENT)]
        for _ in range(5):
            moments.append(self.after(moments[-1]))
        return min(later - earlier for earlier, later in pairwise(moments))
