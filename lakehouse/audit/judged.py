"""The gate's work done again: each file's bytes are judged anew and compared with what was recorded and written.

The bytes decide who is right. What they give under the contract is compared with the ledger's record, the silver file
and quarantine, each on its own, so that a fault is named once, where it lies.
"""

from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import duckdb

from lakehouse import names
from lakehouse.audit import mend
from lakehouse.audit.batch import BatchView, slot_id_of
from lakehouse.audit.findings import Checked, Difference, Finding, Layer, Note, Step, differing
from lakehouse.audit.quarantine import audit_quarantine
from lakehouse.audit.rows import compare_rows, row_count
from lakehouse.audit.silver_files import SilverFiles
from lakehouse.audit.sources import Sources, download, file_sha256
from lakehouse.contract.model import Dataset
from lakehouse.gate.erased import judge_erased
from lakehouse.gate.judge import Judgement, judge
from lakehouse.gate.objects import current_version, is_erased
from lakehouse.ledger.items import FileRecord
from lakehouse.silver.columns import LINE


@dataclass(frozen=True)
class FileAudit:
    """What is needed to look at one judged file."""

    sources: Sources
    connection: duckdb.DuckDBPyConnection
    silver: SilverFiles
    view: BatchView
    record: FileRecord
    dataset: Dataset | None
    """None where no contract has it."""
    folder: Path

    @property
    def bytes(self) -> Path:
        """Where the bronze object's bytes lie."""
        return self.folder / "bronze"

    def finding(self, layer: Layer, kind: str, key: str, found: str, expected: str, how: str | None = None) -> Finding:
        """A finding about this file."""
        one = self.record
        how = how or mend.bring(one.key)
        return Finding(layer, kind, one.pipeline, one.dataset, one.batch, key, found, expected, how)


def audit_file(
    sources: Sources,
    connection: duckdb.DuckDBPyConnection,
    silver: SilverFiles,
    view: BatchView,
    record: FileRecord,
    dataset: Dataset | None,
) -> Generator[Step, None, FileRecord]:
    """Look at one judged file in every place; returns its record as it should be."""
    with TemporaryDirectory(dir=sources.folder) as name:
        one = FileAudit(sources, connection, silver, view, record, dataset, Path(name))
        truth = yield from _audit(one)
    yield Checked("ledger", record.pipeline, files_done=1)
    difference = differing(_shown(record), _shown(truth))
    if difference:
        yield one.finding("ledger", "record", f"FILE#{record.file_id}", *difference)
    return truth


def _audit(one: FileAudit) -> Generator[Step, None, FileRecord]:
    record = one.record
    version, content = _content(one)
    if version is None:
        yield from _gone(one)
        return (yield from _audit_without_bytes(one, record))
    truth, current = _identity(one, version, content)
    if truth is None:
        yield one.finding(
            "bronze",
            "bytes_changed",
            record.key,
            f"version {version} has SHA-256 {content}",
            f"SHA-256 {record.content_sha256}, as it was judged",
        )
        return (yield from _audit_without_bytes(one, record))
    if not current or one.dataset is None:
        if record.pipeline != names.UNKNOWN:
            yield Note("bronze", "other_contract", record.pipeline, record.dataset, 1, record.key)
        return (yield from _audit_without_bytes(one, truth))
    found = _judge_again(one, one.dataset, version)
    truth = replace(truth, **_judged_fields(found))
    yield from audit_quarantine(one.sources, truth, found.quarantine_rows, one.folder)
    if found.parquet is not None:
        return (yield from _audit_silver(one, truth, found.parquet))
    yield Checked("bronze", record.pipeline, 0, truth.rows_in)
    return truth


def _content(one: FileAudit) -> tuple[str | None, str]:
    """The version that holds the file's bytes, now in `one.bytes`, and their SHA-256. Of several that are named the
    one whose bytes were judged, else the last that is there."""
    chosen: tuple[str | None, str] = (None, "")
    for version in one.view.versions_of(one.record):
        content = download(one.sources, one.record.key, one.bytes, version)
        if content == one.record.content_sha256:
            return version, content
        if content is not None:
            chosen = version, content
    return chosen


def _gone(one: FileAudit) -> Iterator[Step]:
    """Former versions expire by the bucket's rules. One that counts is missed, unless the look at bronze says so."""
    record = one.record
    if not one.view.counts(record):
        yield Note("bronze", "former_gone", record.pipeline, record.dataset, 1, record.key)
    elif current_version(one.sources.s3, one.sources.bucket, record.key) is None:
        yield one.finding("bronze", "version_gone", record.key, "no version of the object", "the version that counts")


def _identity(one: FileAudit, version: str, content: str) -> tuple[FileRecord | None, bool]:
    """The record with the version and hash of the bytes, and whether they were judged under the present contract.

    The file's name is the hash of slot, content and contract: it tells whether the bytes or the record changed. None
    for the record: the bytes did.
    """
    record, slot_id = one.record, slot_id_of(one.record)
    truth = replace(record, version_id=version, content_sha256=content)
    slot = one.view.slots.get(slot_id)
    present = one.dataset.contract_hash if one.dataset else None
    hashes = [present] if present else []
    if slot is not None and slot.file_id == record.file_id:
        hashes.append(slot.contract_hash)
    for contract_hash in hashes:
        if names.file_id(slot_id, content, contract_hash) == record.file_id:
            return truth, contract_hash == present
    return (truth, False) if content == record.content_sha256 else (None, False)


def _judge_again(one: FileAudit, dataset: Dataset, version: str) -> Judgement:
    def reopen() -> AbstractContextManager[BinaryIO]:
        return closing(one.bytes.open("rb"))

    work = one.folder / "judged"
    work.mkdir()
    with one.bytes.open("rb") as stream:
        found = judge(stream, one.record.key, dataset, work, reopen)
    if found.verdict == one.record.verdict or not _is_marked(one, version):
        return found
    with one.bytes.open("rb") as stream:
        return judge_erased(judge, stream, one.record.key, dataset, work, reopen)


def _is_marked(one: FileAudit, version: str) -> bool:
    """An erasure took records out of it after it had been accepted."""
    sources = one.sources
    head = sources.s3.head_object(Bucket=sources.bucket, Key=one.record.key, VersionId=version)
    return is_erased(head["Metadata"])


def _judged_fields(found: Judgement) -> dict[str, Any]:
    return {
        "verdict": found.verdict,
        "reason": found.reason,
        "message": found.message,
        "bytes": found.bytes,
        "rows_in": found.rows_in,
        "rows_accepted": found.rows_accepted,
        "rows_quarantined": found.rows_quarantined,
        "rows_duplicate": found.rows_duplicate,
        "by_reason": dict(found.by_reason),
    }


def _audit_silver(one: FileAudit, truth: FileRecord, expected: Path) -> Generator[Step, None, FileRecord]:
    """Compare the silver file with the one that judging gave; keep for gold the one that is right."""
    path = names.silver_data_path(truth.file_id)
    key, stored = names.silver_prefix(truth.pipeline, truth.dataset) + path, one.folder / "stored.parquet"
    yield Checked("bronze", truth.pipeline, 0, truth.rows_in)
    yield Checked("silver", truth.pipeline, 1, truth.rows_accepted)
    content = download(one.sources, key, stored)
    right, how = expected, mend.undo(one.sources.bucket, key, f"remove it and {mend.bring(truth.key)}")
    if content is None:
        yield one.finding("silver", "object_gone", key, "no object", f"{truth.rows_accepted:,} rows")
    elif content == file_sha256(expected):
        truth, right = replace(truth, parquet_bytes=stored.stat().st_size), stored
    else:
        difference = compare_rows(one.connection, [stored], [expected], [LINE])
        found = _words_of(difference, stored, truth)
        if found:
            kind = difference.kind if difference else "content"
            yield one.finding("silver", kind, key, found, "the accepted rows of the bronze file", how)
        else:
            right = stored
    if one.view.counts(truth):
        one.silver.keep(truth.dataset, path, right)
    return truth


def _words_of(difference: Difference, stored: Path, truth: FileRecord) -> str | None:
    """What is wrong with a silver file of other bytes than expected; nothing when another release wrote the rows."""
    if difference:
        return difference.found
    size = stored.stat().st_size
    return None if size == truth.parquet_bytes else f"the same rows in {size:,} bytes; {truth.parquet_bytes:,} written"


def _audit_without_bytes(one: FileAudit, record: FileRecord) -> Generator[Step, None, FileRecord]:
    """As far as a file can be looked at that is not judged again: its balance, its silver rows' number, quarantine."""
    balance = record.rows_accepted + record.rows_quarantined + record.rows_duplicate
    if record.verdict == "accepted" and record.rows_in != balance:
        found = f"{record.rows_in:,} rows in, {balance:,} accounted for"
        yield one.finding("ledger", "unbalanced", f"FILE#{record.file_id}", found, "the same number")
    yield from audit_quarantine(one.sources, record, None, one.folder, rows_known=False)
    if record.verdict == "refused":
        return record
    path = names.silver_data_path(record.file_id)
    key, stored = names.silver_prefix(record.pipeline, record.dataset) + path, one.folder / "stored.parquet"
    yield Checked("silver", record.pipeline, 1, record.rows_accepted)
    if download(one.sources, key, stored) is None:
        yield one.finding("silver", "object_gone", key, "no object", f"{record.rows_accepted:,} rows")
        return record
    rows, size = row_count(one.connection, stored), stored.stat().st_size
    if (rows, size) != (record.rows_accepted, record.parquet_bytes):
        expected = f"{record.rows_accepted:,} rows in {record.parquet_bytes:,} bytes"
        yield one.finding("silver", "content", key, f"{rows} rows in {size:,} bytes", expected)
    if one.view.counts(record):
        one.silver.keep(record.dataset, path, stored)
    return record


def _shown(record: FileRecord) -> Mapping[str, object]:
    """The fields that are compared. When it was judged, and how long that took, bytes cannot tell."""
    return {name: value for name, value in asdict(record).items() if name not in ("at", "seconds")}
