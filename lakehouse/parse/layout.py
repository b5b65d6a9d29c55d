"""A dataset's contract made ready for the parser: Arrow types, and how JSON writes each column."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.contract.equations import Equation, read_equation
from lakehouse.contract.model import Column, Dataset
from lakehouse.contract.personal import has_personal, stored_columns
from lakehouse.contract.types import ColumnType, column_type
from lakehouse.errors import ContractError

LINE = "_line"
ARROW = {
    "string": pa.string(),
    "int": pa.int32(),
    "long": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
}


@dataclass(frozen=True)
class Field:
    """One column with its type taken apart."""

    column: Column
    kind: ColumnType
    arrow: pa.DataType
    """Type in the silver file."""
    json_text: bool
    """JSON writes it as text: strings, dates, timestamps and decimals that the contract has as text."""

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column.name

    @property
    def written(self) -> str:
        """How the input must write it, for messages."""
        if self.column.currency_text:
            return f"{self.column.type} as text such as $1,234.56"
        if self.kind.name in ("date", "timestamp") or self.column.format:
            return f"{self.column.type} as {self.column.format}"
        return self.column.type


@dataclass(frozen=True)
class Layout:
    """All columns of a dataset."""

    dataset: Dataset
    fields: tuple[Field, ...]
    known: Mapping[str, pa.Array]
    """The values that columns may refer to, by reference (`<seed>.<column>`)."""
    equations: tuple[Equation, ...]
    """The dataset's checks."""
    stored: tuple[Field, ...]
    """The columns as silver has them: personal ones are dropped, or texts."""
    personal: bool
    """Some column is personal: nothing of a file may be quoted."""

    @property
    def names(self) -> list[str]:
        """Column names in the contract's order."""
        return [field.name for field in self.fields]

    @property
    def schema(self) -> pa.Schema:
        """Schema of typed rows: the contract's columns, then `_line`."""
        return _with_line(self.fields)

    @property
    def silver_schema(self) -> pa.Schema:
        """Schema of the silver file: the columns as they are stored, then `_line`."""
        return _with_line(self.stored)

    @property
    def json_schema(self) -> pa.Schema:
        """What the fast JSON reader is to read: text columns stay text until their form has been checked."""
        return pa.schema(
            [pa.field(field.name, pa.string() if field.json_text else field.arrow) for field in self.fields]
        )


def layout_of(dataset: Dataset, known: Mapping[str, Iterable[str]] | None = None) -> Layout:
    """Prepare a dataset.

    Args:
        known: the values that its columns may refer to, by reference (`seeds.known_values`). It must hold them all.

    Raises:
        ContractError: a pattern that the column-wise engine (RE2) does not know.
    """
    for column in dataset.columns:
        if column.pattern is not None:
            _check_pattern(dataset, column.name, column.pattern)
    references = {column.references for column in dataset.columns if column.references}
    values = {reference: pa.array(sorted((known or {})[reference]), pa.string()) for reference in references}
    equations = tuple(read_equation(check, dataset.columns) for check in dataset.checks)
    fields, stored = (tuple(map(_field, some)) for some in (dataset.columns, stored_columns(dataset.columns)))
    return Layout(dataset, fields, values, equations, stored, has_personal(dataset.columns))


def _with_line(fields: Iterable[Field]) -> pa.Schema:
    return pa.schema([*(pa.field(field.name, field.arrow) for field in fields), pa.field(LINE, pa.int64())])


def whole(pattern: str) -> str:
    """A pattern that must match the whole text."""
    return rf"\A(?:{pattern})\z"


def _field(column: Column) -> Field:
    kind = column_type(column.type)
    arrow = ARROW.get(kind.name) or pa.decimal128(kind.precision, kind.scale)
    as_text = kind.name in ("string", "date", "timestamp") or column.currency_text or column.format is not None
    return Field(column, kind, arrow, as_text)


def _check_pattern(dataset: Dataset, name: str, pattern: str) -> None:
    try:
        re.compile(pattern)
        pc.match_substring_regex(pa.array([""]), whole(pattern))
    except (re.error, pa.ArrowInvalid) as error:
        where = f"pipelines/{dataset.pipeline}/pipeline.toml: datasets.{dataset.name}.columns.{name}.pattern"
        raise ContractError(f"{where}: found {pattern!r}, expected a regular expression of RE2: {error}") from error
