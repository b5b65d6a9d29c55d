"""`lake forget`"""

import sys
import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.prompt import Confirm

from cli.errors import CliError
from cli.forget import caller, forgetter, seeds_naming
from cli.lake import open_lake
from cli.screen import Screen
from cli.tables import table
from cli.text import count_text, printable
from lakehouse.erase.forget import Forgotten, Search
from lakehouse.erase.survey import ELSEWHERE, Hit, Survey

SHOWN_HITS = 20


def register(app: typer.Typer) -> None:
    app.command()(forget)


def forget(
    pipeline: Annotated[str, typer.Argument(help="The pipeline whose contract says whose rows are whose.")],
    key: Annotated[str, typer.Option("--key", help="The person, as the contract's column `person` names them.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Remove a person from bronze, silver, quarantine, gold and logs, for good, and prove it.

    Other people's records stay as they are, byte for byte. Older versions of the tables cannot be read any more. Safe
    to repeat: after a failure it goes on. Exit code 1 where anything still speaks of the person.

    Examples:

      lake forget PIPELINE --key u_17 --dry-run

      lake forget PIPELINE --key u_17 --yes
    """
    screen = Screen(json)
    lake = open_lake()
    chosen = lake.pipeline(pipeline)
    with screen.waiting("Looking through everything that is stored") as tell:
        found = (work := forgetter(lake, chosen, key, screen, tell)).search()
    seeds = seeds_naming(chosen, work.person)
    document = _found(found) | {"pipeline": pipeline, "seeds": seeds, "dry_run": dry_run}
    if found.nothing or dry_run:
        screen.show(document, lambda out: _draw_found(out, found, seeds))
        raise typer.Exit(1 if seeds and not dry_run else 0)
    if not yes:
        _draw_found(screen.err, found, seeds)
        _ask(screen, found)
    started = time.monotonic()
    with screen.waiting("Forgetting") as tell:
        done = forgetter(lake, chosen, key, screen, tell).forget(found, caller(lake))
    seconds = time.monotonic() - started
    document |= _done(done, seconds)
    screen.show(document, lambda out: _draw_done(out, done, seeds, seconds))
    if done.left or seeds:
        raise typer.Exit(1)


def _ask(screen: Screen, found: Search) -> None:
    if not sys.stdin.isatty():
        raise CliError(
            f"This removes {count_text(sum(found.records.values()), 'record')} for good", "Ask for it with --yes"
        )
    if not Confirm.ask("Remove all of it for good?", console=screen.err, default=False):
        raise CliError("Nothing was changed")


def _found(found: Search) -> dict[str, Any]:
    objects = [
        {
            "key": one.place.key,
            "batch": one.place.batch,
            "versions": len(one.held),
            "newest": one.newest.version_id in one.held,
        }
        for one in found.objects
    ]
    return {"records": found.records, "bronze": objects, "found": found.survey.by_place()}


def _done(done: Forgotten, seconds: float) -> dict[str, Any]:
    return {
        "erasure_id": done.erasure_id,
        "removed": done.removed,
        "proof": done.proof.by_place(),
        "left": [{"place": hit.place, "name": hit.name} for hit in done.left],
        "seconds": round(seconds, 3),
    }


def _draw_found(out: Console, found: Search, seeds: list[str]) -> None:
    if found.nothing:
        out.print("Nothing that is stored speaks of this person.")
    for dataset, count in sorted(found.records.items()):
        out.print(f"{count_text(count, 'record')} in bronze of {dataset}, all versions counted")
    _draw_survey(out, found.survey)
    _draw_seeds(out, seeds)


def _draw_survey(out: Console, survey: Survey) -> None:
    rows = ((row["place"], row["scanned"], row["bytes"], row["hits"]) for row in survey.by_place())
    out.print(table(("!place", ">looked through", ">bytes", ">speak of the person"), rows))
    if any(hit.place == ELSEWHERE for hit in survey.hits):
        out.print(f"[dim]{ELSEWHERE}: the value may be somebody else there; ask their own lake forget[/dim]")


def _draw_done(out: Console, done: Forgotten, seeds: list[str], seconds: float) -> None:
    removed = ((place, count) for place, count in sorted(done.removed.items()))
    out.print(table(("!removed from", ">things"), removed))
    out.print()
    _draw_survey(out, done.proof)
    _draw_left(out, done.left)
    _draw_seeds(out, seeds)
    if not done.left:
        out.print(f"[green]✓[/green] Forgotten and proven [dim]{seconds:.1f} s[/dim]: erasure {done.erasure_id}")


def _draw_left(out: Console, left: tuple[Hit, ...]) -> None:
    for hit in left[:SHOWN_HITS]:
        out.print(f"[red]still there[/red] {hit.place}: ", end="")
        out.print(printable(hit.name.encode()), markup=False)
    if len(left) > SHOWN_HITS:
        out.print(f"… and {len(left) - SHOWN_HITS:,} more; all of them with --json")


def _draw_seeds(out: Console, seeds: list[str]) -> None:
    for seed in seeds:
        out.print(f"[yellow]![/yellow] {seed} names the person: take the line out, then lake up", highlight=False)
