"""`lake up`, `lake down`"""

import time
from typing import Annotated

import typer
from rich.console import Console

from cli import daemon
from cli.home import Home, Server
from cli.lake import Lake
from cli.screen import Screen
from cli.text import seconds_text
from cli.up import bring_up

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    app.command()(up)
    app.command()(down)


def up(json: Json = False) -> None:
    """Start the embedded AWS in the background and deploy the lake into it. Safe to repeat.

    It listens on 127.0.0.1:4566 (another port: LAKE_PORT) and keeps its state in .lake/ (another folder: LAKE_HOME).

    Example: LAKE_PORT=4577 lake up
    """
    screen = Screen(json)
    lake = bring_up(screen)
    document = {
        "endpoint_url": lake.server.endpoint_url,
        "pid": lake.server.pid,
        "home": str(lake.home.path),
        "region": lake.region,
        "outputs": dict(lake.outputs),
    }
    screen.show(document, lambda out: _draw_up(out, lake))


def _draw_up(out: Console, lake: Lake) -> None:
    env = f"{lake.home.show()}/env"
    for name, value in (
        ("Endpoint", lake.server.endpoint_url),
        ("Bucket", lake.settings.bucket),
        ("State", f"{lake.home.show()}/ (survives a restart)"),
        ("Your tools", f"source {env} && aws s3 ls s3://{lake.settings.bucket}/   (any AWS CLI, boto3, DuckDB)"),
        ("Next", "lake demo   or   lake put FILE…   or   lake status"),
        ("Stop", "lake down"),
    ):
        out.print(f"  [dim]{name:11}[/dim]{value}", highlight=False, soft_wrap=True)


def down(json: Json = False) -> None:
    """Stop the embedded AWS; its state stays in .lake/. Safe to repeat.

    Example: lake down
    """
    screen = Screen(json)
    home = Home.find()
    started = time.monotonic()
    with screen.waiting("Stopping: jobs end, state is saved"):
        stopped = daemon.stop(home)
    seconds = time.monotonic() - started
    document = {"stopped": stopped is not None, "pid": stopped.pid if stopped else None, "seconds": round(seconds, 2)}
    screen.show(document, lambda out: _draw_down(out, home, stopped, seconds))


def _draw_down(out: Console, home: Home, stopped: Server | None, seconds: float) -> None:
    if stopped is None:
        out.print(f"Nothing runs in {home.show()}/")
        return
    out.print(f"[green]✓[/green] Stopped [dim]{seconds_text(seconds)}[/dim]. State is kept in {home.show()}/")
