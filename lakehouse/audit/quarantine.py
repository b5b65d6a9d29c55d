"""What quarantine keeps of a file against what judging it again refuses."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from lakehouse import names
from lakehouse.audit import mend
from lakehouse.audit.findings import SHOWN, Checked, Finding, Step, differing
from lakehouse.audit.sources import Sources, download, file_sha256, objects_below, read_json
from lakehouse.gate.decide import keeps_original, verdict
from lakehouse.ledger.items import FileRecord

ROWS, ORIGINAL, VERDICT = "rows.ndjson", "original", "verdict.json"


def audit_quarantine(
    sources: Sources, truth: FileRecord, expected_rows: Path | None, folder: Path, rows_known: bool = True
) -> Iterator[Step]:
    """Compare a file's folder in quarantine.

    Args:
        truth: the verdict that the bytes give.
        expected_rows: the refused rows as judging gave them; None without any.
        rows_known: the file was judged again. Otherwise its refused rows are not compared.
    """
    prefix = names.quarantine_prefix(truth.pipeline, truth.dataset, truth.file_id)
    present = {key.removeprefix(prefix) for key, _ in objects_below(sources, prefix)}
    original = keeps_original(truth.pipeline, truth.dataset, truth.key, sources.pipelines)
    wanted = _wanted(truth, expected_rows, rows_known, original)
    yield Checked("quarantine", truth.pipeline, len(wanted), truth.rows_quarantined)
    # What was judged under another contract may have been kept with its bytes.
    optional = set() if rows_known else {ROWS, ORIGINAL}
    for name in sorted(present - wanted - optional):
        yield _finding(truth, "foreign_object", prefix + name, "an object that the verdict does not bring", "nothing")
    for name in sorted(wanted - present):
        yield _finding(truth, "object_gone", prefix + name, "no object", "what the gate refused")
    for name in sorted(wanted & present):
        stored = folder / f"quarantine-{name}"
        content = download(sources, prefix + name, stored)
        found = _compare(sources, name, content, stored, truth, expected_rows)
        if found:
            yield _finding(truth, found[0], prefix + name, found[1], found[2])


def _wanted(truth: FileRecord, rows: Path | None, rows_known: bool, original: bool) -> set[str]:
    wanted = {ROWS} if rows is not None or (not rows_known and truth.rows_quarantined) else set()
    if truth.verdict == "refused":
        wanted |= {ORIGINAL, VERDICT} if original else {VERDICT}
    return wanted | {VERDICT} if wanted else wanted


def _compare(
    sources: Sources, name: str, content: str | None, stored: Path, truth: FileRecord, rows: Path | None
) -> tuple[str, str, str] | None:
    """Kind, found, expected; None where the object is as it should be."""
    if content is None:
        return "object_gone", "no object", "what the gate refused"
    if name == ORIGINAL:
        same = content == truth.content_sha256
        return None if same else ("content", f"SHA-256 {content}", f"SHA-256 {truth.content_sha256}, the bronze bytes")
    if name == VERDICT:
        return _compare_verdict(sources, read_json(stored), truth)
    if rows is None or content == file_sha256(rows):
        return None
    return _compare_rows(stored, rows)


def _compare_rows(stored: Path, rows: Path) -> tuple[str, str, str] | None:
    """Refused rows as a multiset: a gate may have written them in another order, never others."""
    found, expected = Counter(_lines(stored)), Counter(_lines(rows))
    missing, added = expected - found, found - expected
    if not missing and not added:
        return None
    kind = "rows_changed" if missing and added else "rows_missing" if missing else "rows_added"
    lines = sorted({_line(text) for text in (*missing, *added)})[:SHOWN]
    said = f"{missing.total():,} missing, {added.total():,} foreign ({', '.join(lines)})"
    return kind, said, f"the {expected.total():,} rows that judging refuses"


def _compare_verdict(sources: Sources, found: object, truth: FileRecord) -> tuple[str, str, str] | None:
    expected = verdict(truth)
    if not isinstance(found, dict):
        return "content", "no JSON object", f"the verdict {truth.verdict}"
    # A gate that was overtaken may have written it last, of an earlier version with the same bytes.
    if found.get("version_id") != truth.version_id and _holds_the_same(sources, truth, str(found.get("version_id"))):
        found = {**found, "version_id": truth.version_id}
    difference = differing(found, expected)
    return ("content", *difference) if difference else None


def _holds_the_same(sources: Sources, truth: FileRecord, version_id: str) -> bool:
    copy = sources.folder / "other-version"
    try:
        return download(sources, truth.key, copy, version_id) == truth.content_sha256
    finally:
        copy.unlink(missing_ok=True)


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _line(row: bytes) -> str:
    """Which row a line of NDJSON speaks of; never what it held."""
    try:
        return f"line {json.loads(row)['line']}"
    except (ValueError, KeyError, TypeError):
        return "a line that is no refused row"


def _finding(truth: FileRecord, kind: str, key: str, found: str, expected: str) -> Finding:
    how = mend.bring(truth.key)
    return Finding("quarantine", kind, truth.pipeline, truth.dataset, truth.batch, key, found, expected, how)
