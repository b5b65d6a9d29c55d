"""Rows refused for their key, with their original bytes: only the whole file tells which, so it is read once more."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO

import numpy as np

from lakehouse.errors import LakeError
from lakehouse.parse.blocks import Block, Positions
from lakehouse.parse.layout import Layout
from lakehouse.parse.reasons import HIDDEN, Reason, RefusedRow, sentence, shown
from lakehouse.parse.records import open_records
from lakehouse.parse.rows import Reader
from lakehouse.parse.source import Source

Reopen = Callable[[], AbstractContextManager[BinaryIO]]


def conflicting_rows(
    reopen: Reopen, key: str, content_sha256: str, layout: Layout, records: Positions
) -> Iterator[list[RefusedRow]]:
    """The refusals of some records (their numbers in the file, ascending), block by block.

    Raises:
        LakeError: the bytes are not those of the first reading.
    """
    with reopen() as stream:
        source = Source(stream)
        blocks, reader = open_records(source, key, layout)
        first = 0
        for block in blocks:
            begin, end = np.searchsorted(records, (first, first + len(block)))
            yield [_refused(layout, reader, block, int(record) - first, first) for record in records[begin:end]]
            first += len(block)
        source.drain()
        if source.sha256 != content_sha256:
            raise LakeError(f"{key}: the second reading gave other bytes than the first, expected the same version")


def record_numbers(positions: Positions, refused: Sequence[int]) -> Positions:
    """Record numbers in the file of rows at positions among the accepted ones; `refused` are the other records."""
    # Before the position `number - rank` stand all refused records of lower rank.
    before = np.sort(np.asarray(refused, np.int64)) - np.arange(len(refused))
    return positions + np.searchsorted(before, positions, side="right")


def _refused(layout: Layout, reader: Reader, block: Block, index: int, first: int) -> RefusedRow:
    names, hidden = layout.dataset.key, layout.personal
    values = dict(zip(layout.names, reader.exact(block.record(index)), strict=True))
    found = HIDDEN if hidden else shown(", ".join(str(values[name]) for name in names))
    message = sentence(Reason.CONFLICTING_KEY, found=found)
    column, rule, line = ", ".join(names), f"key {', '.join(names)}", int(block.lines[index])
    raw = None if hidden else block.original(index)
    return RefusedRow(first + index, line, Reason.CONFLICTING_KEY, column, rule, message, raw)
