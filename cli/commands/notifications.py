"""`lake notifications`, `lake notifications show`"""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from cli.commands.look import WIDE, Json, Limit, Pipeline
from cli.home import Home
from cli.lake import known_pipeline
from cli.notifications import Mail, body, find_mail, read_mails
from cli.screen import Screen
from cli.tables import table
from cli.text import safe
from lakehouse.contract.load import pipelines


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="What the lake told people: mails of refused files, runs and alarms, kept on this machine.\n\n"
        "Example: lake notifications --limit 5",
        invoke_without_command=True,
    )
    group.callback()(list_mails)
    group.command("show")(show)
    app.add_typer(group, name="notifications")


def list_mails(context: typer.Context, limit: Limit = 20, pipeline: Pipeline = None, json: Json = False) -> None:
    """List what the lake told people, the newest first: mails of refused files, runs and alarms.

    Example: lake notifications --limit 5
    """
    if context.invoked_subcommand:
        return
    screen = Screen(json)
    if pipeline:
        known_pipeline(pipelines(), pipeline)
    found = [mail for mail in read_mails(Home.find()) if pipeline in (None, mail.pipeline)][:limit]
    screen.show([_document(mail) for mail in found], lambda out: draw_list(out, found))


def show(
    mail: Annotated[str, typer.Argument(metavar="ID", help="A notification's id, or its first characters.")],
    json: Json = False,
) -> None:
    """Show one notification as it was mailed.

    Example: lake notifications show 3f2a91c0
    """
    screen = Screen(json)
    found = find_mail(read_mails(Home.find()), mail)
    screen.show({**_document(found), "text": found.text}, lambda out: _draw(out, found))


def _document(mail: Mail) -> dict[str, object]:
    return {name: value for name, value in asdict(mail).items() if name != "text"}


def draw_list(out: Console, found: list[Mail]) -> None:
    """A line a mail."""
    wide = out.width >= WIDE
    pipeline = ("!pipeline",) if wide else ()
    rows = (
        (mail.id, f"{mail.at:%m-%d %H:%M:%S}", mail.kind, *((mail.pipeline,) if wide else ()), mail.subject)
        for mail in found
    )
    if not found:
        out.print("[dim]nobody was told anything yet[/dim]")
        return
    out.print(table(("!id", "!at (UTC)", "!kind", *pipeline, "subject"), rows))
    out.print(f"[dim]One of them:[/dim] lake notifications show {found[0].id}")


def _draw(out: Console, mail: Mail) -> None:
    shown = (
        ("at", f"{mail.at:%Y-%m-%d %H:%M:%S} UTC"),
        ("to", mail.to),
        ("kind", mail.kind),
        ("subject", mail.subject),
    )
    for name, value in shown:
        out.print(f"[dim]{name:8}[/dim]", end="")
        out.print(safe(value), markup=False, highlight=False)
    out.print()
    out.print(safe(body(mail)), markup=False, highlight=False, soft_wrap=True)
