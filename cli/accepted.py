"""What the gate accepted of a bronze file, as a file of the same kind: for whoever computes gold once more."""

import csv
import gzip
import json
import re
from collections.abc import Container, Iterator
from pathlib import Path
from typing import IO, Any, cast

from cli.errors import CliError

ARRAY = re.compile(r'\s*(?:\{\s*"(?:[^"\\]|\\.)*"\s*:\s*)?\[')
"""How a document begins that holds its rows in an array: the array itself, or an object with one field."""
BETWEEN = re.compile(r"[\s,]*")
DOCUMENT_BYTES = 64 * 1024**2
"""A longer file is no single document: the gate takes none that long."""


def write_accepted(source: Path, target: Path, refused: Container[int]) -> None:
    """Copy a file without the records whose numbers (1 is the first) are `refused`. What remains is byte for byte.

    Raises:
        CliError: the file's records cannot be told apart.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    name = source.name.removesuffix(".gz")
    if name.endswith(".csv"):
        with _open(source, "rt") as rows, _open(target, "wt") as kept:
            kept.writelines(_csv_records(rows, refused))
        return
    elements = _document(source)
    if elements is None:
        with _open(source, "rb") as lines, _open(target, "wb") as kept:
            kept.writelines(_lines(lines, refused))
        return
    accepted = [text for number, text in enumerate(elements, start=1) if number not in refused]
    with _open(target, "wt") as kept:
        kept.write(f"[{','.join(accepted)}]")


def _open(path: Path, mode: str) -> IO[Any]:
    text: dict[str, Any] = {"encoding": "utf-8", "newline": ""} if "t" in mode else {}
    if path.name.endswith(".gz"):
        return cast(IO[Any], gzip.open(path, mode, **text))
    return path.open(mode, **text)


def _lines(lines: IO[bytes], refused: Container[int]) -> Iterator[bytes]:
    """NDJSON: blank lines are no records."""
    number = 0
    for line in lines:
        if line.strip():
            number += 1
            if number not in refused:
                yield line


def _csv_records(rows: IO[str], refused: Container[int]) -> Iterator[str]:
    """CSV: a record may take several lines, the first one is the header, blank lines are none."""
    taken: list[str] = []

    def remembered() -> Iterator[str]:
        for line in rows:
            taken.append(line)
            yield line

    number = -1
    for record in csv.reader(remembered()):
        text, taken[:] = "".join(taken), []
        number += bool(record)
        if record and number not in refused:
            yield text


def _document(path: Path) -> list[str] | None:
    """Texts of the rows of a JSON array or document; None for NDJSON."""
    if path.stat().st_size > DOCUMENT_BYTES:
        return None
    with _open(path, "rt") as file:
        text: str = file.read().strip("\ufeff \t\r\n")
    decoder = json.JSONDecoder()
    begins = ARRAY.match(text)
    try:
        if begins is None:
            return [text] if decoder.raw_decode(text)[1] == len(text) else None
        return list(_elements(decoder, text, begins.end()))
    except ValueError as error:
        if begins is None or "\n{" in text:
            return None
        raise CliError(f"{path}: the rows of this document cannot be told apart: {error}") from error


def _elements(decoder: json.JSONDecoder, text: str, at: int) -> Iterator[str]:
    while True:
        at = _skip(text, at)
        if text[at : at + 1] == "]":
            return
        end = decoder.raw_decode(text, at)[1]
        yield text[at:end]
        at = end


def _skip(text: str, at: int) -> int:
    found = BETWEEN.match(text, at)
    return found.end() if found else at
