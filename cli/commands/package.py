"""`lake package`"""

import json as json_module
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli.errors import CliError
from cli.screen import Screen
from cli.text import bytes_text
from deploy.config import load_config
from deploy.stack import build_deployment, python_of

OBJECTS = "objects"
TEMPLATE = "template.json"
PARAMETERS = "parameters.json"


def register(app: typer.Typer) -> None:
    app.command()(package)


def package(
    bucket: Annotated[str, typer.Option(help="The bucket of yours that the artefacts will lie in.")],
    env: Annotated[str, typer.Option(help="Environment: a file in config/ (local, aws).")] = "aws",
    out: Annotated[Path, typer.Option(help="A folder, which is made; what is in it may be replaced.")] = Path(
        "build/package"
    ),
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write what a deployment needs into a folder, for CloudFormation without our command.

    The folder has objects/ (to be copied into the bucket as it is), template.json and parameters.json. Needs no
    account and no credentials; the same checkout gives the same bytes.

    Example:

      lake package --bucket my-artifacts --out build/package
    """
    screen, config, started = Screen(json), load_config(env), time.monotonic()
    if out.exists() and not out.is_dir():
        raise CliError(f"{out} is not a folder")
    with screen.waiting("Building the artefacts"):
        built = build_deployment(config, python=python_of(config))
    for artifact in built.artifacts:
        path = out / OBJECTS / artifact.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(artifact.data)
    parameters = built.parameters(bucket)
    (out / TEMPLATE).write_bytes(built.template.data)
    listed = [f"{name}={value}" for name, value in parameters.items()]
    (out / PARAMETERS).write_text(json_module.dumps(listed, indent=2) + "\n")
    screen.done(
        f"Wrote {len(listed)} parameters, the template and {len(list(built.artifacts))} artefacts into {out}",
        time.monotonic() - started,
    )
    document = {
        "folder": str(out),
        "objects": {artifact.key: len(artifact.data) for artifact in built.artifacts},
        "parameters": parameters,
        "commands": commands(out, config.prefix, bucket),
    }

    def draw(console: Console) -> None:
        for artifact in built.artifacts:
            console.print(f"  {OBJECTS}/{artifact.sha256[:12]}…/{artifact.name}, {bytes_text(len(artifact.data))}")
        console.print("\nWith credentials of the account, and the bucket there:\n")
        for command in commands(out, config.prefix, bucket):
            console.print(command, soft_wrap=True, highlight=False, markup=False)

    screen.show(document, draw)


def commands(folder: Path, stack: str, bucket: str) -> tuple[str, ...]:
    """What brings the folder into an account by the AWS CLI alone."""
    return (
        f"aws s3 sync {folder / OBJECTS} s3://{bucket}",
        f"aws cloudformation deploy --stack-name {stack} --template-file {folder / TEMPLATE} --s3-bucket {bucket} "
        f"--parameter-overrides file://{folder / PARAMETERS} --capabilities CAPABILITY_NAMED_IAM",
    )
