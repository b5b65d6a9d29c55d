"""From a block to typed rows and refused rows: the fast way for as much as it takes, the exact way for the rest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from lakehouse.parse.blocks import MAX_RECORD_BYTES, Block
from lakehouse.parse.columns import NotFastError
from lakehouse.parse.layout import Layout
from lakehouse.parse.reasons import Reason, RecordRefusedError, RefusedRow, sentence
from lakehouse.parse.rules import broken_rules
from lakehouse.parse.values import Value

PARTS = 16
"""A block that the fast way refuses is tried again in so many parts, and each of these likewise."""
EXACT_RECORDS = 64
"""Fewer records than this are not worth a further try."""


class Reader(Protocol):
    """How one format's records become values."""

    def fast(self, block: Block) -> pa.RecordBatch:
        """All records of a block at once, without `_line`. Raises NotFastError."""

    def exact(self, record: bytes) -> list[Value]:
        """One record. Raises RecordRefusedError."""


@dataclass(frozen=True)
class Parsed:
    """What became of a block's records: each is in one of the two."""

    rows: list[pa.RecordBatch]
    """Typed rows with `_line`, in the file's order."""
    refused: list[RefusedRow]


def parse_block(layout: Layout, reader: Reader, block: Block, first: int, *, fast: bool = True) -> Parsed:
    """Read a block whose first record is the file's record number `first` (from 0)."""
    rows: list[pa.RecordBatch] = []
    refused: list[RefusedRow] = []
    if block.cut:
        message = sentence(Reason.RECORD_TOO_LONG, expected=f"{MAX_RECORD_BYTES:,}")
        rule = f"record_bytes {MAX_RECORD_BYTES}"
        line = int(block.lines[0])
        return Parsed([], [RefusedRow(first, line, Reason.RECORD_TOO_LONG, None, rule, message, block.record(0))])
    for offset, part, batch in _fast_parts(reader, block, 0) if fast else [(0, block, None)]:
        numbers: Sequence[int] = range(first + offset, first + offset + len(part))
        if batch is None:
            part, numbers, batch = _exactly(layout, reader, part, first + offset, refused)
        kept = _kept(layout, part, numbers, batch, refused)
        if kept.num_rows:
            rows.append(kept)
    return Parsed(rows, sorted(refused, key=lambda row: row.record))


def _fast_parts(reader: Reader, block: Block, offset: int) -> "Iterator[tuple[int, Block, pa.RecordBatch | None]]":
    """Parts of a block with their typed columns, or with None where the exact way must read them."""
    if not len(block):
        return
    try:
        batch = reader.fast(block)
    except NotFastError:
        if len(block) <= EXACT_RECORDS:
            yield offset, block, None
            return
        step = -(-len(block) // PARTS)
        for start in range(0, len(block), step):
            yield from _fast_parts(reader, block.slice(start, start + step), offset + start)
        return
    yield offset, block, batch


def _exactly(
    layout: Layout, reader: Reader, block: Block, first: int, refused: list[RefusedRow]
) -> tuple[Block, list[int], pa.RecordBatch]:
    """Read records one by one: the block of those that are right, their numbers and their typed columns."""
    right: list[int] = []
    values: list[list[Value]] = []
    for index in range(len(block)):
        record = block.record(index)
        try:
            values.append(reader.exact(record))
        except RecordRefusedError as error:
            row = RefusedRow(
                first + index, int(block.lines[index]), error.reason, error.column, error.rule, error.message, record
            )
            refused.append(row)
        else:
            right.append(index)
    columns = [pa.array([row[place] for row in values], field.arrow) for place, field in enumerate(layout.fields)]
    kept = Block(block.data, block.starts[right], block.ends[right], block.lines[right])
    return kept, [first + index for index in right], pa.RecordBatch.from_arrays(columns, names=layout.names)


def _kept(
    layout: Layout, block: Block, numbers: Sequence[int], batch: pa.RecordBatch, refused: list[RefusedRow]
) -> pa.RecordBatch:
    """Typed rows that keep every rule, with their lines."""
    lines = pa.array(block.lines, pa.int64())
    whole = pa.RecordBatch.from_arrays([*batch.columns, lines], schema=layout.schema)
    broken = broken_rules(layout, batch)
    if not broken:
        return whole
    for rule in broken:
        line, raw = int(block.lines[rule.row]), block.record(rule.row)
        refused.append(RefusedRow(numbers[rule.row], line, rule.reason, rule.column, rule.rule, rule.message, raw))
    bad = {rule.row for rule in broken}
    return whole.filter(pa.array([row not in bad for row in range(len(block))], pa.bool_()))
