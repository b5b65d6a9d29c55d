"""`lake demo`"""

import shutil
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.padding import Padding

from cli.commands.query import draw as draw_answer
from cli.demo import CONTRACT, Demo, demo_pipeline, run_demo
from cli.lake import Lake
from cli.report import draw_rows, draw_stages, outcome_document, stages
from cli.samples import Sample
from cli.screen import Screen
from cli.text import bytes_text, count_text, seconds_text
from cli.up import bring_up

SEED = 7


class Engine(StrEnum):
    """What may execute the SQL of gold."""

    contract = CONTRACT
    spark = "spark"
    duckdb = "duckdb"
    auto = "auto"


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    pipeline: Annotated[str | None, typer.Argument(help="A folder in pipelines/ that has a generate.py.")] = None,
    rows: Annotated[int, typer.Option(min=1, help="Rows in each file.")] = 1_000_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = SEED,
    dirty: Annotated[float, typer.Option(min=0, max=1, help="Share of rows that break the contract.")] = 0.0,
    engine: Annotated[Engine, typer.Option(help="What executes the SQL; 'contract': as pipeline.toml says.")] = (
        Engine.contract
    ),
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Run a pipeline whole: start the lake, make sample files, upload them, follow the run, check every row of gold.

    A second demo with the same files shows that a repeated upload changes nothing; other rows or another seed are a
    correction of the same files.

    Examples:

      lake demo

      lake demo --rows 20000 --engine duckdb --json
    """
    screen = Screen(json)
    lake = bring_up(screen)
    chosen = demo_pipeline(lake.pipelines, pipeline)
    found = run_demo(lake, chosen, Sample(chosen.name, rows, seed, dirty), engine.value, screen)
    screen.show(_document(found), lambda out: _draw(out, lake, found))


def _document(demo: Demo) -> dict[str, Any]:
    return {
        **outcome_document(demo.outcome),
        "sample": asdict(demo.sample),
        "new_run": demo.new_run,
        "engine": demo.outcome.run.engine if demo.outcome.run else None,
        "gold": asdict(demo.verified),
        "top": demo.top.typed(),
        "seconds": round(demo.seconds, 3),
    }


def _draw(out: Console, lake: Lake, demo: Demo) -> None:
    out.print()
    out.print(draw_rows([file.record for file in demo.outcome.files]))
    out.print()
    draw_answer(out, demo.top)
    if demo.new_run:
        draw_stages(out, stages(demo.outcome))
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
    outcome, run = demo.outcome, demo.outcome.run
    records = [file.record for file in outcome.files]
    files, size = count_text(len(records), "file"), bytes_text(sum(one.bytes for one in records))
    rows = count_text(sum(one.rows_in for one in records), "row")
    lines = []
    if outcome.changed:
        lines.append(f"{files} ({size}, {rows}) landed in bronze; S3 told the gate, which judged every row.")
        if bad := sum(one.rows_quarantined for one in records):
            lines.append(f"{count_text(bad, 'row')} broke the contract and lie in quarantine with the reason.")
    else:
        lines.append(f"The same {files} were uploaded again; the gate judged them and found nothing new.")
    if run and demo.new_run:
        lines.append(f"The batch was complete: one run committed silver and made gold on {run.engine}.")
    elif run:
        lines.append("So no run was started: gold still stands for these files.")
    gold = demo.verified
    lines.append(
        f"Gold {gold.table} has {count_text(gold.rows, 'row')}. Each equals an independent recomputation "
        "from the files, to the cent."
    )
    lines.append(f"Gold's checksum: [bold]{gold.checksum}[/bold]")
    return lines


def _next_steps(demo: Demo) -> list[tuple[str, str]]:
    sample, run = demo.sample, demo.outcome.run
    other = "spark" if run and run.engine == "duckdb" else "duckdb"
    again = f"lake demo {sample.pipeline} --rows {sample.rows}" + (
        f" --seed {sample.seed}" if sample.seed != SEED else ""
    )
    dirty = f" --dirty {sample.dirty:g}" if sample.dirty else ""
    same = again + dirty + (f" --engine {demo.engine}" if demo.engine != CONTRACT else "")
    bad = "lake quarantine list" if dirty else f"{again} --dirty 0.01 && lake quarantine list"
    steps = [
        (f"{again}{dirty} --engine {other}", "the same SQL on the other engine: the same checksum"),
        (bad, "bad rows: refused, kept, explained"),
        (f"lake query 'select * from {demo.verified.table} limit 10'", "any SQL, through Athena's API"),
        ("lake status", "files, batches, runs and gold of every pipeline"),
    ]
    return [(same, "once more: the repeated upload changes nothing"), *steps] if demo.new_run else steps
