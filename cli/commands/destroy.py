"""`lake destroy`"""

import sys
import time
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.deployment import event_line
from cli.environment import place_of
from cli.errors import CliError
from cli.screen import Screen
from cli.tables import table
from cli.text import bytes_text, count_text
from cli.up import forget_stack
from deploy.config import load_config
from deploy.destroy import KEY_WAITS_DAYS
from deploy.destroy import destroy as remove
from deploy.remains import BUCKET, KEY, TABLE, Kept, Remains, find_remains

_THINGS = {BUCKET: "version", TABLE: "item"}


def register(app: typer.Typer) -> None:
    app.command()(destroy)


def destroy(
    env: Annotated[str, typer.Option(help="Environment: a file in config/ (local, aws).")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Remove what deployments of an environment have made, all data included, and nothing else.

    It shows what is there, and asks for the prefix to be typed. Safe to repeat: after a failure it goes on. Exit code
    1 where something is left.

    Examples:

      lake destroy --env aws --dry-run

      lake destroy --env aws
    """
    screen, config = Screen(json), load_config(env)
    started = time.monotonic()
    with place_of(config) as place:
        screen.say(f"  Account {place.account}, {place.region}, as {place.caller}")
        with screen.waiting("Looking for what is there"):
            found = find_remains(place.client, config.prefix, place.account)
        document = {"account": place.account, "region": place.region, "found": _as_json(found), "dry_run": dry_run}
        if found.nothing or dry_run:
            screen.show(document, lambda out: _draw(out, found))
            return
        if not yes:
            _draw(screen.err, found)
            _ask(config.prefix)
        with screen.waiting("Removing") as say:
            left = remove(place.client, found, place.account, say=say, tell=lambda event: event_line(screen, event))
        if place.local:
            forget_stack(place.local[0])
    seconds = time.monotonic() - started
    screen.show(document | {"left": _as_json(left)}, lambda out: _draw_done(out, found, left, seconds))
    if not left.nothing:
        raise typer.Exit(1)


def _ask(prefix: str) -> None:
    if not sys.stdin.isatty():
        raise CliError("This removes all of it for good, and there is nobody to ask", "Read it, then say --yes")
    if (
        typer.prompt(f"Type '{prefix}' to remove all of it for good", default="", show_default=False, err=True)
        != prefix
    ):
        raise CliError("Nothing was changed")


def _as_json(found: Remains) -> dict[str, Any]:
    return {
        "stack": found.stack if found.stack_id else None,
        "resources": len(found.resources),
        "kept": [vars(one) for one in found.kept],
        "log_groups": [vars(one) for one in found.log_groups],
        "log_streams": len(found.log_streams),
        "foreign": list(found.foreign),
    }


def _draw(out: Console, found: Remains) -> None:
    if found.nothing:
        out.print(f"Nothing of '{found.stack}' is there.")
    else:
        out.print(table(("!what", "name", ">holds", ">size"), _rows(found)))
    for bucket in found.foreign:
        out.print(f"[yellow]![/yellow] Bucket {bucket} was made by nobody's lake deploy: it stays", highlight=False)


def _rows(found: Remains) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    if found.stack_id:
        rows.append(("stack", found.stack, count_text(len(found.resources), "resource"), None))
    rows += [_kept_row(one) for one in found.kept]
    if found.log_groups:
        size_bytes = sum(one.size_bytes for one in found.log_groups)
        rows.append(
            (
                "log groups",
                "of functions, jobs, crawlers",
                count_text(len(found.log_groups), "group"),
                bytes_text(size_bytes),
            )
        )
    if found.log_streams:
        size_bytes = sum(one.size_bytes for one in found.log_streams)
        held = count_text(len(found.log_streams), "stream")
        rows.append(("log streams", "of jobs and crawlers", held, bytes_text(size_bytes)))
    return rows


def _kept_row(one: Kept) -> tuple[object, ...]:
    what = one.type.split("::")[-1].lower()
    if one.type not in _THINGS:
        return what, one.name, f"ends in {KEY_WAITS_DAYS} days" if one.type == KEY else None, None
    return what, one.name, count_text(one.things, _THINGS[one.type]), bytes_text(one.size_bytes)


def _draw_done(out: Console, found: Remains, left: Remains, seconds: float) -> None:
    keys = [one.name for one in found.kept if one.type == KEY]
    for key in keys:
        out.print(
            f"  Key {key} ends in {KEY_WAITS_DAYS} days. Until then: aws kms cancel-key-deletion --key-id {key}",
            soft_wrap=True,
        )
    if left.nothing:
        out.print(f"[green]✓[/green] Nothing of '{found.stack}' is left [dim]{seconds:.0f} s[/dim]")
        return
    out.print("[red]Still there[/red], repeat the command:")
    _draw(out, left)
