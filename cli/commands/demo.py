"""`lake demo`"""

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.padding import Padding

from cli.commands.query import draw as draw_answer
from cli.demo import CONTRACT, Demo, demo_pipeline, demo_pipelines, run_demo, sample_of
from cli.lake import Lake
from cli.report import draw_rows, draw_stages, outcome_document, rows_document, stages
from cli.screen import Screen
from cli.tables import table
from cli.text import bytes_text, count_text, counts_text, seconds_text
from cli.up import bring_up

SEED = 7
ALL = "all"
FILES_SHOWN = 12


class Engine(StrEnum):
    """What may execute the SQL of gold."""

    contract = CONTRACT
    spark = "spark"
    duckdb = "duckdb"
    auto = "auto"


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    pipeline: Annotated[
        str | None, typer.Argument(help="A folder in pipelines/ that has a generate.py, or 'all'.")
    ] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="Rows in each file; else as pipeline.toml says.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = SEED,
    dirty: Annotated[float | None, typer.Option(min=0, max=1, help="Share of rows that break the contract.")] = None,
    files: Annotated[int | None, typer.Option(min=1, help="Files of each dataset.")] = None,
    engine: Annotated[Engine, typer.Option(help="What executes the SQL; 'contract': as pipeline.toml says.")] = (
        Engine.contract
    ),
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Run a pipeline whole: start the lake, make sample files, upload them, follow the run, check every row of gold.

    A second demo with the same files shows that a repeated upload changes nothing; other rows or another seed are a
    correction of the same files. With 'all' every pipeline is run, one after the other.

    Examples:

      lake demo

      lake demo all

      lake demo --rows 20000 --engine duckdb --json
    """
    screen = Screen(json)
    lake = bring_up(screen)
    if pipeline == ALL:
        _every(lake, seed, rows, dirty, files, engine, screen)
        return
    chosen = demo_pipeline(lake.pipelines, pipeline)
    found = run_demo(lake, chosen, sample_of(chosen, seed, rows, dirty, files), engine.value, screen)
    screen.show(document_of(found), lambda out: _draw(out, lake, found))


def _every(
    lake: Lake,
    seed: int,
    rows: int | None,
    dirty: float | None,
    files: int | None,
    engine: Engine,
    screen: Screen,
) -> None:
    started, found = time.monotonic(), []
    for one in demo_pipelines(lake.pipelines):
        screen.say(f"\n[bold]{one.name}[/bold]: {one.title}")
        found.append(run_demo(lake, one, sample_of(one, seed, rows, dirty, files), engine.value, screen))
    seconds = time.monotonic() - started
    document = {"pipelines": [document_of(one) for one in found], "seconds": round(seconds, 3)}
    screen.show(document, lambda out: _draw_every(out, lake, found, seconds))


def _draw_every(out: Console, lake: Lake, found: Sequence[Demo], seconds: float) -> None:
    columns = ("pipeline", "!engine", ">files", ">rows in", ">accepted", ">refused", ">gold rows", ">mails", ">seconds")
    lines = []
    for one in found:
        totals = rows_document(one.records)
        engines = sorted({str(batch.run.engine) for batch in one.batches if batch.run})
        gold_rows = sum(table.rows for table in one.verified)
        lines.append(
            (
                one.pipeline.name,
                ", ".join(engines),
                len(one.records),
                totals["in"],
                totals["accepted"],
                totals["quarantined"],
                gold_rows,
                len(one.mails),
                seconds_text(one.seconds),
            )
        )
    out.print()
    out.print(table(columns, lines, "All pipelines"))
    out.print("\nEvery gold row equals an independent recomputation from the accepted rows of the files, to the cent.")
    out.print("\n[bold]Try next[/bold]")
    for command, why in (
        ("lake queries", "the named queries of every pipeline; run one with lake query PIPELINE/QUERY"),
        ("lake notifications", "the mails that people got"),
        ("lake quarantine list", "what the gate refused, with the reason"),
        ("lake status", "files, batches, runs and gold of every pipeline"),
    ):
        out.print(f"  {command}", markup=False, style="cyan", soft_wrap=True)
        out.print(f"      [dim]{why}[/dim]")
    out.print(
        f"\nAll of it took {seconds_text(seconds)}. "
        f"The lake keeps running on {lake.server.endpoint_url}; stop it with: lake down"
    )


def document_of(demo: Demo) -> dict[str, Any]:
    """What a demo did, as one JSON value."""
    records = demo.records
    return {
        "pipeline": demo.pipeline.name,
        "sample": asdict(demo.sample),
        "engine": sorted({str(batch.run.engine) for batch in demo.batches if batch.run}),
        "files": len(records),
        "bytes": sum(file.bytes for file in records),
        "rows": rows_document(records),
        "gold": {table.table: asdict(table) for table in demo.verified},
        "gold_rows": sum(table.rows for table in demo.verified),
        "new_runs": demo.new_runs,
        "run_seconds": round(demo.run_seconds, 3),
        "notifications": [
            {"at": mail.at, "kind": mail.kind, "subject": mail.subject, "to": mail.to} for mail in demo.mails
        ],
        "batches": [outcome_document(batch) for batch in demo.batches],
        "top": demo.top.typed(),
        "seconds": round(demo.seconds, 3),
    }


def _draw(out: Console, lake: Lake, demo: Demo) -> None:
    out.print()
    shown = demo.records[:FILES_SHOWN]
    out.print(draw_rows(shown))
    if len(demo.records) > FILES_SHOWN:
        out.print(f"[dim]and {len(demo.records) - FILES_SHOWN} more files: lake files[/dim]")
    out.print()
    draw_answer(out, demo.top)
    if demo.new_runs:
        draw_stages(out, stages(demo.batches[-1]))
    out.print("\n[bold]What happened[/bold]")
    for line in _story(demo):
        out.print(Padding(line, (0, 0, 0, 2), expand=False))
    out.print("\n[bold]Try next[/bold]")
    for command, why in _next_steps(demo):
        out.print(f"  {command}", markup=False, style="cyan", soft_wrap=True)
        out.print(f"      [dim]{why}[/dim]")
    out.print(
        f"\nThe demo took {seconds_text(demo.seconds)}. "
        f"The lake keeps running on {lake.server.endpoint_url}; stop it with: lake down"
    )
    if shutil.which("lake") is None:
        out.print("To type just 'lake', run first: source .venv/bin/activate")


def _story(demo: Demo) -> list[str]:
    """What happened, in plain words."""
    records = demo.records
    files, size = count_text(len(records), "file"), bytes_text(sum(one.bytes for one in records))
    rows = count_text(sum(one.rows_in for one in records), "row")
    lines = []
    if any(batch.changed for batch in demo.batches):
        lines.append(f"{files} ({size}, {rows}) landed in bronze; S3 told the gate, which judged every row.")
        if bad := sum(one.rows_quarantined for one in records):
            reasons = counts_text(rows_document(records)["by_reason"])  # type: ignore[arg-type]
            lines.append(
                f"{count_text(bad, 'row')} broke the contract and lie in quarantine with the reason: {reasons}."
            )
    else:
        lines.append(f"The same {files} were uploaded again; the gate judged them and found nothing new.")
    last = demo.batches[-1].run
    if last and demo.new_runs:
        batches = "The batch was" if len(demo.batches) == 1 else f"{len(demo.batches)} batches were"
        runs = "one run" if demo.new_runs == 1 else f"{demo.new_runs} runs"
        lines.append(f"{batches} complete: {runs} committed silver and made gold on {last.engine}.")
    elif last:
        lines.append("So no run was started: gold still stands for these files.")
    for gold in demo.verified:
        lines.append(
            f"Gold {gold.table} has {count_text(gold.rows, 'row')}. Each equals an independent recomputation "
            "from the files, to the cent."
        )
        lines.append(f"Checksum of {gold.table}: [bold]{gold.checksum}[/bold]")
    if demo.mails:
        lines.append(f"People were told by {count_text(len(demo.mails), 'mail')}: lake notifications")
    return lines


def _next_steps(demo: Demo) -> list[tuple[str, str]]:
    sample, run, name = demo.sample, demo.batches[-1].run, demo.pipeline.name
    other = "spark" if run and run.engine == "duckdb" else "duckdb"
    usual = sample_of(demo.pipeline, SEED)
    changed = {"rows": sample.rows, "seed": sample.seed, "dirty": f"{sample.dirty:g}", "files": sample.files}
    normal = {"rows": usual.rows, "seed": usual.seed, "dirty": f"{usual.dirty:g}", "files": usual.files}
    again = f"lake demo {name}" + "".join(f" --{key} {value}" for key, value in changed.items() if value != normal[key])
    same = again + (f" --engine {demo.engine}" if demo.engine != CONTRACT else "")
    bad = "lake quarantine list" if sample.dirty else f"{again} --dirty 0.01 && lake quarantine list"
    steps = [
        (f"{again} --engine {other}", "the same SQL on the other engine: the same checksum"),
        (bad, "bad rows: refused, kept, explained"),
        (f"lake query 'select * from {demo.verified[0].table} limit 10'", "any SQL, through Athena's API"),
        ("lake queries", "the named queries of every pipeline"),
        ("lake status", "files, batches, runs and gold of every pipeline"),
    ]
    return [(same, "once more: the repeated upload changes nothing"), *steps] if demo.new_runs else steps
