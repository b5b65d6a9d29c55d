"""A block: some megabytes of content with the places of its records. All splitters make these."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lakehouse.parse.reasons import FileRefusedError, Reason

BLOCK_BYTES = 2 * 1024 * 1024
MAX_RECORD_BYTES = 16 * 1024 * 1024
"""A longer line of NDJSON is a refused row; a longer element, document or CSV record refuses the file."""
KEPT_BYTES = 64 * 1024
"""Of a record that is too long, this much goes to quarantine; the whole of it lies in bronze."""
MAX_RECORDS = 16 * 1024
"""Of tiny records a block would hold millions: it is handed on in pieces of this many."""
NEWLINE = 10
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """Records of a file in their order. `starts` and `ends` are offsets into `data`; white space around a record is
    outside of it."""

    data: bytes
    starts: Positions
    ends: Positions
    lines: Positions
    """Physical line on which each record starts, from 1."""
    cut: bool = False
    """The one record of this block is longer than MAX_RECORD_BYTES, and `data` only its beginning."""
    dense: bool = True
    """Between its records lies nothing but their separators."""
    by_line: bool = False
    """Each record is a line of its own, with white space around it at most."""

    def __len__(self) -> int:
        return len(self.starts)

    def record(self, index: int) -> bytes:
        """The bytes of one record."""
        return self.data[self.starts[index] : self.ends[index]]

    def original(self, index: int) -> bytes:
        """The bytes of one record as they arrived: of a line, the whole of it but its end (LF or CR LF)."""
        if not self.by_line:
            return self.record(index)
        first = self.data.rfind(b"\n", 0, int(self.starts[index])) + 1
        end = self.data.find(b"\n", int(self.ends[index]))
        return self.data[first : len(self.data) if end < 0 else end].removesuffix(b"\r")

    def slice(self, start: int, stop: int) -> "Block":
        """Some of the records, over the same data."""
        starts, ends, lines = self.starts[start:stop], self.ends[start:stop], self.lines[start:stop]
        return Block(self.data, starts, ends, lines, by_line=self.by_line)

    def take(self, indices: Positions) -> "Block":
        """Some of the records, by ascending indices."""
        dense = self.dense and len(indices) == indices[-1] - indices[0] + 1
        starts, ends, lines = self.starts[indices], self.ends[indices], self.lines[indices]
        return Block(self.data, starts, ends, lines, dense=dense, by_line=self.by_line)

    def compact(self, separator: bytes) -> "Block":
        """The same records over data that holds them alone, each with `separator`, of one byte, behind it."""
        if self.dense:
            start, end = self.starts[0], self.ends[-1]
            return Block(self.data[start:end], self.starts - start, self.ends - start, self.lines)
        places = zip(self.starts.tolist(), self.ends.tolist(), strict=True)
        data = separator.join([self.data[start:end] for start, end in places])
        lengths = self.ends - self.starts
        ends = np.cumsum(lengths + 1) - 1
        return Block(data, ends - lengths, ends, self.lines)

    def pieces(self) -> "Iterator[Block]":
        """This block in parts of at most MAX_RECORDS records."""
        for start in range(0, len(self), MAX_RECORDS):
            yield self.slice(start, start + MAX_RECORDS)

    def oversized(self) -> Positions:
        """Indices of the records longer than MAX_RECORD_BYTES."""
        return np.flatnonzero(self.ends - self.starts > MAX_RECORD_BYTES)

    def of_fair_size(self) -> "Block":
        """This block.

        Raises:
            FileRefusedError: it holds an oversized record.
        """
        if len(self.oversized()):
            line = self.lines[self.oversized()[0]]
            raise FileRefusedError(Reason.OVERSIZED_RECORD, found=f"line {line}", expected=f"{MAX_RECORD_BYTES:,}")
        return self

    def begun(self, index: int) -> "Block":
        """One oversized record, cut."""
        start = self.starts[index]
        head = self.data[start : start + KEPT_BYTES]
        return Block(head, np.array([0]), np.array([len(head)]), self.lines[index : index + 1], cut=True)


def newlines(data: bytes) -> Positions:
    """Offsets of the line feeds."""
    return np.flatnonzero(np.frombuffer(data, np.uint8) == NEWLINE)


def check_utf8(data: bytes, line: int) -> None:
    """Whole records must be UTF-8.

    Raises:
        FileRefusedError: they are not.
    """
    if data.isascii():
        return
    try:
        data.decode()
    except UnicodeDecodeError as error:
        where = line + data.count(b"\n", 0, error.start)
        raise FileRefusedError(Reason.NOT_UTF8, found=f"line {where}, byte 0x{data[error.start]:02x}") from error
