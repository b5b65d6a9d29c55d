"""`lake quarantine list`, `lake quarantine show`, `lake quarantine release`"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.commands.look import Json, Limit, Pipeline, chosen, draw_files, newest
from cli.consent import ask_before
from cli.errors import CliError
from cli.follow import await_batch, follow
from cli.judging import await_verdicts, judge_anew
from cli.lake import Lake, open_lake
from cli.quarantine import Exhibit, find_file, original, refused_rows
from cli.release import chosen_files, draw_judged, draw_released, judged_document, released_document
from cli.report import draw_outcomes, outcome_document
from cli.screen import Screen
from cli.text import count_text, counts_text, printable
from cli.upload import Upload, upload
from lakehouse.names import UNKNOWN
from lakehouse.repair.judge_again import WHY, Judged, in_quarantine


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="What the gate refused, why, and the original bytes.", no_args_is_help=True)
    group.command("list")(list_files)
    group.command("show")(show)
    group.command("release")(release)
    app.add_typer(group, name="quarantine")


def list_files(
    pipeline: Pipeline = None,
    limit: Limit = 50,
    history: Annotated[bool, typer.Option("--history", help="Also what was corrected or released since.")] = False,
    json: Json = False,
) -> None:
    """List refused files and files with refused rows: those whose verdict is the last one on their place in bronze.

    Example: lake quarantine list
    """
    screen = Screen(json)
    lake = open_lake()
    if history:
        names = [*chosen(lake, pipeline), *([] if pipeline else [UNKNOWN])]
        every = (file for name in names for file in lake.ledger.files(name) if in_quarantine(file))
    else:
        if pipeline:
            lake.pipeline(pipeline)
        every = (one.file for one in chosen_files(lake, [], pipeline) if one.standing != "released")
    found = newest(every, limit)
    screen.show([asdict(file) for file in found], lambda out: draw_files(out, found))
    if found:
        screen.say(f"[dim]Rows of one of them:[/dim] lake quarantine show {found[0].file_id[:10]}")


def show(
    file: Annotated[str, typer.Argument(metavar="FILE_ID", help="A file's id, or its first characters.")],
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, help="At most so many refused rows.")] = 10,
    json: Json = False,
) -> None:
    """Show why a file or its rows were refused, line by line, with the bytes as they came unless they are personal.

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


def release(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE_ID", help="Files' ids, or their beginnings.")
    ] = None,
    pipeline: Pipeline = None,
    everything: Annotated[bool, typer.Option("--all", help="Whatever is in quarantine.")] = False,
    corrected: Annotated[
        Path | None, typer.Option("--with", help="A corrected file, for the one that is named.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the files through gate and run.")] = True,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, however many there are.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    json: Json = False,
) -> None:
    """Judge refused files and files with refused rows anew, after their contract has changed or with a corrected file.

    Files that were judged under the present contract already are left alone. Files that fitted no pipeline and fit one
    by now are judged as that pipeline's. Exit code 1 when a file is still refused, or a run fails.

    Examples:

      lake quarantine release --all --dry-run

      lake quarantine release 3f2a91c0de --with corrected.csv
    """
    screen = Screen(json)
    if sum((bool(files), pipeline is not None, everything)) != 1:
        raise CliError("Expected exactly one of FILE_ID…, --pipeline and --all", "lake quarantine list")
    lake = open_lake()
    if pipeline is not None:
        lake.pipeline(pipeline)
    found = chosen_files(lake, files or [], pipeline)
    if corrected is not None:
        _correct(lake, found, corrected, wait, dry_run, screen)
        return
    wanted = [one for one in found if one.standing == "to_judge"]
    if not dry_run:
        ask_before(len(wanted), f"have {count_text(len(wanted), 'file')} judged anew", yes)
    began_at_ms = 0 if dry_run else judge_anew(lake, wanted)
    if dry_run or not wait or not wanted:
        screen.show([judged_document(one) for one in found], lambda out: draw_judged(out, found))
        return
    released = await_verdicts(lake, wanted, began_at_ms, screen)
    batches = dict.fromkeys((one.after.pipeline, one.after.batch) for one in released if one.before.place)
    runs = [await_batch(lake, owner, batch, screen).run for owner, batch in batches]
    screen.show([released_document(one) for one in released], lambda out: draw_released(out, released))
    if any(one.after.verdict == "refused" for one in released) or any(run and run.status == "failed" for run in runs):
        raise typer.Exit(1)


def _correct(lake: Lake, found: list[Judged], path: Path, wait: bool, dry_run: bool, screen: Screen) -> None:
    """Put a corrected file where the refused one lies; the rest is the normal way of a new version."""
    if len(found) != 1:
        raise CliError("A corrected file is for one FILE_ID", "lake quarantine list")
    if not path.is_file():
        raise CliError(f"No such file: {path}")
    (judged,) = found
    if judged.place is None or judged.standing == "elsewhere":
        raise CliError(f"{judged.slot.key}: {WHY[judged.standing]}", f"lake put {path}")
    plan = {"file": str(path), "key": judged.slot.key, "version_id": None}
    if dry_run:
        screen.show(plan, lambda out: out.print(f"{path} would go to {judged.slot.key}", markup=False))
        return
    sent = upload(lake, Upload(path, judged.place), screen)
    if not wait:
        plan["version_id"] = sent.version_id
        screen.show(plan, lambda out: screen.say("[dim]Not waiting. See what became of it:[/dim] lake files"))
        return
    outcomes = follow(lake, [sent], screen)
    screen.show([outcome_document(one) for one in outcomes], lambda out: draw_outcomes(out, outcomes))
    if not all(one.good for one in outcomes):
        raise typer.Exit(1)


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
        if exhibit.shown:
            out.print(f"  {exhibit.shown}", markup=False, style="dim")
    if exhibits and not any(exhibit.shown for exhibit in exhibits):
        where = f"{file['key']}, version {file['version_id']}"
        out.print(f"\nIts contract has personal columns, so the bytes are in bronze alone: {where}", markup=False)
    if len(exhibits) < file["rows_quarantined"]:
        out.print(f"\n[dim]{len(exhibits)} of {file['rows_quarantined']:,} refused rows; more with --rows[/dim]")
