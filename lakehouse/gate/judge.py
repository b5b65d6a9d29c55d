"""Judge one file against its dataset's contract. Works on local streams only; knows nothing of AWS.

Threads: one fetches; one hashes, expands and splits; two turn blocks into typed columns; one compresses row groups.
All in the file's order, with a bounded number of blocks under way.
"""

from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import BinaryIO, Literal

import numpy as np
import pyarrow as pa

from lakehouse.contract.model import Dataset
from lakehouse.contract.seeds import known_values
from lakehouse.gate.ahead import ReadAhead, ahead, in_order
from lakehouse.gate.conflicts import Reopen, conflicting_rows, record_numbers
from lakehouse.gate.key_hashes import Hashes, HashFile, key_hashes
from lakehouse.gate.quarantine_file import QuarantineFile
from lakehouse.gate.silver_file import SilverFile
from lakehouse.gate.spool import Spool
from lakehouse.gate.unique import CONFLICTING, DUPLICATE, KEPT, Fates, fates, rows_of
from lakehouse.parse.blocks import Block
from lakehouse.parse.layout import Layout, layout_of
from lakehouse.parse.personal import stored_rows
from lakehouse.parse.reasons import FileRefusedError, Reason, RefusedRow
from lakehouse.parse.records import open_records
from lakehouse.parse.rows import Reader, parse_block
from lakehouse.parse.source import Readable, Source

BLOCKS_READ, BLOCKS_PARSED = 2, 3
PARSERS = 2
HOPELESS_ROWS = 1_000_000
"""So many refused rows, being more than the contract's share of the rows so far, refuse a file before its end: a file
of garbage must not hold the gate for hours."""


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
    """Of a refused file: rows seen before it was refused."""
    rows_accepted: int
    """Rows of the silver file; 0 for a refused file."""
    rows_quarantined: int
    rows_duplicate: int
    by_reason: dict[str, int]
    """Refused rows by reason code."""
    parquet: Path | None
    """The silver file (the columns as they are stored, and `_line`); None for a refused file."""
    quarantine_rows: Path | None
    """NDJSON of refused rows, see lakehouse.gate.quarantine_file; None without any."""
    seconds: dict[str, float]
    """Where the time went: `read`, `parse`, `unique`, `write`. They overlap: the sum may be more than the whole."""


def judge(stream: BinaryIO, key: str, dataset: Dataset, workdir: Path, reopen: Reopen | None = None) -> Judgement:
    """Judge a file; `stream` is read once, forward only, to its end.

    Args:
        key: object key; its ending says the format.
        workdir: folder for the results and for what is needed meanwhile.
        reopen: gives the same bytes again, to show refused rows whose fault only the whole file reveals. Without it
            the stored bytes are kept in `workdir` while they are read.

    Raises:
        ContractError: a pattern of the contract cannot be used, or a seed that it refers to is wrong.
        SettingsError: the dataset has token columns and was given no key.
        LakeError: `reopen` gave other bytes.
        OSError: the stream or the folder failed.
    """
    layout = layout_of(dataset, known_values(dataset))
    with ThreadPoolExecutor(1, "fetch") as fetcher:
        if reopen is not None:
            return _File(ReadAhead(stream, fetcher), key, layout, workdir, reopen).judged()
        spool = Spool(stream, workdir / "original")
        try:
            return _File(ReadAhead(spool, fetcher), key, layout, workdir, spool.reopen).judged()
        finally:
            spool.remove()


@dataclass(frozen=True)
class _Work:
    """A parsed block: its rows as they are stored, with the hashes of their keys, and its refused rows."""

    rows: pa.RecordBatch
    refused: list[RefusedRow]
    hashes: Hashes
    records: int
    seconds: float


class _File:
    """One file on its way to a verdict, and what is gathered on the way."""

    def __init__(self, stream: Readable, key: str, layout: Layout, workdir: Path, reopen: Reopen) -> None:
        self._source = Source(stream)
        self._key = key
        self._layout = layout
        self._workdir = workdir
        self._reopen = reopen
        self._quarantine = QuarantineFile(workdir / "rows.ndjson")
        self._refused_records = array("q")
        self._rows_in = 0
        self._rows_duplicate = 0
        self._seconds = dict.fromkeys(("read", "parse", "unique", "write"), 0.0)

    def judged(self) -> Judgement:
        """Read to the end and decide."""
        try:
            return self._judged()
        finally:
            self._quarantine.discard()

    def _judged(self) -> Judgement:
        silver, refusal = None, None
        try:
            with ThreadPoolExecutor(1, "write") as writer:
                silver = self._typed_rows(writer)
                self._check_share()
        except FileRefusedError as error:
            refusal = error
        self._source.drain()
        self._seconds["read"] = self._source.seconds
        rows = self._quarantine.close(shortened=refusal is not None)
        return Judgement(
            verdict="refused" if refusal else "accepted",
            reason=refusal.reason.value if refusal else None,
            message=refusal.told(hidden=self._layout.personal) if refusal else None,
            content_sha256=self._source.sha256,
            bytes=self._source.bytes,
            rows_in=self._rows_in,
            rows_accepted=silver.rows if silver and not refusal else 0,
            rows_quarantined=self._quarantine.rows,
            rows_duplicate=self._rows_duplicate,
            by_reason=dict(sorted(self._quarantine.by_reason.items())),
            parquet=silver.path if silver and not refusal else None,
            quarantine_rows=rows,
            seconds={name: round(value, 4) for name, value in self._seconds.items()},
        )

    def _typed_rows(self, writer: ThreadPoolExecutor) -> SilverFile:
        """The silver file: every row that keeps all rules, the file-wide ones included."""
        silver = SilverFile(self._workdir / "silver.parquet", self._layout, writer)
        hashes = HashFile(self._workdir / "key_hashes")
        try:
            self._read_rows(silver, hashes)
            silver.close()
            self._seconds["write"] += silver.seconds
            start = perf_counter()
            row_fates = fates(silver.path, self._layout, hashes)
            if row_fates is not None:
                silver = self._without_repeats(silver, row_fates, writer)
            self._seconds["unique"] += perf_counter() - start
            return silver
        finally:
            silver.close()
            hashes.remove()

    def _read_rows(self, silver: SilverFile, hashes: HashFile) -> None:
        """Every record becomes a typed row or a refused one."""
        with ThreadPoolExecutor(1, "read") as reading, ThreadPoolExecutor(PARSERS, "parse") as parsing:
            blocks, reader = open_records(self._source, self._key, self._layout)
            with (
                closing(ahead(_numbered(blocks), reading, BLOCKS_READ)) as numbered,
                closing(in_order(lambda item: self._work(reader, *item), numbered, parsing, BLOCKS_PARSED)) as done,
            ):
                for work in done:
                    self._take(work, silver, hashes)
        if not self._rows_in:
            raise FileRefusedError(Reason.NO_ROWS, found="no row")

    def _work(self, reader: Reader, first: int, block: Block) -> _Work:
        start = perf_counter()
        parsed = parse_block(self._layout, reader, block, first)
        rows = stored_rows(self._layout, parsed.rows)
        found = key_hashes([rows.column(name) for name in self._layout.dataset.key])
        return _Work(rows, parsed.refused, found, len(block), perf_counter() - start)

    def _take(self, work: _Work, silver: SilverFile, hashes: HashFile) -> None:
        self._rows_in += work.records
        self._seconds["parse"] += work.seconds
        self._quarantine.add(work.refused)
        self._refused_records.extend(row.record for row in work.refused)
        silver.add(work.rows)
        hashes.add(work.hashes)
        if self._quarantine.rows >= HOPELESS_ROWS:
            self._check_share()

    def _without_repeats(self, typed: SilverFile, row_fates: Fates, writer: ThreadPoolExecutor) -> SilverFile:
        """Count duplicates, quarantine conflicting rows, write the others anew."""
        self._rows_duplicate = int(np.count_nonzero(row_fates == DUPLICATE))
        records = record_numbers(np.flatnonzero(row_fates == CONFLICTING), self._refused_records)
        if len(records):
            self._source.drain()
            found = conflicting_rows(self._reopen, self._key, self._source.sha256, self._layout, records)
            for rows in found:
                self._quarantine.add(rows)
        kept = SilverFile(self._workdir / "unique.parquet", self._layout, writer)
        start = 0
        for batch in rows_of(typed.path):
            keep = np.flatnonzero(row_fates[start : start + batch.num_rows] == KEPT)
            kept.add(batch.take(keep))
            start += batch.num_rows
        kept.close()
        typed.path.unlink()
        return kept

    def _check_share(self) -> None:
        """Refuse the file where more than the contract's share of its rows is refused."""
        share = self._layout.dataset.max_bad_share
        refused = self._quarantine.rows
        if refused > share * self._rows_in:
            found = f"{refused:,} of {self._rows_in:,}"
            raise FileRefusedError(Reason.TOO_MANY_BAD_ROWS, found=found, expected=str(share))


def _numbered(blocks: Iterator[Block]) -> Iterator[tuple[int, Block]]:
    """Blocks with the number of their first record."""
    first = 0
    for block in blocks:
        yield first, block
        first += len(block)
