"""Right rows for any dataset, made from its contract, and files of them in each format."""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from lakehouse.contract.equations import Expression, Name, Number, read_equation
from lakehouse.contract.model import Column, Dataset
from lakehouse.contract.seeds import known_values
from lakehouse.parse.layout import Field, layout_of

Row = Mapping[str, str]
"""A row's values as text, by column."""
ENDINGS = {"ndjson": "ndjson", "json_array": "json", "json_document": "json", "csv": "csv"}
DIGITS = re.compile(r"\\d(?:\{\d+,\d+\}|\+)")


def fields_of(dataset: Dataset) -> Mapping[str, Field]:
    """The dataset's columns, made ready for the parser, by name."""
    return {field.name: field for field in layout_of(dataset, known_values(dataset)).fields}


def good_row(dataset: Dataset, number: int) -> Row:
    """Row `number` (from 0) of as many as are wanted, each with a key of its own, all rules kept."""
    known = known_values(dataset)
    row = {column.name: _value(column, number, known) for column in dataset.columns}
    for check in dataset.checks:
        equation = read_equation(check, dataset.columns)
        assert isinstance(equation.left.expression, Name), f"{check}: expected one column to be worked out"
        column = next(one for one in dataset.columns if one.name == equation.left.expression.column)
        row[column.name] = _number(column, _result(equation.right.expression, row))
    return row


def json_record(dataset: Dataset, row: Row, **instead: str | None) -> str:
    """A row as a JSON object. `instead` gives columns as they are to stand there; None leaves one out."""
    fields = fields_of(dataset)
    members = {name: json.dumps(text) if fields[name].json_text else text for name, text in row.items()} | instead
    return "{" + ", ".join(f'"{name}": {value}' for name, value in members.items() if value is not None) + "}"


def csv_record(row: Row, **instead: str) -> str:
    """A row as a CSV record. `instead` gives columns as they are to stand there."""
    return ",".join(({name: quoted(text) for name, text in row.items()} | instead).values())


def quoted(text: str) -> str:
    """A value as CSV writes it."""
    return '"' + text.replace('"', '""') + '"' if re.search('[",\r\n]', text) else text


def file_of(format_name: str, dataset: Dataset, records: Sequence[str]) -> bytes:
    """A file of records, the first of them in line 2 where they are the format's lines or stand one a line."""
    body = "\n".join(records)
    if format_name == "csv":
        return (",".join(column.name for column in dataset.columns) + f"\n{body}\n").encode()
    if format_name == "ndjson":
        return f"\n{body}\n".encode()
    return ("[\n" + ",\n".join(records) + "\n]\n").encode()


def good_file(format_name: str, dataset: Dataset, rows: int) -> bytes:
    """A file of right rows."""
    made = [good_row(dataset, number) for number in range(rows)]
    record = csv_record if format_name == "csv" else lambda row: json_record(dataset, row)
    return file_of(format_name, dataset, [record(row) for row in made])


def _value(column: Column, number: int, known: Mapping[str, frozenset[str]]) -> str:
    if column.type == "string":
        if column.references:
            return sorted(known[column.references])[number % len(known[column.references])]
        if column.values:
            return column.values[number % len(column.values)]
        text = DIGITS.sub(str(number + 1), column.pattern) if column.pattern else f"text {number}"
        assert column.pattern is None or re.fullmatch(column.pattern, text), f"{column.pattern}: found {text!r}"
        return text
    if column.type == "date":
        day = f"2026-01-{1 + number % 28:02}"
        return {"yyyy/MM/dd": day.replace("-", "/"), "iso_timestamp": f"{day}T10:11:12Z"}.get(str(column.format), day)
    if column.type == "timestamp":
        return f"2026-01-31T10:{number // 60 % 60:02}:{number % 60:02}Z"
    least = column.min if isinstance(column.min, Decimal) else Decimal(0)
    most = column.max if isinstance(column.max, Decimal) else least + 10**6
    return _number(column, least + number % (int(most - least) + 1))


def _number(column: Column, value: Decimal) -> str:
    return f"${value:,}" if column.currency_text else f"{value:f}"


def _result(expression: Expression, row: Row) -> Decimal:
    if isinstance(expression, Name):
        return Decimal(row[expression.column])
    if isinstance(expression, Number):
        return expression.value
    left, right = _result(expression.left, row), _result(expression.right, row)
    return {"+": left + right, "-": left - right, "*": left * right}[expression.operator]
