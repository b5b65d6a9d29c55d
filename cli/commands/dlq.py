"""`lake dlq list`, `lake dlq redrive`"""

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from cli.consent import ask_before
from cli.lake import Lake, open_lake
from cli.screen import Screen
from cli.tables import table
from cli.text import count_text, printable, short_moment
from lakehouse.repair.dead_letters import DeadLetter
from lakehouse.repair.queues import DeadLetterQueues, QueueLook, Redriven


class Queue(StrEnum):
    """A queue of dead letters: `lakehouse.repair.dead_letters.QUEUES`."""

    intake = "intake"
    events = "events"
    functions = "functions"


Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many messages of each queue.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Messages that nobody works on any more, and giving them back.", no_args_is_help=True)
    group.command("list")(list_letters)
    group.command("redrive")(redrive)
    app.add_typer(group, name="dlq")


def list_letters(limit: Limit = 100, json: Json = False) -> None:
    """List dead letters: files that the gate failed on, events that could not be delivered, functions that failed.

    Example: lake dlq list
    """
    screen = Screen(json)
    queues = queues_of(open_lake())
    found = [queues.look(queue.value, limit) for queue in Queue]
    document = [{**asdict(one), "oldest_at": one.letters[0].sent_at if one.letters else None} for one in found]
    screen.show(document, lambda out: _draw(out, found))


def redrive(
    queue: Annotated[Queue | None, typer.Argument(help="Only this queue.")] = None,
    limit: Limit = 1000,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, however many there are.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    json: Json = False,
) -> None:
    """Give dead letters back to where they came from: to the gate, or to the function that failed.

    Mend the cause first: what fails again comes back here. A message is deleted only after it was handed over; handed
    over twice it does no harm. Exit code 1 where a message has no place to go back to: it stays.

    Examples:

      lake dlq redrive --dry-run

      lake dlq redrive functions --limit 5
    """
    screen = Screen(json)
    queues = queues_of(open_lake())
    chosen = [queue] if queue else list(Queue)
    if dry_run:
        looks = [queues.look(one.value, limit) for one in chosen]
        letters = [letter for one in looks for letter in one.letters]
        screen.show([asdict(letter) for letter in letters], lambda out: _draw_letters(out, letters))
        return
    counted = sum(min(limit, queues.count(one.value)) for one in chosen)
    ask_before(counted, f"give back about {count_text(counted, 'message')}", yes)
    done = [found for one in chosen for found in queues.redrive(one.value, limit)]
    document = [{**asdict(one.letter), "handed_over": one.handed_over} for one in done]
    screen.show(document, lambda out: _draw_done(out, done))
    if not all(one.handed_over for one in done):
        raise typer.Exit(1)


def queues_of(lake: Lake) -> DeadLetterQueues:
    """The lake's queues of dead letters, as the operator."""
    return DeadLetterQueues(lake.client("sqs"), lake.client("lambda"), lake.prefix)


def _draw(out: Console, found: list[QueueLook]) -> None:
    rows = ((one.queue, one.count, short_moment(one.letters[0].sent_at if one.letters else None)) for one in found)
    out.print(table(("queue", ">messages", "!oldest (UTC)"), rows))
    letters = [letter for one in found for letter in one.letters]
    if letters:
        out.print()
        _draw_letters(out, letters)
        out.print("\n[dim]Mend the cause, then:[/dim] lake dlq redrive")


def _draw_letters(out: Console, letters: list[DeadLetter]) -> None:
    """A line a message; below them what each is about."""
    if not letters:
        out.print("No dead letters")
        return
    rows = (
        (letter.message_id[:8], letter.queue, short_moment(letter.sent_at), letter.kind, letter.error or None)
        for letter in letters
    )
    out.print(table(("!message", "!queue", "!sent (UTC)", "what", "error"), rows))
    for letter in letters:
        goes = f" → {letter.goes_to}" if letter.goes_to else f" stays: {letter.why_not}"
        out.print(f"[dim]{letter.message_id[:8]}[/dim]  ", end="")
        out.print(printable(f"{letter.about or letter.kind}{goes}".encode()), markup=False)


def _draw_done(out: Console, done: list[Redriven]) -> None:
    given = sum(one.handed_over for one in done)
    out.print(f"{count_text(given, 'message')} given back")
    for one in done:
        if not one.handed_over:
            out.print(f"{one.letter.queue} {one.letter.message_id} stays: {one.letter.why_not}", markup=False)
    if given:
        out.print("[dim]What becomes of them:[/dim] lake dlq list   and   lake files")
