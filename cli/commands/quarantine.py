"""`lake quarantine list`, `lake quarantine show`"""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.commands.look import Json, Limit, Pipeline, chosen, draw_files, newest
from cli.errors import CliError
from cli.lake import open_lake
from cli.quarantine import Exhibit, find_file, original, refused_rows
from cli.screen import Screen
from cli.text import counts_text, printable
from lakehouse.names import UNKNOWN


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="What the gate refused, why, and the original bytes.", no_args_is_help=True)
    group.command("list")(list_files)
    group.command("show")(show)
    app.add_typer(group, name="quarantine")


def list_files(pipeline: Pipeline = None, limit: Limit = 50, json: Json = False) -> None:
    """List refused files and files with refused rows.

    Example: lake quarantine list
    """
    screen = Screen(json)
    lake = open_lake()
    names = [*chosen(lake, pipeline), *([] if pipeline else [UNKNOWN])]
    every = (file for name in names for file in lake.ledger.files(name))
    found = newest((file for file in every if file.verdict == "refused" or file.rows_quarantined), limit)
    screen.show([asdict(file) for file in found], lambda out: draw_files(out, found))
    if found:
        screen.say(f"[dim]Rows of one of them:[/dim] lake quarantine show {found[0].file_id[:10]}")


def show(
    file: Annotated[str, typer.Argument(metavar="FILE_ID", help="A file's id, or its first characters.")],
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, help="At most so many refused rows.")] = 10,
    json: Json = False,
) -> None:
    """Show why a file or its rows were refused, line by line, with the bytes as they came.

    Characters that a terminal would obey are written out (\\x1b). Example: lake quarantine show 3f2a91c0de --rows 5
    """
    screen = Screen(json)
    lake = open_lake()
    record = find_file(lake, [*lake.pipelines, UNKNOWN], file)
    if record.verdict == "accepted" and not record.rows_quarantined:
        raise CliError(f"Nothing of {record.key} is in quarantine: all its rows were accepted")
    exhibits = refused_rows(lake, record, rows)
    head = None if exhibits else original(lake, record, 2000)
    document = {
        "file": asdict(record),
        "rows": [asdict(exhibit) for exhibit in exhibits],
        "original_start": head and printable(head),
    }
    screen.show(document, lambda out: _draw(out, document, exhibits))


def _draw(out: Console, document: dict[str, Any], exhibits: list[Exhibit]) -> None:
    file = document["file"]
    out.print(f"[bold]{file['file_id']}[/bold]")
    for name in ("key", "verdict", "reason", "message"):
        if file[name]:
            out.print(f"[dim]{name:12}[/dim]", end="")
            out.print(printable(str(file[name]).encode()), markup=False)
    out.print(
        f"[dim]rows        [/dim]{file['rows_in']:,} in = {file['rows_accepted']:,} accepted + "
        f"{file['rows_quarantined']:,} quarantined + {file['rows_duplicate']:,} duplicate"
    )
    if file["by_reason"]:
        out.print(f"[dim]by reason   [/dim]{counts_text(file['by_reason'])}")
    if document["original_start"]:
        out.print("[dim]begins with[/dim]")
        out.print(document["original_start"], markup=False)
    out.print()
    for exhibit in exhibits:
        out.print(f"[bold]line {exhibit.line:,}[/bold] [red]{exhibit.reason}[/red] {exhibit.column or ''}")
        out.print(f"  {exhibit.message}", markup=False)
        out.print(f"  {exhibit.shown}", markup=False, style="dim")
    if len(exhibits) < file["rows_quarantined"]:
        out.print(f"\n[dim]{len(exhibits)} of {file['rows_quarantined']:,} refused rows; more with --rows[/dim]")
