"""What a put or a demo tells at its end: rows by outcome, gold, and where the time went."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console

from cli.follow import BatchOutcome, FileOutcome
from cli.tables import table
from cli.text import bytes_text, seconds_between, seconds_text, short_run
from lakehouse.ledger.items import FileRecord


@dataclass(frozen=True)
class Stage:
    """A stretch of the way from the last put to the published gold."""

    name: str
    seconds: float
    what: str


def rows_document(files: Sequence[FileRecord]) -> dict[str, object]:
    """Rows by outcome. They balance: in = accepted + quarantined + duplicate."""
    by_reason: Counter[str] = Counter()
    for file in files:
        by_reason.update(file.by_reason)
    return {
        "in": sum(file.rows_in for file in files),
        "accepted": sum(file.rows_accepted for file in files),
        "quarantined": sum(file.rows_quarantined for file in files),
        "duplicate": sum(file.rows_duplicate for file in files),
        "by_reason": dict(by_reason),
    }


def stages(outcome: BatchOutcome) -> list[Stage]:
    """Where the time went, from the last put's end (or, where no file changed, from the run's start) to the
    published gold. The stretches follow one another and add up to the whole."""
    run = outcome.run
    if run is None or run.started_at is None:
        return []
    intake = _intake(outcome, run.started_at) if outcome.changed else []
    making = sum(gold.seconds for gold in run.gold.values())
    engine = seconds_between(run.committed_at, run.gold_at)
    marks = [
        ("commit", seconds_between(run.started_at, run.committed_at), "Delta commits, metadata only"),
        ("start-up", None if engine is None else engine - making, f"{run.engine} gets ready"),
        ("gold", None if engine is None else making, "the SELECT, Parquet into the run's folder"),
        ("publish", seconds_between(run.gold_at, run.published_at), "the catalog's pointer moves"),
    ]
    return intake + [Stage(name, max(0.0, seconds), what) for name, seconds, what in marks if seconds is not None]


def _intake(outcome: BatchOutcome, started_at: str) -> list[Stage]:
    """From the last put's end to the run's start."""
    put_at = max(file.upload.put_at for file in outcome.files)
    last = max(outcome.files, key=lambda file: file.slot.at)
    judged_at = max(last.slot.at, put_at)
    waited = seconds_between(put_at, judged_at) or 0.0
    judging = min(waited, last.record.seconds)
    queue = waited - judging + max(0.0, seconds_between(judged_at, started_at) or 0.0)
    return [
        Stage("queue", queue, "S3 event, SQS, start of Lambda and run"),
        Stage("gate", judging, "every row of the file that was ready last"),
    ]


def outcome_document(outcome: BatchOutcome) -> dict[str, object]:
    """A batch's outcome as one JSON value."""
    run = outcome.run
    return {
        "pipeline": outcome.pipeline,
        "batch": outcome.batch,
        "changed": outcome.changed,
        "files": [_file_document(file) for file in outcome.files],
        "rows": rows_document([file.record for file in outcome.files]),
        "missing": list(outcome.missing),
        "run": asdict(run) if run else None,
        "stages_seconds": {stage.name: round(stage.seconds, 3) for stage in stages(outcome)},
    }


def _file_document(file: FileOutcome) -> dict[str, object]:
    return {
        "file": str(file.upload.path),
        "version_id": file.upload.version_id,
        "changed": file.changed,
        "keeps_older": file.keeps_older,
        **asdict(file.record),
    }


def draw_outcomes(out: Console, outcomes: Sequence[BatchOutcome]) -> None:
    """A table of rows by outcome, then what each batch came to."""
    out.print()
    out.print(draw_rows([file.record for outcome in outcomes for file in outcome.files]))
    for outcome in outcomes:
        out.print()
        draw_batch(out, outcome)


def draw_rows(files: Sequence[FileRecord]) -> object:
    """A line a file."""
    columns = ("dataset", "!verdict", ">size", ">rows in", ">accepted", ">quarantined", ">duplicate")
    return table(
        columns,
        (
            (
                file.dataset,
                file.verdict,
                bytes_text(file.bytes),
                file.rows_in,
                file.rows_accepted,
                file.rows_quarantined,
                file.rows_duplicate,
            )
            for file in files
        ),
    )


def draw_batch(out: Console, outcome: BatchOutcome) -> None:
    """In words: incomplete, unchanged, published or failed; with the seconds by stage where a run was made."""
    name = f"Batch '{outcome.batch}' of {outcome.pipeline}"
    run = outcome.run
    if run is None:
        waits = ", ".join(outcome.missing)
        out.print(f"[yellow]{name} waits for {waits}.[/yellow] The run starts by itself once they are there.")
        return
    if run.status == "failed":
        out.print(f"[red]{name}: run {run.run_id} failed.[/red]")
        out.print(run.error or "no reason recorded", markup=False)
        return
    if not outcome.changed:
        out.print(f"[green]{name}: nothing changed, no new run.[/green] Gold stands for these files.")
        return
    gold = ", ".join(f"{name} {result.rows:,} rows" for name, result in run.gold.items())
    out.print(f"[green]{name}: {run.status}[/green] by run {short_run(run.run_id)} on {run.engine}: {gold}")
    draw_stages(out, stages(outcome))


def draw_stages(out: Console, found: Sequence[Stage]) -> None:
    """Where the time went, as bars."""
    if not found:
        return
    total = sum(stage.seconds for stage in found)
    longest = max(stage.seconds for stage in found) or 1.0
    rows = [
        (stage.name, seconds_text(stage.seconds), "█" * round(16 * stage.seconds / longest) or "▏", stage.what)
        for stage in found
    ]
    since = "the last put's end" if found[0].name == "queue" else "the run's start"
    rows.append(("total", seconds_text(total), "", f"from {since} to published gold"))
    out.print()
    out.print(table(("!stage", ">seconds", "!", "what"), rows, "Where the time went"))
