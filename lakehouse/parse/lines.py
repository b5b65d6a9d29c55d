"""NDJSON: one record a line. Blank lines between records are no records; they count as lines."""

import re
from collections.abc import Iterator

import numpy as np

from lakehouse.parse.blocks import BLOCK_BYTES, MAX_RECORD_BYTES, Block, Positions, check_utf8, newlines
from lakehouse.parse.formats import WHITE_SPACE
from lakehouse.parse.reasons import FileRefusedError, Reason
from lakehouse.parse.source import Window

NEWLINE_BYTE = b"\n"
OPEN_BRACE, CLOSE_BRACE, CARRIAGE_RETURN = ord("{"), ord("}"), ord("\r")
WHITE_SPACE_CODES = np.frombuffer(WHITE_SPACE, np.uint8)
STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)


def line_blocks(window: Window) -> Iterator[Block]:
    """The records of an NDJSON file.

    Raises:
        FileRefusedError: no UTF-8, or the last line stops in the middle of a value.
    """
    carry, line = b"", 1
    while data := window.pull(BLOCK_BYTES):
        data = carry + data if carry else data
        cut = data.rfind(b"\n") + 1
        data, carry = data[:cut], data[cut:]
        if cut:
            breaks = newlines(data)
            yield from _pieces(_block(data, breaks, line))
            line += len(breaks)
        if len(carry) > MAX_RECORD_BYTES:
            yield Block(carry, np.array([0]), np.array([len(carry)]), np.array([line])).begun(0)
            carry = _after_line(window)
            line += 1
    if carry:
        last = carry.rfind(b"\n") + 1
        if is_open(carry[last:]):
            raise FileRefusedError(Reason.TRUNCATED_JSON, found=f"the value in line {line + carry.count(NEWLINE_BYTE)}")
        yield from _pieces(_block(carry, newlines(carry), line))


def _pieces(block: Block) -> Iterator[Block]:
    """The block in handy parts; an oversized record is one of its own."""
    done = 0
    for index in block.oversized().tolist():
        yield from block.slice(done, index).pieces()
        yield block.begun(index)
        done = index + 1
    yield from block.slice(done, len(block)).pieces()


def is_open(record: bytes) -> bool:
    """Whether a record stops inside a string, an object or an array."""
    rest = STRINGS.sub(b"", record)
    return b'"' in rest or any(rest.count(opens) > rest.count(closes) for opens, closes in ((b"{", b"}"), (b"[", b"]")))


def _after_line(window: Window) -> bytes:
    """Skip the rest of a line that is too long; return what was read after it."""
    while data := window.pull(BLOCK_BYTES):
        cut = data.find(b"\n") + 1
        if cut:
            return data[cut:]
    return b""


def _block(data: bytes, breaks: Positions, line: int) -> Block:
    check_utf8(data, line)
    starts = np.concatenate(([0], breaks + 1))
    ends = np.concatenate((breaks, [len(data)]))
    lines = np.arange(line, line + len(starts))
    full = ends > starts
    return trimmed(data, starts[full], ends[full], lines[full])


def trimmed(data: bytes, starts: Positions, ends: Positions, lines: Positions) -> Block:
    """Move white space out of records that are not empty, and drop those that hold nothing else."""
    array = np.frombuffer(data, np.uint8)
    ends = ends - (array[ends - 1] == CARRIAGE_RETURN)
    if np.any((array[starts] != OPEN_BRACE) | (array[ends - 1] != CLOSE_BRACE)):
        solid = np.flatnonzero(~np.isin(array, WHITE_SPACE_CODES))
        first, behind = np.searchsorted(solid, starts), np.searchsorted(solid, ends)
        full = behind > first
        starts, ends, lines = solid[first[full]], solid[behind[full] - 1] + 1, lines[full]
    return Block(data, starts, ends, lines, by_line=True)
