"""`lake`: the command line of the lake."""

import io
import os
import sys

import typer
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError
from rich.markup import escape

from cli.commands import (
    audit,
    backfill,
    data,
    demo,
    deploy,
    destroy,
    dlq,
    forget,
    look,
    notifications,
    package,
    quarantine,
    query,
    replay,
    server,
    template,
)
from cli.errors import CliError
from cli.screen import Screen
from cli.text import safe
from lakehouse.errors import LakeError
from lakehouse.log import send_to
from localaws import LocalAwsError

app = typer.Typer(
    name="lake",
    help="An event-driven lakehouse on AWS that runs whole on this machine.\n\n"
    "First steps: [bold]lake demo[/bold] runs everything once; [bold]lake status[/bold] shows what is there.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (
    server,
    demo,
    data,
    look,
    quarantine,
    notifications,
    query,
    forget,
    replay,
    backfill,
    dlq,
    audit,
    template,
    deploy,
    package,
    destroy,
):
    group.register(app)

STALE_KEYS = {"InvalidClientTokenId", "InvalidAccessKeyId", "UnrecognizedClientException", "SignatureDoesNotMatch"}


def main() -> None:
    """Run a command. Exit code 0 on success, 1 when it could not do what was asked, 2 for a wrong command line.

    What a person can mend is a message; anything else is a bug and ends with its traceback. With LAKE_DEBUG set, what
    the lake's own code logs goes to standard error.
    """
    send_to(sys.stderr if os.environ.get("LAKE_DEBUG") else io.StringIO())
    try:
        app(prog_name="lake")
    except (LakeError, LocalAwsError) as error:
        _fail(str(error), error.hint if isinstance(error, CliError) else "")
    except (ConnectionError, HTTPClientError) as error:
        _fail(f"The lake does not answer: {error}", "Is it running? lake up")
    except ClientError as error:
        if error.response["Error"]["Code"] not in STALE_KEYS:
            raise
        _fail("The lake does not know this key: its state is another than when the key was made", "lake up")


def _fail(message: str, hint: str) -> None:
    screen = Screen(as_json=True)
    wrap = not screen.err.is_terminal
    screen.err.print(f"[bold red]Error:[/bold red] {escape(safe(message))}", highlight=False, soft_wrap=wrap)
    if hint:
        screen.err.print(f"[bold]Next:[/bold]  {escape(safe(hint))}", highlight=False, soft_wrap=wrap)
    sys.exit(1)


if __name__ == "__main__":
    main()
