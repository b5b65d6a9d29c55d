"""Reads what lies in quarantine of one file."""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cli.errors import CliError
from cli.lake import Lake
from cli.text import printable
from lakehouse.ledger.items import FileRecord
from lakehouse.names import quarantine_prefix

SHORTEST_ID = 4


@dataclass(frozen=True)
class Exhibit:
    """One refused row."""

    line: int
    reason: str
    column: str | None
    message: str
    raw: str | None
    """The line as it came, where it is text."""
    raw_base64: str | None
    """The same, where it is not."""
    shown: str
    """The line, safe for a terminal, cut when long; empty where quarantine keeps no bytes: they may be personal."""


def find_file(lake: Lake, pipelines: Iterable[str], start: str) -> FileRecord:
    """The judged file whose id begins so.

    Raises:
        CliError: none or several, or too few characters to tell.
    """
    if len(start) < SHORTEST_ID:
        raise CliError(f"'{start}' is too short: expected at least {SHORTEST_ID} characters of a file's id")
    found = [file for name in pipelines for file in lake.ledger.files(name) if file.file_id.startswith(start)]
    if not found:
        raise CliError(f"No judged file has an id that begins with '{start}'", "lake quarantine list")
    if len(found) > 1:
        raise CliError(f"Several files begin with '{start}': {', '.join(file.file_id for file in found)}")
    return found[0]


def refused_rows(lake: Lake, file: FileRecord, limit: int) -> list[Exhibit]:
    """The first refused rows of a file; none where the file was refused before its rows were looked at."""
    s3 = lake.client("s3")
    prefix = quarantine_prefix(file.pipeline, file.dataset, file.file_id)
    try:
        body = s3.get_object(Bucket=lake.settings.bucket, Key=f"{prefix}rows.ndjson")["Body"]
    except s3.exceptions.NoSuchKey:
        return []
    found: list[Exhibit] = []
    for line in body.iter_lines():
        found.append(_exhibit(json.loads(line)))
        if len(found) == limit:
            break
    return found


def original(lake: Lake, file: FileRecord, limit_bytes: int) -> bytes:
    """The first bytes of the copy that quarantine keeps of a refused file; nothing when it is empty or has none."""
    s3 = lake.client("s3")
    key = f"{quarantine_prefix(file.pipeline, file.dataset, file.file_id)}original"
    try:
        body = s3.get_object(Bucket=lake.settings.bucket, Key=key)["Body"]
    except s3.exceptions.NoSuchKey:
        return b""
    found: bytes = body.read(limit_bytes)
    return found


def _exhibit(row: dict[str, Any]) -> Exhibit:
    encoded = row.get("raw_base64")
    raw = base64.b64decode(encoded) if encoded else str(row.get("raw", "")).encode()
    return Exhibit(
        line=int(row["line"]),
        reason=str(row["reason"]),
        column=row.get("column"),
        message=printable(str(row.get("message", "")).encode()),
        raw=row.get("raw"),
        raw_base64=encoded,
        shown=printable(raw, limit=400),
    )
