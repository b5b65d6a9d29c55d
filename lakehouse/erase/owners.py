"""Whose a record of a bronze file is, as it was written. Pure.

Refused records have owners too, so this asks less of a record than the gate does: it need not keep the contract, only
say whose it is.
"""

import json
import re
from collections.abc import Iterator
from typing import Protocol

from lakehouse.contract.model import Dataset
from lakehouse.erase.person import Person
from lakehouse.parse.csv_rows import split_record
from lakehouse.parse.reasons import RecordRefusedError

SHORTEST_TRACE, LONGEST_TRACE = 8, 500
"""Characters of a text that may tell who somebody is: a name, an address, an e-mail address."""


class Owners(Protocol):
    """How one format's records say whose they are."""

    def is_theirs(self, record: bytes) -> bool:
        """Whether a record, with its line end or white space, is the person's."""

    def traces(self, record: bytes) -> Iterator[str]:
        """Texts in the person's record that may tell who it is."""


class _Pairs(list[tuple[str, object]]):
    """A JSON object with every field, repeated ones too."""


class JsonOwners:
    """JSON: the column that says so, in the record's own object."""

    def __init__(self, dataset: Dataset, person: Person) -> None:
        self._column, self._person = dataset.person, person
        self._same, self._telling = same_value(person), telling_columns(dataset)
        self._decoder = json.JSONDecoder(
            object_pairs_hook=_Pairs, parse_float=str, parse_int=str, parse_constant=str, strict=False
        )

    def is_theirs(self, record: bytes) -> bool:
        """See `Owners`. Without the value in its bytes, and without an escape that could hide it, it is not."""
        if self._person.raw not in record and b"\\" not in record:
            return False
        fields = self._fields(record)
        if fields is None:
            return self._person.word(record)
        named = [value for name, value in fields if name == self._column]
        if any(isinstance(value, str) and self._same.fullmatch(value) for value in named):
            return True
        if named and all(isinstance(value, str) and value.strip() for value in named):
            return False
        return self._person.word(record) or self._person.word("\n".join(_texts(fields)).encode("utf-8", "replace"))

    def traces(self, record: bytes) -> Iterator[str]:
        """See `Owners`."""
        for name, value in self._fields(record) or ():
            if name in self._telling and isinstance(value, str) and is_telling(value):
                yield value

    def _fields(self, record: bytes) -> _Pairs | None:
        try:
            found = self._decoder.decode(record.decode())
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, _Pairs) else None


class CsvOwners:
    """CSV: the value below the column's name."""

    def __init__(self, dataset: Dataset, person: Person, header: bytes) -> None:
        self._person, self._same, self._telling = person, same_value(person), telling_columns(dataset)
        names = _values(header) or []
        self._names = [(name or b"").decode(errors="replace") for name in names]
        self._place = self._names.index(str(dataset.person)) if dataset.person in self._names else None
        self._quoted = b'"' in person.raw

    def is_theirs(self, record: bytes) -> bool:
        """See `Owners`."""
        if self._person.raw not in record and not self._quoted:
            return False
        values = _values(record)
        if values is None or self._place is None or len(values) != len(self._names):
            return self._person.word(record)
        value = values[self._place]
        if value is None or not value.strip():
            return self._person.word(record)
        return self._same.fullmatch(value.decode(errors="replace")) is not None

    def traces(self, record: bytes) -> Iterator[str]:
        """See `Owners`."""
        for name, value in zip(self._names, _values(record) or (), strict=False):
            text = (value or b"").decode(errors="replace")
            if name in self._telling and is_telling(text):
                yield text


def same_value(person: Person) -> re.Pattern[str]:
    """What stands in the column of the person's records: the value; of a number also `05` and `5.0`, refused as they
    are."""
    value = re.escape(person.value)
    return re.compile(rf"\s*\+?0*{value}(?:\.0*)?\s*" if person.value.isdigit() else rf"\s*{value}\s*")


def telling_columns(dataset: Dataset) -> frozenset[str]:
    """Columns whose texts may tell who somebody is: free text, neither listed in the contract nor in a seed."""
    return frozenset(
        column.name
        for column in dataset.columns
        if column.type == "string" and not column.values and not column.references and column.name != dataset.person
    )


def is_telling(text: str) -> bool:
    return SHORTEST_TRACE <= len(text) <= LONGEST_TRACE


def _values(record: bytes) -> list[bytes | None] | None:
    try:
        return split_record(record.removesuffix(b"\n").removesuffix(b"\r"))
    except RecordRefusedError:
        return None
    except UnicodeDecodeError:
        return None


def _texts(fields: _Pairs) -> Iterator[str]:
    stack: list[object] = [fields]
    while stack:
        one = stack.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, list | tuple):
            stack += one
