"""The fields of a cron expression, with their wildcards `, - * / ? L W #`. Pure."""

import calendar
from collections.abc import Mapping
from dataclasses import dataclass

_WEEK = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), start=1)}
_SATURDAY = 7


class ScheduleError(ValueError):
    """A schedule expression that EventBridge would refuse."""


@dataclass(frozen=True)
class Days:
    """Days of the month."""

    numbers: frozenset[int]
    nearest: frozenset[int]
    """`3W`: the weekday nearest to the third, within the month."""
    last: bool
    """`L`"""
    last_weekday: bool
    """`LW`"""

    def of(self, year: int, month: int) -> list[int]:
        """The days of one month, in order."""
        length = calendar.monthrange(year, month)[1]
        found = {day for day in self.numbers if day <= length}
        found |= {_nearest_weekday(year, month, day, length) for day in self.nearest if day <= length}
        if self.last:
            found.add(length)
        if self.last_weekday:
            found.add(_nearest_weekday(year, month, length, length))
        return sorted(found)


@dataclass(frozen=True)
class WeekDays:
    """Days of the week, Sunday = 1."""

    numbers: frozenset[int]
    last: frozenset[int]
    """`6L`: the last Friday of the month."""
    nth: tuple[int, int] | None
    """`3#2`: the second Tuesday."""

    def of(self, year: int, month: int) -> list[int]:
        """The days of one month, in order."""
        length = calendar.monthrange(year, month)[1]
        return [day for day in range(1, length + 1) if self._is_one(_weekday(year, month, day), day, length)]

    def _is_one(self, weekday: int, day: int, length: int) -> bool:
        if weekday in self.numbers or (weekday in self.last and day + 7 > length):
            return True
        return self.nth == (weekday, (day - 1) // 7 + 1)


def values(field: str, low: int, high: int, names: Mapping[str, int]) -> frozenset[int]:
    """The numbers of a field: `*`, `5`, `1-5`, `MON`, `0/15`, `1-30/2` and lists of them.

    Raises:
        ScheduleError: something else, or a number out of range.
    """
    found: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            start, end = low, high
        else:
            start = _number(field, first, low, high, names)
            end = _number(field, last, low, high, names) if dash else (high if slash else start)
        if start > end:
            raise ScheduleError(f"'{part}': the range ends before it begins")
        found.update(range(start, end + 1, _number(field, step, 1, high, {}) if slash else 1))
    return frozenset(found)


def days(field: str) -> Days:
    """The day-of-month field."""
    parts = field.upper().split(",")
    nearest = [part[:-1] for part in parts if part.endswith("W") and part != "LW"]
    plain = [part for part in parts if part != "L" and not part.endswith("W")]
    return Days(
        numbers=values(",".join(plain), 1, 31, {}) if plain else frozenset(),
        nearest=frozenset(_number(field, day, 1, 31, {}) for day in nearest),
        last="L" in parts,
        last_weekday="LW" in parts,
    )


def week_days(field: str) -> WeekDays:
    """The day-of-week field. With `#` it holds one expression only."""
    text = field.upper()
    if "#" in text:
        day, _, count = text.partition("#")
        return WeekDays(frozenset(), frozenset(), (_number(field, day, 1, 7, _WEEK), _number(field, count, 1, 5, {})))
    parts = text.split(",")
    last = [part[:-1] for part in parts if part.endswith("L") and part != "L"]
    plain = [str(_SATURDAY) if part == "L" else part for part in parts if part == "L" or not part.endswith("L")]
    return WeekDays(
        numbers=values(",".join(plain), 1, 7, _WEEK) if plain else frozenset(),
        last=frozenset(_number(field, day, 1, 7, _WEEK) for day in last),
        nth=None,
    )


def _number(field: str, text: str, low: int, high: int, names: Mapping[str, int]) -> int:
    number = names.get(text.upper(), int(text) if text.isascii() and text.isdigit() else None)
    if number is None or not low <= number <= high:
        raise ScheduleError(f"'{text}' in '{field}': expected {low} to {high}{' or a name' if names else ''}")
    return number


def _weekday(year: int, month: int, day: int) -> int:
    return (calendar.weekday(year, month, day) + 1) % 7 + 1


def _nearest_weekday(year: int, month: int, day: int, length: int) -> int:
    weekday = calendar.weekday(year, month, day)
    if weekday == calendar.SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == calendar.SUNDAY:
        return day + 1 if day < length else day - 2
    return day
