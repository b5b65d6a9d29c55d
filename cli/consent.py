"""Asking before much is changed."""

import sys

import typer

from cli.errors import CliError

MANY = 10
"""More things than this are changed only by somebody who said so."""


def ask_before(count: int, what: str, yes: bool) -> None:
    """Ask a person before more than `MANY` things are changed; `what` says what would be done, `judge 12 files anew`.

    Raises:
        CliError: the person says no, or there is nobody to ask and no `--yes`.
    """
    if yes or count <= MANY:
        return
    if not sys.stdin.isatty():
        raise CliError(f"This would {what}, and there is nobody to ask", "Look first with --dry-run, then say --yes")
    if not typer.confirm(f"This will {what}. Go on?", err=True):
        raise CliError("Nothing was changed")
