"""NCRONTAB, the schedule language of timer triggers, for the service and for the dev host.

`{second} {minute} {hour} {day} {month} {day-of-week}`; without the first field the second is 0. Day and day-of-week
must both match, unlike in Unix cron. UTC only, as on Flex Consumption.

What the platform's parser takes and croniter reads otherwise: a range may be written backwards (`6-0` is `0-6`), a step
after one value runs to the field's end (`10/20`), a step below 1 is 1, and a name may be shortened to any prefix. It
has no `?`, no `L` and no day-of-week 7. So each field is resolved to its numbers here, and croniter counts with them.

Source: https://github.com/atifaziz/NCrontab, and the Azure Functions documentation of timer triggers.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from typing import NamedTuple

from croniter import CroniterBadDateError, croniter

_MONTHS = "January February March April May June July August September October November December"
_DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday"
_ITEM = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>[+-]?\d+))?", re.ASCII)
_MOMENTS = 20
_HOURS = 24


class _Field(NamedTuple):
    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()

    def numbers(self, text: str) -> set[int]:
        """Give every number that *text* matches. Raises ValueError."""
        return {number for item in text.split(",") for number in self._item(item)}

    def _item(self, text: str) -> range:
        parts = _ITEM.fullmatch(text)
        if not parts or (parts["first"] == "*" and parts["last"]):
            raise ValueError(f"{text!r} is no {self.name}")
        if parts["first"] == "*":
            first, last = self.least, self.most
        else:
            first = last = self._value(parts["first"])
            if parts["last"]:
                first, last = sorted((first, self._value(parts["last"])))
            elif parts["step"]:
                last = self.most
        return range(first, last + 1, max(1, int(parts["step"] or 1)))

    def _value(self, text: str) -> int:
        named = (self.least + i for i, name in enumerate(self.names) if name.startswith(text.lower()))
        number = int(text) if text.isdecimal() else next(named, None)
        if number is None or not self.least <= number <= self.most:
            raise ValueError(f"{text!r} is no {self.name}")
        return number


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, tuple(_MONTHS.lower().split())),
    _Field("day-of-week", 0, 6, tuple(_DAYS.lower().split())),
)


class Ncrontab:
    """A parsed expression of five or six fields.

    Raises:
        ValueError: The platform does not take the expression. One that never comes due, such as 31 February, it takes.
    """

    def __init__(self, expression: str) -> None:
        fields = expression.split()
        if len(fields) == len(_FIELDS) - 1:
            fields = ["0", *fields]
        if len(fields) != len(_FIELDS):
            raise ValueError(f"{expression!r} is not an NCRONTAB expression of five or six fields")
        try:
            numbers = [field.numbers(text) for field, text in zip(_FIELDS, fields, strict=True)]
        except ValueError as error:
            raise ValueError(f"{expression!r} is not an NCRONTAB expression: {error}") from None
        self._expression = " ".join(",".join(map(str, sorted(each))) for each in numbers)
        self._hours, self._days, self._months, self._weekdays = numbers[2:]

    @property
    def names_hours(self) -> bool:
        """Whether it leaves hours out."""
        return len(self._hours) < _HOURS

    def names_day_and_hour_of(self, moment: datetime) -> bool:
        """Whether the hour, the day, the month and the day of the week of *moment* are among those that it names."""
        weekday = moment.isoweekday() % 7
        return (
            moment.hour in self._hours
            and moment.day in self._days
            and moment.month in self._months
            and weekday in self._weekdays
        )

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Give the matching moments later than *moment*, in its time zone; none, where none comes in 50 years."""
        return _after(self._expression, moment)

    def interval(self, moment: datetime) -> timedelta | None:
        """Give the shortest time between the next 20 moments from the minute of *moment* on; None for less than two."""
        return _shortest_gap(self._expression, moment.replace(second=0, microsecond=0))


def _after(expression: str, moment: datetime) -> Iterator[datetime]:
    matches = croniter(expression, moment, ret_type=datetime, second_at_beginning=True, day_or=False)
    while True:
        try:
            yield matches.get_next()
        except CroniterBadDateError:
            return


@lru_cache(maxsize=256)  # asked for at every look, and a millisecond to count
def _shortest_gap(expression: str, minute: datetime) -> timedelta | None:
    moments = islice(_after(expression, minute), _MOMENTS)
    return min((later - earlier for earlier, later in pairwise(moments)), default=None)
