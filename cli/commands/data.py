"""`lake generate`, `lake put`"""

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli.errors import CliError
from cli.follow import follow
from cli.home import Home
from cli.lake import known_pipeline, open_lake
from cli.places import place_for
from cli.report import draw_outcomes, outcome_document
from cli.samples import Sample, describe, make
from cli.screen import Screen
from cli.upload import Upload, upload
from lakehouse.contract.load import pipelines

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    app.command()(generate)
    app.command()(put)


def generate(
    pipeline: Annotated[str, typer.Argument(help="A folder in pipelines/ that has a generate.py.")],
    rows: Annotated[int, typer.Option(min=1, help="Rows in each file.")] = 1_000_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 7,
    dirty: Annotated[float, typer.Option(min=0, max=1, help="Share of rows that break the contract.")] = 0.0,
    out: Annotated[Path | None, typer.Option(help="Folder for the files; .lake/data/… by default.")] = None,
    json: Json = False,
) -> None:
    """Make sample files for a pipeline. Made once: the same arguments find them again.

    Example: lake generate PIPELINE --rows 20000 --dirty 0.01 --out /tmp/sample
    """
    screen = Screen(json)
    chosen = known_pipeline(pipelines(), pipeline)
    sample = Sample(chosen.name, rows, seed, dirty)
    folder = (out or Home.find().data / sample.name).absolute()
    made = make(chosen, sample, folder, screen)
    document = {
        "pipeline": chosen.name,
        "rows": rows,
        "seed": seed,
        "cached": made.cached,
        "seconds": round(made.seconds, 3),
        "files": {name: str(path) for name, path in made.files.items()},
        "bytes": made.bytes,
    }

    def draw(out: Console) -> None:
        out.print(
            f"{describe(made)}{' (made before)' if made.cached else ''} in {folder}", markup=False, soft_wrap=True
        )
        out.print(f"Next: lake put {shlex.join(map(str, made.files.values()))}", markup=False, soft_wrap=True)

    screen.show(document, draw)


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
