"""A contract's columns and keys, read from TOML and checked against their types."""

import re
from datetime import date
from decimal import Decimal

from lakehouse.contract.fields import Fields
from lakehouse.contract.model import Column
from lakehouse.contract.personal import read_pii
from lakehouse.contract.types import ColumnType, column_type

DATE_FORMATS = ("yyyy-MM-dd", "yyyy/MM/dd", "iso_timestamp")
FORMATS = {"date": DATE_FORMATS, "timestamp": ("iso_timestamp",), "decimal": ("text",)}
DEFAULT_FORMATS = {"date": "yyyy-MM-dd", "timestamp": "iso_timestamp"}
NUMBERS = {"int": Decimal(2**31), "long": Decimal(2**63), "double": Decimal("1e308"), "decimal": Decimal("1e38")}
"""Types that take limits, and what these must be smaller than."""
NAME = re.compile(r"[a-z][a-z0-9_]{0,127}")
BEYOND_RE2 = re.compile(r"\(\?(?:=|!|<|P=|\()|\\[1-9]")
"""Look-around and back-references: the engine that checks a whole column at once does not know them."""


def read_columns(fields: Fields) -> tuple[Column, ...]:
    """The list `columns`, at least one, with different names. Raises ContractError."""
    columns: list[Column] = []
    for entry in fields.items("columns"):
        column = _column(entry)
        if any(column.name == other.name for other in columns):
            entry.fail("name", f"found {column.name!r} a second time, expected different names")
        columns.append(column)
    return tuple(columns)


def read_key(fields: Fields, columns: tuple[Column, ...], may_be_empty: bool = False) -> tuple[str, ...]:
    """The list `key`: names of required columns that are no doubles and not dropped. Raises ContractError."""
    if may_be_empty and fields.take("key", list, "a list of texts") == []:
        return ()
    key = fields.texts("key")
    able = [column.name for column in columns if column.required and column.type != "double" and column.pii != "drop"]
    for index, name in enumerate(key):
        if name not in able:
            fields.fail(f"key[{index}]", f"found {name!r}, expected one of the required columns {', '.join(able)}")
    return key


def _column(fields: Fields) -> Column:
    name = fields.text("name")
    if not NAME.fullmatch(name):
        fields.fail("name", f"found {name!r}, expected lower-case letters, digits and _")
    text = fields.text("type")
    try:
        kind = column_type(text)
    except ValueError as error:
        fields.fail("type", str(error))
    column = Column(
        name=name,
        type=text.replace(" ", ""),
        required=fields.take("required", bool, "true or false", True),
        comment=fields.text("comment", ""),
        values=fields.texts("values", ()),
        pattern=fields.optional("pattern", str, "a regular expression"),
        min=fields.limit("min"),
        max=fields.limit("max"),
        max_length=fields.count("max_length", 1024),
        format=_format(fields, kind),
        currency_text=fields.take("currency_text", bool, "true or false", False),
        references=fields.optional("references", str, "<seed>.<column>"),
        pii=read_pii(fields, kind.name),
    )
    _check_rules(fields, column, kind)
    fields.done()
    return column


def _format(fields: Fields, kind: ColumnType) -> str | None:
    if kind.name not in FORMATS:
        if fields.optional("format", str, "a text") is not None:
            fields.fail("format", f"found on type {kind.name}, expected only on {', '.join(FORMATS)}")
        return None
    given = fields.optional("format", str, "a text")
    if given is not None and given not in FORMATS[kind.name]:
        fields.fail("format", f"found {given!r}, expected one of {', '.join(FORMATS[kind.name])}")
    return given or DEFAULT_FORMATS.get(kind.name)


def _check_rules(fields: Fields, column: Column, kind: ColumnType) -> None:
    """Rules must make sense for the type."""
    for rule, given in (("values", column.values), ("pattern", column.pattern)):
        if given and kind.name != "string":
            fields.fail(rule, f"found on type {kind.name}, expected only on string")
    if column.pattern is not None:
        _check_pattern(fields, column.pattern)
    if column.currency_text and kind.name != "decimal":
        fields.fail("currency_text", f"found on type {kind.name}, expected only on decimal(p,s)")
    for name, limit in (("min", column.min), ("max", column.max)):
        if limit is not None:
            _check_limit(fields, kind, name, limit)
    if column.min is not None and column.max is not None and column.min > column.max:  # type: ignore[operator]
        fields.fail("min", f"found '{column.min}', expected at most max, '{column.max}'")


def _check_limit(fields: Fields, kind: ColumnType, name: str, limit: Decimal | date) -> None:
    """A limit is a date or a number as the type has it, and fits the type."""
    if kind.name in ("date", "timestamp"):
        if not isinstance(limit, date):
            fields.fail(name, f"found '{limit}', expected a date as yyyy-MM-dd")
        return
    if kind.name not in NUMBERS:
        fields.fail(name, f"found on type {kind.name}, expected only on numbers, dates and timestamps")
    if not isinstance(limit, Decimal):
        fields.fail(name, f"found '{limit}', expected a number")
    scale = kind.scale
    if kind.name != "double" and limit.as_tuple().exponent < -scale:  # type: ignore[operator]
        fields.fail(name, f"found '{limit}', expected {f'at most {scale} decimals' if scale else 'a whole number'}")
    bound = Decimal(10) ** (kind.precision - scale) if kind.name == "decimal" else NUMBERS[kind.name]
    if abs(limit) >= bound:
        fields.fail(name, f"found '{limit}', expected a number that fits {kind.name}")


def _check_pattern(fields: Fields, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        fields.fail("pattern", f"found {pattern!r}, expected a regular expression: {error}")
    if BEYOND_RE2.search(pattern):
        fields.fail("pattern", f"found {pattern!r}, expected one without look-around and back-references")
