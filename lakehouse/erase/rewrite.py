"""A bronze file without one person's records: every other record stays byte for byte as it came. Pure.

A record is the person's when the column that says so holds the value. One that cannot be read, or that lacks the
column, is the person's when the value stands in it as a whole word: it was refused, so no row of anybody else is lost.
"""

import gzip
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from lakehouse.contract.model import Dataset
from lakehouse.erase.owners import CsvOwners, JsonOwners, Owners
from lakehouse.erase.person import Person
from lakehouse.parse.arrays import split_elements
from lakehouse.parse.csv_records import record_ends
from lakehouse.parse.formats import HEAD_BYTES, UTF8_BOM, WHITE_SPACE, envelope, open_content
from lakehouse.parse.reasons import FileRefusedError
from lakehouse.parse.source import GZIP_MAGIC, Source

EXPANDED = 31
"""zlib's window bits for gzip."""
PIECE_BYTES = 4096


@dataclass(frozen=True)
class Rewritten:
    """What a stored file is without a person."""

    stored: bytes
    """The bytes to store: compressed where they came compressed. As they were where nothing was removed."""
    removed: int = 0
    """Records that were the person's."""
    whole: bool = False
    """The file's records cannot be told apart, and it speaks of the person: nothing of it can stay."""
    traces: frozenset[str] = frozenset()
    """Texts in the removed records that may tell who it was, and in no other record of the file."""

    @property
    def touched(self) -> bool:
        """Whether anything of the person is in the file."""
        return self.removed > 0 or self.whole


class UnsplittableError(Exception):
    """The records of a file cannot be told apart."""


@dataclass(frozen=True)
class _Parts:
    """A file's content: what stands before its records, each record with its white space or line end, what follows."""

    head: bytes
    records: Sequence[bytes]
    between: bytes
    tail: bytes
    owners: Owners

    def joined(self, records: Sequence[bytes]) -> bytes:
        return self.head + self.between.join(records) + self.tail


def without(stored: bytes, key: str, dataset: Dataset | None, person: Person) -> Rewritten:
    """A file as stored in bronze without the records of a person. The whole of it is held in memory.

    Args:
        key: its object key, whose ending says the format.
        dataset: the contract; None for a file that fits none, whose records cannot be told apart. Of a dataset whose
            rows are nobody's nothing is the person's.
    """
    content, intact = _expanded(stored)
    if dataset is not None and dataset.person is None:
        return Rewritten(stored)
    try:
        if not intact:
            raise UnsplittableError
        return _without(stored, content, _parts(stored, content, key, dataset, person), person)
    except UnsplittableError:
        return Rewritten(stored, whole=person.mentioned(content))


def expanded(stored: bytes) -> bytes:
    """The content of stored bytes: of gzip as much as can be expanded, anything else as it is."""
    return _expanded(stored)[0]


def _expanded(stored: bytes) -> tuple[bytes, bool]:
    """The content, and whether it is all of it."""
    if not stored.startswith(GZIP_MAGIC):
        return stored, True
    try:
        return gzip.decompress(stored), True
    except (OSError, EOFError, zlib.error):
        return _begun(stored), False


def _begun(stored: bytes) -> bytes:
    """What a damaged gzip stream gives before its fault, piece by piece."""
    inflate, found = zlib.decompressobj(EXPANDED), []
    for start in range(0, len(stored), PIECE_BYTES):
        try:
            found.append(inflate.decompress(stored[start : start + PIECE_BYTES]))
        except zlib.error:
            break
    return b"".join(found)


def _without(stored: bytes, content: bytes, parts: _Parts, person: Person) -> Rewritten:
    if person.mentioned(parts.head) or person.mentioned(parts.tail):
        raise UnsplittableError
    gone = [parts.owners.is_theirs(record) for record in parts.records]
    if not any(gone):
        return Rewritten(stored)
    records = [record for record, theirs in zip(parts.records, gone, strict=True) if not theirs]
    kept = parts.joined(records)
    theirs = (record for record, gone_one in zip(parts.records, gone, strict=True) if gone_one)
    traces = {text for record in theirs for text in parts.owners.traces(record)}
    return Rewritten(
        stored=gzip.compress(kept, mtime=0) if content is not stored else kept,
        removed=sum(gone),
        traces=frozenset(text for text in traces if text.encode("utf-8", "surrogatepass") not in kept),
    )


def _parts(stored: bytes, content: bytes, key: str, dataset: Dataset | None, person: Person) -> _Parts:
    if dataset is None:
        raise UnsplittableError
    try:
        found = open_content(Source(io.BytesIO(stored)), key, dataset).format
        bom = UTF8_BOM if content.startswith(UTF8_BOM) else b""
        body = content.removeprefix(bom)
        if found == "csv":
            return _csv(bom, body, dataset, person)
        owners = JsonOwners(dataset, person)
        if found == "ndjson":
            return _Parts(bom, _lines(body), b"", b"", owners)
        around = b"[" if body.lstrip(WHITE_SPACE)[:1] == b"[" else envelope(body[:HEAD_BYTES], dataset)
        if around is None:
            return _Parts(bom, [body], b"", b"", owners)
        return _array(bom, body, body.index(b"[") + 1 if around == b"[" else len(around), owners)
    except FileRefusedError as error:
        raise UnsplittableError from error


def _lines(body: bytes) -> list[bytes]:
    *lines, last = body.split(b"\n")
    return [line + b"\n" for line in lines] + ([last] if last else [])


def _csv(bom: bytes, body: bytes, dataset: Dataset, person: Person) -> _Parts:
    """The header, which the first record that is not empty is, stays in front."""
    stops = [0, *(int(end) + 1 for end in record_ends(body, at_end=True))]
    if stops[-1] < len(body):
        raise UnsplittableError
    records = [body[start:stop] for start, stop in pairwise(stops)]
    first = next((number for number, record in enumerate(records) if record.strip(b"\r\n")), None)
    if first is None:
        raise UnsplittableError
    owners = CsvOwners(dataset, person, records[first])
    return _Parts(bom + b"".join(records[: first + 1]), records[first + 1 :], b"", b"", owners)


def _array(bom: bytes, body: bytes, start: int, owners: Owners) -> _Parts:
    elements = body[start:]
    split = split_elements(elements, 1)
    if split.end is None:
        raise UnsplittableError
    stops = [-1, *split.commas.tolist(), split.end]
    records = [elements[before + 1 : stop] for before, stop in pairwise(stops)]
    return _Parts(bom + body[:start], records, b",", elements[split.end :], owners)
