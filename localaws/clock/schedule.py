"""Schedule expressions: `rate()`, `cron()` and `at()` as EventBridge reads them. Pure.

The rules: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html; `at()` belongs to
EventBridge Scheduler. Moments are seconds since 1970 (UTC). What AWS does not document is refused.
"""

import calendar
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from localaws.clock.fields import Days, ScheduleError, WeekDays, days, values, week_days

_RATE = re.compile(r"rate\(([1-9]\d*) (minute|hour|day)(s?)\)")
_CRON = re.compile(r"cron\(([^()]*)\)")
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_FIRST_YEAR, _LAST_YEAR = 1970, 2199


@dataclass(frozen=True)
class Rate:
    """Every so many seconds, counted from the moment the schedule was enabled."""

    seconds: int

    def next_after(self, moment: float, enabled_at: float) -> float | None:
        """The first time after `moment`."""
        periods = max(1, int((moment - enabled_at) // self.seconds) + 1)
        return enabled_at + periods * self.seconds


@dataclass(frozen=True)
class Once:
    """One moment."""

    at: float

    def next_after(self, moment: float, enabled_at: float) -> float | None:
        """The moment, unless it has passed."""
        return self.at if self.at > max(moment, enabled_at) else None


@dataclass(frozen=True)
class Cron:
    """Minutes that a calendar names, in a time zone."""

    minutes: frozenset[int]
    hours: frozenset[int]
    months: frozenset[int]
    years: frozenset[int]
    days: Days | WeekDays
    zone: tzinfo = UTC

    def next_after(self, moment: float, enabled_at: float) -> float | None:
        """The first such minute after both moments; None when there is none before the year 2200."""
        start = datetime.fromtimestamp(max(moment, enabled_at), self.zone).replace(second=0, microsecond=0, tzinfo=None)
        for day in self._days_from(start.date()):
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    at = datetime(day.year, day.month, day.day, hour, minute)
                    if at > start:
                        return at.replace(tzinfo=self.zone).timestamp()
        return None

    def _days_from(self, first: date) -> Iterator[date]:
        for year in sorted(year for year in self.years if year >= first.year):
            for month in sorted(self.months):
                if (year, month) < (first.year, first.month):
                    continue
                for day in self.days.of(year, month):
                    if date(year, month, day) >= first:
                        yield date(year, month, day)


Schedule = Rate | Once | Cron


def parse(expression: str, zone: tzinfo = UTC) -> Schedule:
    """A schedule expression.

    Raises:
        ScheduleError: it is none that EventBridge documents.
    """
    rate = _RATE.fullmatch(expression)
    if rate:
        if (rate[1] == "1") == bool(rate[3]):
            raise ScheduleError(f"{expression}: expected 'rate(1 {rate[2]})' or a plural, as in 'rate(5 {rate[2]}s)'")
        return Rate(int(rate[1]) * _SECONDS[rate[2]])
    once = _AT.fullmatch(expression)
    if once:
        return Once(datetime.fromisoformat(once[1]).replace(tzinfo=zone).timestamp())
    cron = _CRON.fullmatch(expression)
    if cron is None:
        raise ScheduleError(f"{expression!r}: expected rate(…), cron(…) or at(…)")
    return _cron(expression, cron[1].split(), zone)


def _cron(expression: str, fields: list[str], zone: tzinfo) -> Cron:
    if len(fields) != 6:
        raise ScheduleError(f"{expression}: expected six fields: minutes hours day-of-month month day-of-week year")
    minutes, hours, month_days, months, weekdays, years = fields
    if (month_days == "?") == (weekdays == "?"):
        raise ScheduleError(f"{expression}: exactly one of day-of-month and day-of-week must be '?'")
    none: Mapping[str, int] = {}
    return Cron(
        minutes=values(minutes, 0, 59, none),
        hours=values(hours, 0, 23, none),
        months=values(months, 1, 12, _MONTHS),
        years=values(years, _FIRST_YEAR, _LAST_YEAR, none),
        days=week_days(weekdays) if month_days == "?" else days(month_days),
        zone=zone,
    )


def moment_text(moment: float) -> str:
    """`2026-01-31T23:59:59Z`, as events carry it."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(moment))).strftime("%Y-%m-%dT%H:%M:%SZ")
