"""`lake generate`, `lake put`"""

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.errors import CliError
from cli.follow import follow
from cli.generators import Wanted, invoke
from cli.lake import known_pipeline, open_lake
from cli.places import place_for
from cli.report import draw_outcomes, outcome_document
from cli.samples import Generated, Sample, describe, make
from cli.screen import Screen
from cli.upload import Upload, upload
from lakehouse.contract.load import pipelines

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    app.command()(generate)
    app.command()(put)


def generate(
    pipeline: Annotated[str, typer.Argument(help="A pipeline with a generator.")],
    rows: Annotated[int | None, typer.Option(min=1, help="Rows in each file; else as pipeline.toml says.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The same seed gives the same bytes.")] = None,
    dirty: Annotated[float, typer.Option(min=0, max=1, help="Share of rows that break the contract.")] = 0.0,
    files: Annotated[int, typer.Option(min=1, help="Files of each dataset, one schedule's period apart.")] = 1,
    at: Annotated[datetime | None, typer.Option(help="Moment of the first file, UTC; else now.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the files to this folder instead of bronze.")] = None,
    json: Json = False,
) -> None:
    """Let a pipeline's generator function put sample files into bronze, as its schedule does; or write them to disk.

    Examples:

      lake generate PIPELINE --files 12 --dirty 0.01

      lake generate PIPELINE --rows 20000 --out sample
    """
    screen = Screen(json)
    if out is None:
        lake = open_lake()
        chosen = lake.pipeline(pipeline)
        moment = (at or datetime.now(UTC)).replace(tzinfo=UTC, microsecond=0)
        answers = invoke(lake, chosen, Wanted(rows, seed, dirty, files, moment), screen)
        screen.show(answers, lambda console: _draw_generated(console, answers))
        return
    chosen = known_pipeline(pipelines(), pipeline)
    usual = chosen.generator.rows if chosen.generator else 1000
    sample = Sample(chosen.name, rows or usual, 7 if seed is None else seed, dirty, files)
    made = make(chosen, sample, out.absolute(), screen)
    document = {
        "pipeline": chosen.name,
        "rows": sample.rows,
        "seed": sample.seed,
        "cached": made.cached,
        "seconds": round(made.seconds, 3),
        "files": [{"dataset": file.dataset, "file": str(file.path)} for file in made.files],
        "bytes": made.bytes,
    }
    screen.show(document, lambda console: _draw_made(console, made))


def _draw_generated(out: Console, answers: list[dict[str, Any]]) -> None:
    for answer in answers:
        for key in answer["keys"]:
            out.print(key, markup=False, soft_wrap=True)
    out.print("\n[dim]What becomes of them:[/dim] lake files   and   lake runs")


def _draw_made(out: Console, made: Generated) -> None:
    again = " (made before)" if made.cached else ""
    out.print(f"{describe(made)}{again} in {made.folder}", markup=False, soft_wrap=True)
    out.print(f"Next: lake put {shlex.join(str(file.path) for file in made.files)}", markup=False, soft_wrap=True)


def put(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Files to upload.")],
    pipeline: Annotated[str | None, typer.Option("--pipeline", "-p", help="Where the name does not tell.")] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", "-d", help="Where the name does not tell.")] = None,
    batch: Annotated[str | None, typer.Option("--batch", "-b", help="Files of a batch belong together.")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the files to the published gold.")] = True,
    json: Json = False,
) -> None:
    """Upload files to the bronze place that their names say, and follow them through gate and run.

    Exit code 1 when a file is refused or a run fails. The same content again changes nothing and starts nothing.

    Examples:

      lake put users.json events.json orders.json

      lake put part-1.csv.gz --dataset NAME --batch 2026-01-31
    """
    screen = Screen(json)
    missing = [str(path) for path in files if not path.is_file()]
    if missing:
        raise CliError(f"No such file: {', '.join(missing)}")
    lake = open_lake()
    uploads = [Upload(path, place_for(path.absolute(), lake.pipelines, pipeline, dataset, batch)) for path in files]
    keys = [one.place.key for one in uploads]
    if len(set(keys)) < len(keys):
        raise CliError(f"Two of the files go to the same place: {', '.join(sorted(keys))}", "Rename one of them")
    sent = [upload(lake, one, screen) for one in uploads]
    if not wait:
        document = [{"file": str(one.path), "key": one.place.key, "version_id": one.version_id} for one in sent]
        screen.show(document, lambda out: screen.say("[dim]Not waiting. See what became of them:[/dim] lake files"))
        return
    outcomes = follow(lake, sent, screen)
    screen.show([outcome_document(one) for one in outcomes], lambda out: draw_outcomes(out, outcomes))
    if not all(one.good for one in outcomes):
        raise typer.Exit(1)
