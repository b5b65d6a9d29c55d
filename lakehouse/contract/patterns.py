"""Path patterns of a contract: `users/{batch}/{file}.{ext}` below `bronze/<pipeline>/`."""

import re
from collections.abc import Mapping
from datetime import date
from functools import cache

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
EXTENSIONS = ("json", "ndjson", "jsonl", "csv")
EXTENSION = rf"(?:{'|'.join(EXTENSIONS)})(?:\.gz)?"
ANYTHING = "[^/]+"
CALENDAR = {"date": "[0-9]{4}-[0-9]{2}-[0-9]{2}", "year": "[0-9]{4}", "month": "[0-9]{2}", "day": "[0-9]{2}"}
"""Placeholders that stand for days, with how these are written."""


def placeholders(pattern: str) -> tuple[str, ...]:
    """Names of the placeholders, in order.

    Raises:
        ValueError: a brace that belongs to no placeholder, a placeholder twice, or an absolute or empty path segment.
    """
    rest = PLACEHOLDER.sub("", pattern)
    if "{" in rest or "}" in rest:
        raise ValueError(f"found {pattern!r}, expected placeholders such as {{batch}} (lower-case letters, digits, _)")
    names = PLACEHOLDER.findall(pattern)
    if len(set(names)) != len(names):
        raise ValueError(f"found {pattern!r}, expected every placeholder once")
    if "" in pattern.split("/"):
        raise ValueError(f"found {pattern!r}, expected no leading, trailing or double slash")
    return tuple(names)


@cache
def path_regex(pattern: str, *, days_as_written: bool = True) -> re.Pattern[str]:
    """A regular expression for the key below `bronze/<pipeline>/`: a placeholder is one or more characters but `/`,
    one of CALENDAR its digits, unless `days_as_written` is false."""
    parts = PLACEHOLDER.split(pattern)
    regex = "".join(_group(part, days_as_written) if index % 2 else re.escape(part) for index, part in enumerate(parts))
    return re.compile(regex, re.DOTALL)


def wrong_day(values: Mapping[str, str]) -> str | None:
    """What is wrong with the days that a path's placeholders name, as `found …, expected …`; None where they are real
    days of the calendar, and the same where both `{date}` and `{year}`, `{month}`, `{day}` name one."""
    for name, form in CALENDAR.items():
        if name in values and not re.fullmatch(form, values[name]):
            written = {"date": "yyyy-MM-dd", "year": "4 digits"}.get(name, "2 digits")
            return f"found {name} {values[name]!r}, expected {written}"
    named = {"date": values["date"]} if "date" in values else {}
    if "year" in values:
        parts = (values["year"], values.get("month", "01"), values.get("day", "01"))
        named["/".join(name for name in ("year", "month", "day") if name in values)] = "-".join(parts)
    for name, day in named.items():
        if not _is_day(day):
            return f"found {name} {day!r}, expected a day of the calendar"
    if "day" in values and len(set(named.values())) > 1:
        return f"found the days {' and '.join(map(repr, named.values()))}, expected the same day in both places"
    return None


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _group(name: str, days_as_written: bool) -> str:
    form = CALENDAR.get(name, ANYTHING) if days_as_written else ANYTHING
    return f"(?P<{name}>{EXTENSION if name == 'ext' else form})"
