"""Which format a file is in: by its name, the contract and its first bytes, which must not contradict each other."""

import re
from dataclasses import dataclass
from itertools import chain

from lakehouse.contract.model import Dataset, Format
from lakehouse.contract.patterns import EXTENSIONS
from lakehouse.parse.reasons import FileRefusedError, Reason, shown
from lakehouse.parse.source import GZIP_MAGIC, Source, Window

NAME = re.compile(rf"\.({'|'.join(EXTENSIONS)})(\.gz)?\Z")
HEAD_BYTES = 64 * 1024
WHITE_SPACE = b" \t\r\n"
ENVELOPE = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"((?:[^"\\]|\\.)*+)"[ \t\r\n]*:[ \t\r\n]*\[', re.DOTALL)
UTF8_BOM = b"\xef\xbb\xbf"
MAGIC = {
    b"PK\x03\x04": "a zip archive",
    b"PAR1": "Parquet",
    b"ORC": "ORC",
    b"Obj\x01": "Avro",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"%PDF": "PDF",
    b"SQLite format 3\x00": "SQLite",
}


@dataclass(frozen=True)
class Opened:
    """A file's expanded content, past its byte order mark, and its format."""

    window: Window
    format: Format


def open_content(source: Source, key: str, dataset: Dataset) -> Opened:
    """Look at the name and the first bytes.

    Raises:
        FileRefusedError: empty, compressed otherwise than it says, in another encoding or in another format.
    """
    match = NAME.search(key)
    if match is None:
        names = ", ".join(f".{extension}" for extension in EXTENSIONS)
        raise FileRefusedError(
            Reason.UNKNOWN_EXTENSION, found=shown(key.rpartition("/")[2]), expected=f"{names}, or .gz of it"
        )
    first = source.read()
    if not first:
        raise FileRefusedError(Reason.EMPTY_FILE)
    stored = chain([first], source.plain())
    gzipped = match[2] is not None
    if gzipped != first.startswith(GZIP_MAGIC):
        found, said = ("no gzip", "gzip") if gzipped else ("gzip", "no gzip")
        raise FileRefusedError(Reason.CONTENT_CONTRADICTS_NAME, found=found, expected=said)
    window = Window(source.expanded(stored) if gzipped else stored, dataset.max_bytes)
    head = window.peek(HEAD_BYTES)
    _check_encoding(head, match[1], gzipped)
    if head.startswith(UTF8_BOM):
        window.pull(len(UTF8_BOM))
        head = head[len(UTF8_BOM) :]
    text = head.lstrip(WHITE_SPACE)
    if not text and len(head) < HEAD_BYTES - len(UTF8_BOM):
        raise FileRefusedError(Reason.NO_ROWS, found="only white space")
    return Opened(window, _format(match[1], text, dataset))


def envelope(head: bytes, dataset: Dataset) -> bytes | None:
    """What stands before the elements of a document such as `{"transactions": [{…}, {…}]}`: an object that begins with
    an array under a name that is no column. None where a document begins otherwise."""
    match = ENVELOPE.match(head)
    if match is None or match[1].decode(errors="replace") in {column.name for column in dataset.columns}:
        return None
    return match[0]


def _check_encoding(head: bytes, extension: str, gzipped: bool) -> None:
    if not head:
        raise FileRefusedError(Reason.EMPTY_FILE)
    if gzipped and head.startswith(GZIP_MAGIC):
        raise FileRefusedError(Reason.NESTED_GZIP)
    for magic, name in MAGIC.items():
        if head.startswith(magic):
            raise FileRefusedError(Reason.CONTENT_CONTRADICTS_NAME, found=name, expected=extension)
    zeros = b"\0\0\0"
    if head.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")) or (head[:3] == zeros) != (head[1:4] == zeros):
        raise FileRefusedError(Reason.UTF32)
    # Both formats begin with ASCII, of which UTF-16 makes a character and a zero.
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or (len(head) >= 2 and (head[0] == 0) != (head[1] == 0)):
        raise FileRefusedError(Reason.UTF16)


def _format(extension: str, head: bytes, dataset: Dataset) -> Format:
    """The format of a file whose first bytes, white space dropped, are `head`."""
    found = _json_format(extension, head, dataset) if extension != "csv" else _csv_format(head)
    if found not in dataset.formats:
        raise FileRefusedError(Reason.FORMAT_NOT_ALLOWED, found=found, expected=", ".join(dataset.formats))
    return found


def _csv_format(head: bytes) -> Format:
    if head[:1] in (b"{", b"["):
        raise FileRefusedError(Reason.CONTENT_CONTRADICTS_NAME, found="JSON", expected="csv")
    return "csv"


def _json_format(extension: str, head: bytes, dataset: Dataset) -> Format:
    if head and head[:1] not in (b"{", b"[") and _is_header(head, dataset):
        raise FileRefusedError(Reason.CONTENT_CONTRADICTS_NAME, found="CSV", expected=extension)
    if extension != "json":
        if head[:1] == b"[":
            raise FileRefusedError(Reason.CONTENT_CONTRADICTS_NAME, found="a JSON array", expected=extension)
        return "ndjson"
    if head[:1] == b"[":
        return "json_array" if "json_array" in dataset.formats else "json_document"
    if "json_document" not in dataset.formats:
        return "ndjson"
    if envelope(head, dataset) is not None:
        # Also on one line with a line feed behind it, which would do for NDJSON.
        return "json_document"
    first, newline, _ = head.partition(b"\n")
    closed = first.rstrip(WHITE_SPACE).endswith(b"}")
    return "ndjson" if "ndjson" in dataset.formats and newline and closed else "json_document"


def _is_header(head: bytes, dataset: Dataset) -> bool:
    """The first line is a CSV header of the contract's columns."""
    first = head.partition(b"\n")[0].strip(WHITE_SPACE)
    names = {name.strip(b'" ') for name in first.split(b",")}
    return len(names) > 1 and names <= {column.name.encode() for column in dataset.columns}
