"""`lake status`, `lake runs`, `lake files`"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from cli.lake import Lake, known_pipeline, open_lake
from cli.overview import overview, status_blocks
from cli.screen import Screen
from cli.tables import table
from cli.text import counts_text, printable, seconds_between, seconds_text, short_moment, short_run
from lakehouse.ledger.items import FileRecord, RunRecord
from lakehouse.names import UNKNOWN

WIDE = 100
"""Columns from which tables show more."""
Record = TypeVar("Record", FileRecord, RunRecord)
Pipeline = Annotated[str | None, typer.Option("--pipeline", "-p", help="Only this pipeline.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many, the newest first.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    app.command()(status)
    app.command()(runs)
    app.command()(files)


def status(json: Json = False) -> None:
    """Show the server, the stack, and for each pipeline its files, batches, last run and gold.

    Example: lake status --json
    """
    screen = Screen(json)
    document = overview(open_lake())
    screen.show(document, lambda out: _draw_status(out, document))


def _draw_status(out: Console, document: dict[str, Any]) -> None:
    for title, columns, rows in status_blocks(document):
        out.print(table(columns, rows, title) if rows else f"[bold]{title}[/bold]\n[dim]nothing yet[/dim]")
        out.print()


def runs(pipeline: Pipeline = None, limit: Limit = 20, json: Json = False) -> None:
    """List runs: what started, how far it came, how long each step took.

    Example: lake runs --limit 5
    """
    screen = Screen(json)
    lake = open_lake()
    found = newest((run for name in chosen(lake, pipeline) for run in lake.ledger.runs(name)), limit)
    screen.show([asdict(run) for run in found], lambda out: _draw_runs(out, found))


def _draw_runs(out: Console, found: list[RunRecord]) -> None:
    wide = out.width >= WIDE
    times = (">commit", ">gold", ">publish", "balanced") if wide else (">seconds",)
    rows = (
        (
            short_moment(run.at),
            short_run(run.run_id),
            run.status,
            run.engine,
            *_times(run, wide),
            _balanced(run),
            _rows(run),
        )
        for run in found
    )
    out.print(table(("!at (UTC)", "!run", "!status", "!engine", *times, ">rows"), rows))
    for run in found:
        if run.status == "failed":
            out.print(f"[red]{run.run_id}[/red]: ", end="")
            out.print(run.error or "no reason recorded", markup=False)


def _times(run: RunRecord, wide: bool) -> list[str | None]:
    steps = (
        (run.started_at, run.committed_at),
        (run.committed_at, run.gold_at),
        (run.gold_at, run.published_at),
    )
    found = [seconds_between(*step) for step in (steps if wide else ((run.started_at, run.published_at),))]
    return [None if seconds is None else seconds_text(seconds) for seconds in found]


def _balanced(run: RunRecord) -> str | None:
    """How many rows came in, of which all are in silver, in quarantine or duplicates; nothing where not drawn up."""
    return f"{sum(one.rows_in for one in run.balance.values()):,} in" if run.balance else None


def _rows(run: RunRecord) -> int | None:
    """Rows of all gold tables of a run."""
    return sum(gold.rows for gold in run.gold.values()) if run.gold else None


def files(pipeline: Pipeline = None, limit: Limit = 50, json: Json = False) -> None:
    """List judged files: verdict, rows in, accepted, quarantined and duplicate.

    Example: lake files --json
    """
    screen = Screen(json)
    lake = open_lake()
    names = [pipeline] if pipeline == UNKNOWN else [*chosen(lake, pipeline), *([] if pipeline else [UNKNOWN])]
    found = newest((file for name in names for file in lake.ledger.files(name)), limit)
    screen.show([asdict(file) for file in found], lambda out: draw_files(out, found))


def draw_files(out: Console, found: list[FileRecord]) -> None:
    """A line a file; below them where each lies and why what was refused was refused."""
    when = ("!at (UTC)",) if out.width >= WIDE else ()
    columns = ("!file", *when, "dataset", "batch", "!verdict", ">rows", ">quarantined", ">duplicate")
    rows = (
        (
            file.file_id[:10],
            *((short_moment(file.at),) if when else ()),
            file.dataset,
            file.batch,
            file.verdict,
            file.rows_in,
            file.rows_quarantined,
            file.rows_duplicate,
        )
        for file in found
    )
    out.print(table(columns, rows))
    for file in found:
        reasons = file.message if file.verdict == "refused" else counts_text(file.by_reason)
        out.print(f"[dim]{file.file_id[:10]}[/dim]  ", end="")
        out.print(printable(file.key.encode()), markup=False)
        if reasons:
            out.print(Padding(Text(f"{file.reason}: {reasons}" if file.reason else reasons), (0, 0, 0, 12)))


def chosen(lake: Lake, pipeline: str | None) -> list[str]:
    """The pipelines to look at: one that exists, or all."""
    return [known_pipeline(lake.pipelines, pipeline).name] if pipeline else list(lake.pipelines)


def newest(records: Iterator[Record], limit: int) -> list[Record]:
    """The newest of several lists."""
    return sorted(records, key=lambda record: record.at, reverse=True)[:limit]
