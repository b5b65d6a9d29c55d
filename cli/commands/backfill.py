"""`lake backfill`"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.backfill import BatchResult, Range, judge_range, look_at, needs_workflow, run_batches
from cli.commands.demo import Engine
from cli.commands.replay import chosen_engine, workflows_of
from cli.consent import ask_before
from cli.errors import CliError
from cli.lake import Lake, open_lake, session
from cli.release import released_document
from cli.screen import Screen
from cli.spark_submit import SparkSubmit
from cli.tables import table
from cli.text import count_text, seconds_text
from lakehouse.repair.backfill import Days
from lakehouse.repair.judge_again import Released
from lakehouse.repair.replay import KEEP, Workflows


def register(app: typer.Typer) -> None:
    app.command()(backfill)


def backfill(
    pipeline: Annotated[str, typer.Argument(help="Whose batches are made again.")],
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day, UTC.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, UTC; it is in the range.")],
    engine: Annotated[Engine | None, typer.Option(help="What executes the SQL from now on; else as before.")] = None,
    spark_submit: Annotated[bool, typer.Option("--spark-submit", help="Make gold by spark-submit, here.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, however many there are.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make a range of days again: judge files anew whose contract has changed, then run their batches, two at a time.

    A batch that is named by a day belongs to that day, any other to the days on which its files were stored. Gold
    without partitions is a function of all silver, so one run of the last batch makes it again. Exit code 1 when a file
    that was accepted is refused now, or a run fails.

    Examples:

      lake backfill PIPELINE --from 2026-01-01 --to 2026-01-31 --dry-run

      lake backfill PIPELINE --from 2026-01-31 --to 2026-01-31 --spark-submit
    """
    screen = Screen(json)
    days = Days(first.date(), last.date())
    if days.last < days.first:
        raise CliError(f"--to {days.last} lies before --from {days.first}")
    if spark_submit and engine is not None:
        raise CliError("--spark-submit is an engine of its own: say one of --engine and --spark-submit")
    lake = open_lake()
    workflows = workflows_of(lake)
    before = look_at(lake, lake.pipeline(pipeline), days, workflows)
    if dry_run or not before.batches:
        screen.show(before.document(), lambda out: _draw_plan(out, before))
        return
    files, runs = len(before.to_judge), len(before.runs)
    ask_before(files + runs, f"judge {count_text(files, 'file')} anew and make {count_text(runs, 'run')}", yes)
    released = judge_range(lake, before, screen)
    after = look_at(lake, before.pipeline, days, workflows)
    results = _make(lake, before, after, workflows, spark_submit, chosen_engine(engine), screen)
    results.sort(key=lambda one: list(after.batches).index(one.batch))
    document = {
        **before.document(),
        "judged": [released_document(one) for one in released],
        "results": [one.document() for one in results],
    }
    screen.show(document, lambda out: _draw(out, after, released, results))
    worse = [one for one in released if (one.before.file.verdict, one.after.verdict) == ("accepted", "refused")]
    if worse or any(one.run.status == "failed" for one in results):
        raise typer.Exit(1)


def _make(
    lake: Lake,
    before: Range,
    after: Range,
    workflows: Workflows,
    spark_submit: bool,
    engine: str | None,
    screen: Screen,
) -> list[BatchResult]:
    """The runs, in the order in which they ended."""
    if not spark_submit:
        return list(run_batches(lake, before, _together(before, after), workflows, engine, screen))
    first = needs_workflow(before, after)
    made = list(run_batches(lake, before, first, workflows, KEEP, screen))
    keys = session(lake.home, lake.region, "admin")
    submit = SparkSubmit(keys, lake.settings, lake.server.endpoint_url, quiet=True)
    well = {one.batch for one in made if one.run.status != "failed"} | after.ended_well
    for batch in (one for one in after.makers if one in well):
        with screen.waiting(f"spark-submit makes gold of {before.pipeline.name}, batch {batch}"):
            made.append(BatchResult(batch, submit.run(before.pipeline, batch), "spark-submit"))
    return made


def _together(before: Range, after: Range) -> list[str]:
    """Batches that get a run, in order: those of the plan that are complete still, and those that have become so."""
    wanted = {*before.runs, *after.runs}
    return [batch for batch in after.complete if batch in wanted]


def _draw_plan(out: Console, found: Range) -> None:
    days = f"{found.days.first} to {found.days.last}"
    if not found.batches:
        out.print(f"{found.pipeline.name} has no batch from {days}", markup=False)
        return
    rows = [
        (
            batch,
            len(one.state.slots),
            sum(1 for judged in found.to_judge if judged.slot.batch == batch),
            f"waits for {', '.join(one.missing)}" if one.missing else "one run" if batch in found.runs else "none",
        )
        for batch, one in found.batches.items()
    ]
    out.print(table(("batch", ">files", ">to judge anew", "run"), rows, f"{found.pipeline.name}, {days}"))


def _draw(out: Console, found: Range, released: Sequence[Released], results: Sequence[BatchResult]) -> None:
    documents: list[dict[str, Any]] = [one.document() for one in results]
    rows = [
        (
            one["batch"],
            sum(1 for file in released if file.after.batch == one["batch"]),
            one["status"],
            one["engine"] if one["by"] == "workflow" else one["by"],
            None if one["seconds"] is None else seconds_text(one["seconds"]),
            one["gold_rows"],
        )
        for one in documents
    ]
    out.print(table(("batch", ">judged anew", "!status", "!engine", ">seconds", ">gold rows"), rows))
    for one in documents:
        if one["error"]:
            out.print(f"{one['run_id']}: {one['error']}", markup=False)
    for file in released:
        if file.after.verdict == "refused":
            out.print(f"Refused: {file.after.key}: {file.after.message or file.after.reason}", markup=False)
    for batch, state in found.batches.items():
        if state.missing:
            out.print(f"{batch} is incomplete: it waits for {', '.join(state.missing)}", markup=False)
