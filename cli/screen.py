"""What a command shows. With `--json` standard output carries one JSON document and everything else is on standard
error; otherwise a person reads standard output. Bars move only on a terminal; elsewhere each becomes one short line."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from cli.text import safe, seconds_text

Advance = Callable[[int], None]
Tell = Callable[[str], None]
PLAIN_WIDTH = 120
"""Columns where standard output is no terminal: enough for a table's cells to stay whole."""


class Screen:
    """One command's output."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.err = _console(stderr=True)
        self.text = self.err if as_json else _console(stderr=False)

    def show(self, document: object, draw: Callable[[Console], None]) -> None:
        """The command's one result: the document with `--json`, else what `draw` prints of it."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=_jsonable) + "\n")
            sys.stdout.flush()
        else:
            draw(self.text)

    def say(self, message: str) -> None:
        """A line about what happened. May carry Rich markup."""
        self.text.print(message, highlight=False, soft_wrap=not self.text.is_terminal)

    @contextmanager
    def bar(self, doing: str, total: int, did: Callable[[int], str]) -> Iterator[Advance]:
        """A bar over a known amount. Afterwards one line stays: what `did` says of the amount, and the time."""
        started, done = time.monotonic(), 0
        with self._progress(TaskProgressColumn()) as progress:
            task = progress.add_task(safe(doing), total=total)

            def advance(amount: int) -> None:
                nonlocal done
                done += amount
                progress.update(task, completed=done)

            yield advance
        self.done(did(done), time.monotonic() - started)

    @contextmanager
    def waiting(self, title: str) -> Iterator[Tell]:
        """A bar that only says that work goes on; the function it gives changes its text."""
        with self._progress() as progress:
            task = progress.add_task(safe(title), total=None)
            yield lambda message: progress.update(task, description=message)

    def done(self, message: str, seconds: float | None = None) -> None:
        """A finished step, with its time."""
        took = f" [dim]{seconds_text(seconds)}[/dim]" if seconds is not None else ""
        self.say(f"[green]✓[/green] {escape(safe(message))}{took}")

    def warn(self, message: str) -> None:
        """Something a person should know, though the command goes on."""
        self.err.print(
            f"[yellow]![/yellow] {escape(safe(message))}", highlight=False, soft_wrap=not self.err.is_terminal
        )

    def _progress(self, *columns: TaskProgressColumn) -> Progress:
        return Progress(
            SpinnerColumn(style="cyan"),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            *columns,
            TimeElapsedColumn(),
            console=self.err,
            transient=True,
            disable=not self.err.is_terminal,
        )


def _console(stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal and console.width < PLAIN_WIDTH:
        console.width = PLAIN_WIDTH
    return console


def _jsonable(value: object) -> object:
    if isinstance(value, Decimal | Path):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"No JSON form for {type(value).__name__}")
