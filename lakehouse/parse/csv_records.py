"""CSV records (RFC 4180, strict): comma, double quotes, line feed with or without a carriage return before it.

Where every quote of a stretch is where one may be, records end at line feeds outside of quotes, found for the whole
stretch at once. Otherwise records are taken one by one: a quote opens a value only at its beginning, so a quote
elsewhere spoils its own record and no other.
"""

import re
from collections.abc import Iterator

import numpy as np

from lakehouse.parse.blocks import BLOCK_BYTES, MAX_RECORD_BYTES, Block, Positions, check_utf8, newlines
from lakehouse.parse.reasons import FileRefusedError, Reason
from lakehouse.parse.source import Window

QUOTE, COMMA, RETURN, FEED = ord('"'), ord(","), ord("\r"), ord("\n")
VALUE = rb'(?:"(?:[^"]++|"")*+"[^,\n]*+|(?!")[^,\n]*+)'
RECORD = re.compile(rb"%b(?:,%b)*+(\n|\Z)" % (VALUE, VALUE))


def csv_blocks(window: Window) -> Iterator[Block]:
    """The records of a CSV file, the header among them. Empty lines are no records; they count as lines.

    Raises:
        FileRefusedError: no UTF-8, a quote that never closes, or a record longer than MAX_RECORD_BYTES.
    """
    carry, line = b"", 1
    while True:
        more = window.pull(BLOCK_BYTES)
        data = carry + more
        if not data:
            return
        ends = record_ends(data, at_end=not more)
        cut = int(ends[-1]) + 1 if len(ends) else 0
        if cut:
            check_utf8(data[:cut], line)
            yield from _block(data, ends, line).of_fair_size().pieces()
            line += data.count(b"\n", 0, cut)
        carry = data[cut:]
        if not more and carry:
            raise FileRefusedError(Reason.UNCLOSED_QUOTE, found=f"the record in line {line}")
        if len(carry) > MAX_RECORD_BYTES:
            if b'"' in carry:
                raise FileRefusedError(Reason.UNCLOSED_QUOTE, found=f"the record in line {line}")
            raise FileRefusedError(Reason.OVERSIZED_RECORD, found=f"line {line}", expected=f"{MAX_RECORD_BYTES:,}")


def record_ends(data: bytes, *, at_end: bool) -> Positions:
    """Offsets of the line feeds that end records; at the end of the file also the end of the last record."""
    if at_end and not data.endswith(b"\n"):
        # The last record may lack its line feed.
        return record_ends(data + b"\n", at_end=False)
    breaks = newlines(data)
    if b'"' not in data:
        return breaks
    if not quotes_in_place(data):
        return _one_by_one(data)
    quotes = np.flatnonzero(np.frombuffer(data, np.uint8) == QUOTE)
    outside = np.searchsorted(quotes, breaks) % 2 == 0
    return breaks[np.flatnonzero(outside)]


def quotes_in_place(data: bytes) -> bool:
    """Whether every opening quote begins a value (or is the second of a doubled one) and every closing quote ends one.
    `data` begins with a record; its last record may be incomplete."""
    array = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(array == QUOTE)
    opening, closing = quotes[::2], quotes[1::2]
    before = np.where(opening > 0, array[opening - 1], FEED)
    behind, further = (
        np.where(closing + step < len(array), array[np.minimum(closing + step, len(array) - 1)], FEED)
        for step in (1, 2)
    )
    begins = (before == COMMA) | (before == FEED) | (before == QUOTE)
    ends = (behind == COMMA) | (behind == FEED) | (behind == QUOTE) | ((behind == RETURN) & (further == FEED))
    return bool(begins.all() and ends.all())


def _one_by_one(data: bytes) -> Positions:
    """The ends of complete records, by the rule that a quote opens a value only at its beginning."""
    ends: list[int] = []
    place = 0
    while place < len(data):
        match = RECORD.match(data, place)
        if match is None or not match[1]:
            break
        ends.append(match.end() - 1)
        place = match.end()
    return np.array(ends, np.int64)


def _block(data: bytes, ends: Positions, line: int) -> Block:
    starts = np.concatenate(([0], ends[:-1] + 1))
    lines = line + np.searchsorted(newlines(data), starts)
    array = np.frombuffer(data, np.uint8)
    returns = (ends > starts) & (array[np.maximum(ends - 1, 0)] == RETURN)
    stops = ends - returns
    full = stops > starts
    return Block(data, starts[full], stops[full], lines[full])
