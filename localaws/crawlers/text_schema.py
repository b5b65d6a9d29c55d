"""The schema of a JSON or CSV file from its beginning, as AWS Glue's built-in classifiers judge it. Pure.

JSON: a file of objects, one a line or over several lines, has their fields as columns; a file that is one array has the
one column `array`. Athena reads objects only where each is on one line.
CSV (https://docs.aws.amazon.com/glue/latest/dg/add-classifier.html): the delimiters comma, pipe, tab, semicolon and
Ctrl-A; at least two columns and two lines; the first line is a header if each of its fields is text shorter than 150
characters and a good column name, and if some later line holds a value that is something else than text.
*Simplified*: numbers in CSV are `bigint` or `double`, `true`/`false` is `boolean`, all else is `string`.
"""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from localaws.crawlers.schema import CsvShape
from localaws.crawlers.types import NULL, Array, Type, merge, merge_fields, of_json

DELIMITERS = (",", "|", "\t", ";", "\x01")
_HEADER_CHARACTERS = 150
_NAME = re.compile(r"[\w .()/#%$&@:+-]+")
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_SPACE = re.compile(r"\s*")


@dataclass(frozen=True)
class TextSchema:
    """Columns in their order, and how many records the text holds."""

    columns: tuple[tuple[str, Type], ...]
    records: int
    csv: CsvShape | None = None


def json_schema(text: str) -> TextSchema | None:
    """Of JSON values one after another; None if the text does not begin with one.

    The beginning decides: from a value that is broken, or cut off, on the text is not looked at.
    """
    decoder, at, records = json.JSONDecoder(), 0, 0
    columns: tuple[tuple[str, Type], ...] = ()
    while True:
        at = _end_of_space(text, at)
        if at == len(text):
            break
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError:
            break
        if isinstance(value, list):
            found = of_json(value)
            columns = merge_fields(columns, (("array", found if isinstance(found, Array) else Array(NULL)),))
        elif isinstance(value, dict):
            columns = merge_fields(columns, tuple((name.lower(), of_json(inner)) for name, inner in value.items()))
        else:
            break
        records += 1
    return TextSchema(columns, records) if records else None


def csv_schema(text: str, complete: bool) -> TextSchema | None:
    """Of delimited lines; None if the text is none. The last line is left out unless the text is `complete`."""
    for delimiter in DELIMITERS:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
        rows = rows if complete else rows[:-1]
        widths = Counter(len(row) for row in rows)
        if len(rows) < 2 or not widths or (width := widths.most_common(1)[0][0]) < 2:
            continue
        return _csv_schema(text, rows, delimiter, width)
    return None


def _csv_schema(text: str, rows: Sequence[Sequence[str]], delimiter: str, width: int) -> TextSchema:
    other_than_text = any(_value_type(value.strip()) not in ("string", NULL) for row in rows[1:] for value in row)
    header = other_than_text and _is_header(rows[0], width)
    data = rows[1:] if header else rows
    kinds = [_column_type([row[place] for row in data if place < len(row)]) for place in range(width)]
    names = [_column_name(name) for name in rows[0]] if header else [f"col{place}" for place in range(width)]
    shape = CsvShape(delimiter, header, f'"{delimiter}' in text or f'{delimiter}"' in text)
    return TextSchema(tuple(zip(names, kinds, strict=False)), len(data), shape)


def _is_header(row: Sequence[str], width: int) -> bool:
    if len(row) != width or len({field.strip().lower() for field in row}) != width:
        return False
    last = len(row) - 1
    for place, field in enumerate(row):
        text = field.strip()
        if not text and place == last:
            continue
        if len(text) >= _HEADER_CHARACTERS or not _NAME.fullmatch(text) or _value_type(text) != "string":
            return False
    return True


def _column_type(values: Sequence[str]) -> Type:
    found: Type = NULL
    for value in values:
        found = merge(found, _value_type(value.strip()))
        if found == "string":
            break
    return found


def _value_type(text: str) -> Type:
    if not text:
        return NULL
    if _INTEGER.fullmatch(text):
        return "bigint"
    if _NUMBER.fullmatch(text):
        return "double"
    return "boolean" if text.lower() in ("true", "false") else "string"


def _column_name(text: str) -> str:
    return text.strip().lower() or "col"


def _end_of_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
