"""JSON arrays and documents: element by element, by the brackets and commas outside of strings.

The splitter only finds where elements begin and end; whether an element is right is for its reader to say. So a bad
element costs itself, while brackets that do not match cost the file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lakehouse.contract.model import Dataset
from lakehouse.parse.blocks import BLOCK_BYTES, MAX_RECORD_BYTES, Block, Positions, check_utf8, newlines
from lakehouse.parse.formats import HEAD_BYTES, WHITE_SPACE, envelope
from lakehouse.parse.lines import WHITE_SPACE_CODES, is_open
from lakehouse.parse.reasons import FileRefusedError, Reason, shown
from lakehouse.parse.source import Window

ESCAPE = re.compile(rb"\\.", re.DOTALL)
QUOTE, COMMA, END = ord('"'), ord(","), ord("]")
STEPS = np.zeros(256, np.int8)
STEPS[[ord("{"), ord("[")]] = 1
STEPS[[ord("}"), ord("]")]] = -1
STRUCTURAL = STEPS != 0
STRUCTURAL[[QUOTE, COMMA]] = True


@dataclass(frozen=True)
class Split:
    """Where the elements of a stretch end: at commas outside of everything, and at the array's own bracket."""

    commas: Positions
    end: int | None
    """Offset of the bracket that ends the array, where it lies in this stretch."""


def document_blocks(window: Window, dataset: Dataset) -> Iterator[Block]:
    """The rows of a JSON document: an array of objects, an object with one field that is such an array and no column
    of the contract, or one object that is a row.

    Raises:
        FileRefusedError: as `array_blocks`, or the document is longer than a record may be.
    """
    head = window.peek(HEAD_BYTES)
    if head.lstrip(WHITE_SPACE)[:1] == b"[":
        return array_blocks(window)
    around = envelope(head, dataset)
    if around is not None:
        window.pull(len(around) - 1)
        return array_blocks(window, 1 + around.count(b"\n"), b"}")
    return _one_object(window)


def _one_object(window: Window) -> Iterator[Block]:
    data = window.pull(MAX_RECORD_BYTES + 1)
    if len(data) > MAX_RECORD_BYTES:
        raise FileRefusedError(Reason.OVERSIZED_RECORD, found="line 1", expected=f"{MAX_RECORD_BYTES:,}")
    record = data.strip(WHITE_SPACE)
    if not record:
        return
    start = data.index(record)
    line = 1 + data.count(b"\n", 0, start)
    if is_open(record):
        raise FileRefusedError(Reason.TRUNCATED_JSON, found=f"the value that starts in line {line}")
    check_utf8(data, 1)
    yield Block(data, np.array([start]), np.array([start + len(record)]), np.array([line]))


def array_blocks(window: Window, line: int = 1, closing: bytes = b"") -> Iterator[Block]:
    """The elements of a JSON array. `line` is where the window stands; `closing` must follow the array.

    Raises:
        FileRefusedError: no UTF-8, brackets that do not match, an array without its end, content after it, an element
            longer than MAX_RECORD_BYTES.
    """
    opening = window.peek(HEAD_BYTES)
    skipped = window.pull(opening.index(b"[") + 1)
    line += skipped.count(b"\n")
    carry, split = b"", Split(np.zeros(0, np.int64), None)
    some = False
    while split.end is None:
        more = window.pull(BLOCK_BYTES)
        if not more:
            last = line + carry.count(b"\n")
            raise FileRefusedError(Reason.TRUNCATED_JSON, found=f"the array, in line {last}")
        data = carry + more
        split = split_elements(data, line)
        stops = split.commas if split.end is None else np.append(split.commas, split.end)
        cut = 0
        if len(stops):
            cut = int(stops[-1]) + 1
            check_utf8(data[:cut], line)
            alone = split.end is not None and not some and len(stops) == 1
            some = True
            yield from _elements(data, stops, line, alone=alone).of_fair_size().pieces()
            line += data.count(b"\n", 0, cut)
        carry = data[cut:]
        if len(carry) > MAX_RECORD_BYTES and split.end is None:
            raise FileRefusedError(Reason.OVERSIZED_RECORD, found=f"line {line}", expected=f"{MAX_RECORD_BYTES:,}")
    _check_end(window, carry, closing)


def split_elements(data: bytes, line: int) -> Split:
    """Find the ends of the elements of a stretch that begins where an element may begin."""
    masked = ESCAPE.sub(b"__", data) if b"\\" in data else data
    array = np.frombuffer(masked, np.uint8)
    places = np.flatnonzero(STRUCTURAL[array])
    codes = array[places]
    quotes = codes == QUOTE
    outside = (np.cumsum(quotes) % 2 == 0) & ~quotes
    places, codes = places[outside], codes[outside]
    depth = np.cumsum(STEPS[codes], dtype=np.int64)
    below = np.flatnonzero(depth < 0)
    end = None
    if len(below):
        end = int(places[below[0]])
        if codes[below[0]] != END:
            where = line + data.count(b"\n", 0, end)
            raise FileRefusedError(
                Reason.BROKEN_JSON, found=f"'}}' in line {where}", expected="',' or ']' after an element"
            )
        places, codes, depth = places[: below[0]], codes[: below[0]], depth[: below[0]]
    return Split(places[(codes == COMMA) & (depth == 0)], end)


def _elements(data: bytes, stops: Positions, line: int, *, alone: bool) -> Block:
    """The elements before the stops, white space around them left out. Nothing between two commas is an element, a
    bad one; nothing at all in an array (`alone`) is none."""
    starts = np.concatenate(([0], stops[:-1] + 1))
    array = np.frombuffer(data, np.uint8)[: stops[-1]]
    solid = np.flatnonzero(~np.isin(array, WHITE_SPACE_CODES))
    first, behind = np.searchsorted(solid, starts), np.searchsorted(solid, stops)
    full = behind > first
    begins, ends = starts.copy(), starts.copy()
    begins[full], ends[full] = solid[first[full]], solid[behind[full] - 1] + 1
    if alone and not full[0]:
        begins, ends = begins[:0], ends[:0]
    lines = line + np.searchsorted(newlines(data[: stops[-1]]), begins)
    return Block(data, begins, ends, lines)


def _check_end(window: Window, rest: bytes, closing: bytes) -> None:
    """After the array comes `closing` and nothing but white space."""
    missing = closing
    while True:
        rest = rest.strip(WHITE_SPACE)
        if missing and rest.startswith(missing):
            rest, missing = rest[len(missing) :].strip(WHITE_SPACE), b""
        if rest:
            raise FileRefusedError(Reason.CONTENT_AFTER_END, found=shown(rest[:200].decode(errors="replace")))
        rest = window.pull(BLOCK_BYTES)
        if not rest:
            break
    if missing:
        raise FileRefusedError(Reason.TRUNCATED_JSON, found="the object around the array")
