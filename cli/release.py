"""Which files a person means to have judged anew, and what is shown of it."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from cli.lake import Lake
from cli.quarantine import find_file
from cli.tables import table
from cli.text import count_text, printable
from lakehouse.ledger.items import FileRecord
from lakehouse.names import UNKNOWN
from lakehouse.repair.judge_again import WHY, Judged, Released, in_quarantine, judge_of, judged_files, slot_of


def chosen_files(lake: Lake, file_ids: Sequence[str], pipeline: str | None) -> list[Judged]:
    """The files with something in quarantine: those named, those of a pipeline, or all; the oldest verdict first.

    A pipeline's are also those of no pipeline whose key fits it by now.

    Raises:
        CliError, RepairError: a file that is named is not there, or counts for nothing any more.
    """
    if file_ids:
        records = [find_file(lake, [*lake.pipelines, UNKNOWN], start) for start in file_ids]
        unique = {record.file_id: record for record in records}
        return [judge_of(slot_of(one, lake.ledger), one, lake.keyed, lake.ledger) for one in unique.values()]
    owners = [pipeline, UNKNOWN] if pipeline else [*lake.pipelines, UNKNOWN]
    found = [
        judge_of(slot, file, lake.keyed, lake.ledger)
        for owner in owners
        for slot, file in judged_files(lake.ledger, owner)
        if in_quarantine(file)
    ]
    mine = [one for one in found if pipeline in (None, one.slot.pipeline, one.place and one.place.pipeline)]
    return sorted(mine, key=lambda one: (one.slot.at, one.slot.key))


def judged_document(one: Judged) -> dict[str, Any]:
    """A file before it is judged anew, as one JSON value."""
    return {"file_id": one.file.file_id, "standing": one.standing, "why": WHY[one.standing], **_of(one.file)}


def released_document(one: Released) -> dict[str, Any]:
    """What came of it, as one JSON value."""
    return {
        "before": judged_document(one.before),
        "after": {"file_id": one.after.file_id, **_of(one.after)},
        "rows_released": one.rows_released,
        "rows_remaining": one.rows_remaining,
    }


def draw_judged(out: Console, files: Sequence[Judged]) -> None:
    """A line a file: what the gate said and whether it would say something else now."""
    if not files:
        out.print("Nothing is in quarantine")
        return
    rows = (
        (one.file.file_id[:10], one.slot.batch, one.file.verdict, _refused(one.file), one.standing.replace("_", " "))
        for one in files
    )
    out.print(table(("!file", "batch", "!verdict", ">refused rows", "!standing"), rows))
    for one in files:
        out.print(f"[dim]{one.file.file_id[:10]}[/dim]  ", end="")
        out.print(printable(one.slot.key.encode()), markup=False)
        out.print(f"            {WHY[one.standing]}", markup=False, style="dim")


def draw_released(out: Console, files: Sequence[Released]) -> None:
    """A line a file: the verdict before and now, and the rows that this released."""
    rows = (
        (
            one.after.file_id[:10],
            one.after.batch,
            one.before.file.verdict,
            one.after.verdict,
            one.rows_released,
            one.rows_remaining,
        )
        for one in files
    )
    out.print(table(("!file", "batch", "!was", "!is", ">released", ">remain"), rows))
    for one in files:
        out.print(f"[dim]{one.after.file_id[:10]}[/dim]  ", end="")
        out.print(printable(one.after.key.encode()), markup=False)
        if one.after.verdict == "refused":
            out.print(f"            {one.after.message or one.after.reason}", markup=False)
    released, remain = sum(one.rows_released for one in files), sum(one.rows_remaining for one in files)
    judged = count_text(len(files), "file")
    out.print(f"{judged} judged anew: {count_text(released, 'row')} released, {remain:,} still refused")


def _refused(file: FileRecord) -> int:
    return file.rows_quarantined if file.verdict == "accepted" else file.rows_in


def _of(file: FileRecord) -> dict[str, Any]:
    return {
        "key": file.key,
        "pipeline": file.pipeline,
        "batch": file.batch,
        "verdict": file.verdict,
        "reason": file.reason,
        "rows_in": file.rows_in,
        "rows_accepted": file.rows_accepted,
        "rows_quarantined": file.rows_quarantined,
        "rows_duplicate": file.rows_duplicate,
    }
