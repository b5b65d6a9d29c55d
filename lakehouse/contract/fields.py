"""Typed reading of a TOML table: every mistake names the file, the field, what was found and what was expected."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, TypeVar

from lakehouse.errors import ContractError

T = TypeVar("T")


class Fields:
    """One TOML table. Each field is taken once; `done` refuses what nobody took (misspelt fields)."""

    def __init__(self, table: dict[str, Any], file: str, path: str = "") -> None:
        self._table = table
        self._file = file
        self._path = path
        self._taken: set[str] = set()

    def fail(self, name: str, problem: str) -> NoReturn:
        """Raise the ContractError of one field; `name` empty means the table itself."""
        where = ".".join(part for part in (self._path, name) if part)
        raise ContractError(f"{self._file}: {where}: {problem}" if where else f"{self._file}: {problem}")

    def take(self, name: str, kind: type[T], what: str, default: T | None = None) -> T:
        """The value of a field of exactly that Python type; without a default it must be there."""
        self._taken.add(name)
        if name not in self._table:
            if default is None:
                self.fail(name, f"is missing, expected {what}")
            return default
        value = self._table[name]
        if type(value) is not kind:
            self.fail(name, f"found {value!r}, expected {what}")
        return value

    def optional(self, name: str, kind: type[T], what: str) -> T | None:
        """The value, or None where the field is absent."""
        if name not in self._table:
            self._taken.add(name)
            return None
        return self.take(name, kind, what)

    def text(self, name: str, default: str | None = None) -> str:
        """A text that is not empty."""
        value = self.take(name, str, "a text", default)
        if not value and default is None:
            self.fail(name, "found '', expected a text")
        return value

    def choice(self, name: str, choices: Sequence[str], default: str | None = None) -> str:
        """One of a few texts."""
        value = self.take(name, str, f"one of {', '.join(choices)}", default)
        if value not in choices:
            self.fail(name, f"found {value!r}, expected one of {', '.join(choices)}")
        return value

    def texts(self, name: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of different texts; not empty where the field is required."""
        if name not in self._table and default is not None:
            self._taken.add(name)
            return default
        values = self.take(name, list, "a list of texts")
        for index, value in enumerate(values):
            if type(value) is not str or not value:
                self.fail(f"{name}[{index}]", f"found {value!r}, expected a text")
            if value in values[:index]:
                self.fail(f"{name}[{index}]", f"found {value!r} a second time, expected different texts")
        if not values:
            self.fail(name, "found [], expected at least one text")
        return tuple(values)

    def count(self, name: str, default: int, least: int = 1) -> int:
        """A whole number of at least `least`."""
        value = self.take(name, int, f"a whole number ≥ {least}", default)
        if value < least:
            self.fail(name, f"found {value}, expected a whole number ≥ {least}")
        return value

    def limit(self, name: str) -> Decimal | date | None:
        """A limit: a number, or the same as text (`"0.01"`, exact), or a date (`"2000-01-01"`)."""
        self._taken.add(name)
        value = self._table.get(name)
        if value is None:
            return None
        if type(value) is int:
            return Decimal(value)
        limit = _limit(value) if isinstance(value, str) else None
        if limit is None:
            self.fail(name, f"found {value!r}, expected a whole number, a decimal as text or a date as yyyy-MM-dd")
        return limit

    def tables(self, name: str) -> "Iterator[tuple[str, Fields]]":
        """Named sub-tables (`[datasets.users]`), in the file's order; none where the field is absent."""
        for key, value in self.take(name, dict, "a table", {}).items():
            if type(value) is not dict:
                self.fail(f"{name}.{key}", f"found {value!r}, expected a table")
            yield key, Fields(value, self._file, f"{self._path}.{name}.{key}".strip("."))

    def table(self, name: str) -> "Fields | None":
        """A sub-table (`[generator]`), or None where the field is absent."""
        value = self.optional(name, dict, "a table")
        return None if value is None else Fields(value, self._file, f"{self._path}.{name}".strip("."))

    def items(self, name: str) -> "Iterator[Fields]":
        """A list of tables (`columns = [{…}, …]`), at least one."""
        values = self.take(name, list, "a list of tables")
        if not values:
            self.fail(name, "found [], expected at least one table")
        for index, value in enumerate(values):
            if type(value) is not dict:
                self.fail(f"{name}[{index}]", f"found {value!r}, expected a table")
            yield Fields(value, self._file, f"{self._path}.{name}[{index}]".strip("."))

    def done(self) -> None:
        """Refuse fields that nobody took."""
        for name in self._table:
            if name not in self._taken:
                self.fail(name, f"is unknown, expected one of {', '.join(sorted(self._taken))}")


def _limit(text: str) -> Decimal | date | None:
    """The number or date that a text writes, or None."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        try:
            return date.fromisoformat(text)
        except ValueError:
            return None
    return number if number.is_finite() else None
