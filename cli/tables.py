"""How a table looks: no box around it, right-aligned figures, nothing that matters cut off."""

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from cli.text import safe

STATUS_STYLES = {
    "accepted": "green",
    "published": "green",
    "complete": "green",
    "refused": "red",
    "failed": "red",
    "superseded": "dim",
    "started": "cyan",
    "committed": "cyan",
    "gold_written": "cyan",
    "incomplete": "yellow",
}


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> Table:
    """A table of plain values. A column whose name begins with `>` is right-aligned and never wrapped; one that begins
    with `!` is never wrapped."""
    made = Table(
        show_header=any(name.strip(">!") for name in columns),
        title=title or None,
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for name in columns:
        right = name.startswith(">")
        made.add_column(
            name.lstrip(">!"),
            justify="right" if right else "left",
            no_wrap=right or name.startswith("!"),
            overflow="fold",
            header_style="dim",
        )
    for row in rows:
        made.add_row(*(cell(value) for value in row))
    return made


def cell(value: object) -> Text:
    """A value as text; markup in it stays text. Numbers with thousands separators, a dash for none."""
    if isinstance(value, Text):
        return value
    if value is None:
        return Text("–", style="dim")
    if isinstance(value, int) and not isinstance(value, bool):
        return Text(f"{value:,}")
    return Text(safe(str(value)), style=STATUS_STYLES.get(str(value), ""))
