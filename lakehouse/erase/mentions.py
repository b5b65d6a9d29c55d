"""Does anything that is stored speak of a person? Bytes in, yes or no out: gzip expanded, Parquet decoded. Pure."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakehouse.erase.person import Person
from lakehouse.erase.rewrite import expanded

PARQUET = b"PAR1"


def mentions(data: bytes, key: str, person: Person) -> bool:
    """Whether an object's bytes speak of the person."""
    if data.startswith(PARQUET) and data.endswith(PARQUET):
        return _parquet(data, person)
    content = expanded(data)
    if person.mentioned(content) or (content is not data and person.mentioned(data)):
        return True
    name = key.removesuffix(".gz")
    if name.endswith(".csv") and not person.distinctive:
        return _csv(content, person)
    if b"\\u" in content and name.endswith((".json", ".ndjson", ".jsonl")):
        return any(person.mentioned_in(text) for text in _texts_of_lines(content))
    return False


def speaks(document: object, person: Person) -> bool:
    """Whether a JSON-like value (a ledger item, a queue's message) speaks of the person."""
    return person.mentioned_in(json.dumps(document, ensure_ascii=False, default=str))


def _csv(content: bytes, person: Person) -> bool:
    """A value below one of the columns that say whose row it is."""
    rows = csv.reader(io.StringIO(content.decode("utf-8", "replace"), newline=""))
    places = [place for place, name in enumerate(next(rows, [])) if name in person.columns]
    return any(row[place].strip() == person.value for row in rows for place in places if place < len(row))


def _texts_of_lines(content: bytes) -> Iterable[str]:
    """Lines of JSON with their escapes resolved; a document over several lines counts as one."""
    for part in (content, *content.split(b"\n")):
        try:
            yield json.dumps(json.loads(part), ensure_ascii=False)
        except (ValueError, RecursionError):
            continue


def _parquet(data: bytes, person: Person) -> bool:
    file = pq.ParquetFile(io.BytesIO(data))
    if any(_statistics(file.metadata.row_group(group), person) for group in range(file.metadata.num_row_groups)):
        return True
    extra: Mapping[bytes, bytes] = file.metadata.metadata or {}
    if any(person.mentioned(value) for value in extra.values()):
        return True
    return any(
        _column(name, column, person)
        for batch in file.iter_batches()
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    )


def _statistics(group: Any, person: Person) -> bool:
    """Statistics in the footer: the least and the greatest value of each column."""
    columns = (group.column(place) for place in range(group.num_columns))
    found = ((column.path_in_schema, column.statistics) for column in columns if column.is_stats_set)
    return any(
        _is_named(name, value, person)
        for name, statistics in found
        if statistics.has_min_max
        for value in (statistics.min, statistics.max)
    )


def _column(name: str, column: pa.Array, person: Person) -> bool:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _column(name, column.dictionary, person)
    if pa.types.is_integer(kind):
        if not person.value.isdigit() or not (name in person.columns or person.distinctive):
            return False
        return bool(pc.any(pc.equal(pc.cast(column, pa.string()), person.value)).as_py())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = column.filter(_candidates(column, person))
        return any(_is_named(name, text, person) for text in texts.to_pylist())
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return any(person.mentioned_in(str(value)) for value in column.to_pylist())
    return False


def _candidates(column: pa.Array, person: Person) -> pa.Array:
    """Values in which the person's value, a trace or a token stands at all: few are looked at closely."""
    found = pc.fill_null(pc.match_substring(column, person.value), False)
    for text in (*person.traces, *person.tokens):
        found = pc.or_(found, pc.fill_null(pc.match_substring(column, text), False))
    return found


def _is_named(name: str, value: object, person: Person) -> bool:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return (name in person.columns and text.strip() == person.value) or person.mentioned_in(text)
