"""`lake replay`"""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.commands.demo import Engine
from cli.demo import CONTRACT
from cli.ending import await_execution
from cli.errors import CliError
from cli.follow import await_batch
from cli.lake import Lake, open_lake
from cli.screen import Screen
from cli.tables import table
from cli.text import seconds_between, seconds_text
from lakehouse.contract.model import Pipeline
from lakehouse.ledger.items import RunRecord
from lakehouse.repair.find import find_batch
from lakehouse.repair.replay import KEEP, Replayable, Workflows, look, replay

WOULD = {
    "absent": "there is no such batch",
    "incomplete": "the batch is incomplete",
    "running": "its run is still running",
    "unstarted": "its run was never started: it is started now",
    "ended": "one more run of what the batch holds is started",
}
WantedEngine = Annotated[
    Engine | None,
    typer.Option(help="What executes the SQL from now on; 'contract': as pipeline.toml says. Else as before."),
]


def register(app: typer.Typer) -> None:
    app.command("replay")(replay_batch)


def replay_batch(
    what: Annotated[
        str, typer.Argument(metavar="RUN|PIPELINE/BATCH", help="A run's id, or its beginning; or a batch.")
    ],
    engine: WantedEngine = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the run to its end.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Ask for one more run of what a batch holds now: after a failed or stuck run, or to make its gold again.

    A batch that is incomplete or whose run is still running is left alone: exit code 1. Gold that stands already is
    made again equal.

    Examples:

      lake replay PIPELINE/2026-01-31

      lake replay RUN --engine duckdb
    """
    screen = Screen(json)
    lake = open_lake()
    workflows = workflows_of(lake)
    pipeline, batch = find_batch(what, lake.pipelines, lake.ledger)
    found = look(pipeline, batch, lake.ledger, workflows)
    document: dict[str, Any] = {
        "pipeline": pipeline.name,
        "batch": batch,
        "standing": found.standing,
        "missing": list(found.missing),
        "started": None,
        "run": None,
    }
    if dry_run:
        screen.show(document, lambda out: out.print(f"{pipeline.name}/{batch}: {WOULD[found.standing]}", markup=False))
        return
    if not found.able:
        raise CliError(*why_not(pipeline, batch, found))
    run = replay(pipeline, found, lake.ledger, workflows, chosen_engine(engine))
    document["started"] = run.run_id if run else None
    if run is None or not wait:
        screen.show(document, lambda out: out.print(f"Started {document['started']}: lake runs", markup=False))
        return
    ended = _follow(lake, pipeline, batch, screen)
    document["run"] = asdict(ended)
    screen.show(document, lambda out: draw_runs(out, [ended]))
    if ended.status == "failed":
        raise typer.Exit(1)


def _follow(lake: Lake, pipeline: Pipeline, batch: str, screen: Screen) -> RunRecord:
    outcome = await_batch(lake, pipeline.name, batch, screen)
    if outcome.run is None:
        raise CliError(f"Batch '{batch}' waits for {', '.join(outcome.missing)} again", "lake status")
    if outcome.run.status == "published":
        await_execution(lake, outcome.run, screen)
    return outcome.run


def workflows_of(lake: Lake) -> Workflows:
    """The lake's workflows, as the operator."""
    return Workflows(lake.client("stepfunctions"), lake.settings.state_machine_arn_prefix)


def chosen_engine(engine: Engine | None) -> str | None:
    """As `lakehouse.repair.replay.replay` wants it."""
    if engine is None:
        return KEEP
    return None if engine.value == CONTRACT else engine.value


def why_not(pipeline: Pipeline, batch: str, found: Replayable) -> tuple[str, str]:
    """Why a batch cannot be run anew now, and the next step."""
    named = f"{pipeline.name}/{batch}"
    if found.standing == "incomplete":
        return f"{named} is incomplete: it waits for {', '.join(found.missing)}. Nothing was changed", "lake put FILE"
    if found.standing == "running":
        run_id = found.run.run_id if found.run else "unknown"
        return f"The run of {named} is still running: {run_id}. Nothing was changed", "lake runs"
    return f"There is no batch {named}", "lake status"


def draw_runs(out: Console, runs: list[RunRecord]) -> None:
    """A line a run, and below them why those that failed did."""
    rows = (
        (run.batch, run.status, run.engine, _took(run), sum(one.rows for one in run.gold.values()) or None)
        for run in runs
    )
    out.print(table(("batch", "!status", "!engine", ">seconds", ">gold rows"), rows))
    for run in runs:
        if run.error:
            out.print(f"{run.run_id}: {run.error}", markup=False)


def _took(run: RunRecord) -> str | None:
    seconds = seconds_between(run.started_at, run.published_at)
    return None if seconds is None else seconds_text(seconds)
