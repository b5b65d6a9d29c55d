"""From a block to typed rows and refused rows: the fast way for as much as it takes, the exact way for the rest."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from lakehouse.parse.blocks import MAX_RECORD_BYTES, Block, Positions
from lakehouse.parse.columns import NotFastError
from lakehouse.parse.layout import Layout
from lakehouse.parse.reasons import Reason, RecordRefusedError, RefusedRow
from lakehouse.parse.rules import broken_rules
from lakehouse.parse.values import Value

PARTS = 8
"""A block that the fast way refuses without saying which records are at fault is tried again in so many parts."""
EXACT_RECORDS = 256
"""Fewer records than this are not worth a further try."""


class Reader(Protocol):
    """How one format's records become values."""

    def fast(self, block: Block) -> pa.RecordBatch:
        """All records of a block at once, without `_line`. Raises NotFastError."""

    def suspects(self, block: Block) -> Positions:
        """Records for whose sake the fast way may have refused a block."""

    def exact(self, record: bytes) -> list[Value]:
        """One record. Raises RecordRefusedError."""


@dataclass(frozen=True)
class Parsed:
    """What became of a block's records: each is in one of the two, in the file's order."""

    rows: pa.RecordBatch
    """Typed rows with `_line`."""
    refused: list[RefusedRow]


@dataclass(frozen=True)
class _Piece:
    """Some of a block's records, typed."""

    indices: Positions
    batch: pa.RecordBatch


def parse_block(layout: Layout, reader: Reader, block: Block, first: int, *, fast: bool = True) -> Parsed:
    """Read a block whose first record is the file's record number `first` (from 0)."""
    refused: list[RefusedRow] = []
    if block.cut:
        error = RecordRefusedError(
            Reason.RECORD_TOO_LONG, rule=f"record_bytes {MAX_RECORD_BYTES}", expected=f"{MAX_RECORD_BYTES:,}"
        )
        return _kept(layout, block, _merged(layout, []), first, [_refused(layout, block, 0, first, error)])
    pieces: list[_Piece] = []
    todo = [np.arange(len(block))] if len(block) else []
    while todo:
        indices = todo.pop()
        try:
            if not fast:
                raise NotFastError(np.arange(len(indices)))
            pieces.append(_Piece(indices, reader.fast(block.take(indices))))
        except NotFastError as error:
            doubtful = _doubtful(reader, block.take(indices), error.records)
            if len(doubtful):
                pieces.append(_exactly(layout, reader, block, indices[doubtful], first, refused))
                indices = np.delete(indices, doubtful)
                todo += [indices] if len(indices) else []
            else:
                todo += [part for part in np.array_split(indices, PARTS) if len(part)]
    return _kept(layout, block, _merged(layout, pieces), first, refused)


def _doubtful(reader: Reader, part: Block, known: Positions) -> Positions:
    """Which records of a part to read exactly after the fast way has refused it; none: try again in smaller parts."""
    if len(part) <= EXACT_RECORDS:
        return np.arange(len(part))
    return known if len(known) else reader.suspects(part)


def _exactly(
    layout: Layout, reader: Reader, block: Block, indices: Positions, first: int, refused: list[RefusedRow]
) -> _Piece:
    """Read records one by one: those that are right become typed columns, the others are added to `refused`."""
    right: list[int] = []
    values: list[list[Value]] = []
    for index in indices.tolist():
        try:
            values.append(reader.exact(block.record(index)))
        except RecordRefusedError as error:
            refused.append(_refused(layout, block, index, first, error))
        else:
            right.append(index)
    columns = [pa.array([row[place] for row in values], field.arrow) for place, field in enumerate(layout.fields)]
    return _Piece(np.array(right, np.int64), pa.RecordBatch.from_arrays(columns, names=layout.names))


def _refused(layout: Layout, block: Block, index: int, first: int, error: RecordRefusedError) -> RefusedRow:
    hidden = layout.personal
    line, message = int(block.lines[index]), error.told(hidden=hidden)
    raw = None if hidden else block.original(index)
    return RefusedRow(first + index, line, error.reason, error.column, error.rule, message, raw)


def _merged(layout: Layout, pieces: list[_Piece]) -> _Piece:
    """All pieces as one, in the file's order."""
    if len(pieces) == 1:
        return pieces[0]
    if not pieces:
        empty = [pa.array([], field.arrow) for field in layout.fields]
        return _Piece(np.zeros(0, np.int64), pa.RecordBatch.from_arrays(empty, names=layout.names))
    indices = np.concatenate([piece.indices for piece in pieces])
    order = np.argsort(indices)
    batch = pa.concat_batches([piece.batch for piece in pieces])
    return _Piece(indices[order], batch.take(pa.array(order)))


def _kept(layout: Layout, block: Block, piece: _Piece, first: int, refused: list[RefusedRow]) -> Parsed:
    """The typed rows that keep every rule, with their lines."""
    batch = pa.RecordBatch.from_arrays(
        [*piece.batch.columns, pa.array(block.lines[piece.indices], pa.int64())], schema=layout.schema
    )
    broken = broken_rules(layout, piece.batch)
    if broken:
        refused += [_refused(layout, block, int(piece.indices[row]), first, error) for row, error in broken.items()]
        batch = batch.take(pa.array(np.delete(np.arange(len(batch)), list(broken))))
    return Parsed(batch, sorted(refused, key=lambda row: row.record))
