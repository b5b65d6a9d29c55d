"""Judge one file against its dataset's contract. Works on local streams only; knows nothing of AWS."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq

from lakehouse.contract.model import Dataset

TYPES = {
    "string": pa.string(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "decimal(12,2)": pa.decimal128(12, 2),
}


@dataclass(frozen=True)
class Judgement:
    """What became of a file. Rows balance for an accepted one: `rows_in` = accepted + quarantined + duplicate."""

    verdict: Literal["accepted", "refused"]
    reason: str | None
    """Code of a refused file, such as `truncated_gzip`."""
    message: str | None
    """The same as a sentence for people."""
    content_sha256: str
    """Of the object's bytes as stored, in hexadecimal digits."""
    bytes: int
    """Size of the object as stored."""
    rows_in: int
    rows_accepted: int
    rows_quarantined: int
    rows_duplicate: int
    by_reason: dict[str, int]
    """Refused rows by reason code."""
    parquet: Path | None
    """The silver file (contract columns and `_line`); None for a refused file."""
    quarantine_rows: Path | None
    """NDJSON of refused rows: `line, reason, column, rule, message, raw | raw_base64`; None without any."""
    seconds: dict[str, float]
    """Where the time went: `read`, `parse`, `unique`, `write`."""


def judge(stream: BinaryIO, key: str, dataset: Dataset, workdir: Path) -> Judgement:
    """Judge a file. Thin first version: NDJSON that is right."""
    data = stream.read()
    sha = hashlib.sha256(data).hexdigest()
    if not data.strip():
        return Judgement("refused", "empty_file", "The file is empty", sha, len(data), 0, 0, 0, 0, {}, None, None, {})
    text = pa.schema([(c.name, pa.string() if c.type == "date" else TYPES[c.type]) for c in dataset.columns])
    table = pj.read_json(pa.BufferReader(data), parse_options=pj.ParseOptions(explicit_schema=text))
    arrays = [
        table[c.name].cast(pa.timestamp("us")).cast(pa.date32()) if c.type == "date" else table[c.name]
        for c in dataset.columns
    ]
    arrays.append(pa.chunked_array([pa.array(range(1, table.num_rows + 1), pa.int64())]))
    typed = pa.table(arrays, names=[*(c.name for c in dataset.columns), "_line"])
    path = workdir / "silver.parquet"
    pq.write_table(typed, path, compression="zstd", compression_level=1)
    rows = typed.num_rows
    return Judgement("accepted", None, None, sha, len(data), rows, rows, 0, 0, dict(Counter()), path, None, {})
