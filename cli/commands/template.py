"""`lake template`"""

import sys
from typing import Annotated

import typer

from cli.screen import Screen
from deploy.config import load_config
from deploy.template import TEMPLATE_FILE, build_template


def register(app: typer.Typer) -> None:
    app.command()(template)


def template(
    env: Annotated[str, typer.Option(help="Environment: a file in config/ (local, aws).")] = "aws",
    write: Annotated[bool, typer.Option("--write", help="Write deploy/template.json instead of printing.")] = False,
) -> None:
    """Build the CloudFormation template from pipelines/, iam/, kms/ and config/, and print it.

    Examples:

      lake template | cfn-lint -

      lake template --write && git diff deploy/template.json
    """
    text = build_template(load_config(env))
    if not write:
        sys.stdout.write(text)
        return
    changed = not TEMPLATE_FILE.is_file() or TEMPLATE_FILE.read_text() != text
    TEMPLATE_FILE.write_text(text)
    Screen().done(f"{TEMPLATE_FILE.name} {'written' if changed else 'is up to date'}")
