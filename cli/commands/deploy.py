"""`lake deploy`"""

import sys
import time
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.deployment import draw_changes, draw_outputs, draw_plan, event_line, summary
from cli.environment import Place, place_of
from cli.errors import CliError
from cli.screen import Screen
from cli.text import bytes_text
from cli.up import remember
from deploy.change_set import ChangeSet
from deploy.config import load_config
from deploy.plan import plan_of
from deploy.stack import Deployment, build_deployment, deploy_built, python_of


def register(app: typer.Typer) -> None:
    app.command()(deploy)


def deploy(
    env: Annotated[str, typer.Option(help="Environment: a file in config/ (local, aws).")] = "aws",
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="NAME=VALUE of the template; may be repeated.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Build, print the plan, change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Bring an environment's stack to what the checkout says: build, upload, show the changes, ask, apply.

    A dry run needs no account and no credentials. Safe to repeat: where nothing differs, nothing is done.

    Examples:

      lake deploy --env aws --dry-run

      AWS_PROFILE=work lake deploy --env aws
    """
    screen, config = Screen(json), load_config(env)
    given = dict(_pair(one) for one in parameter or [])
    started = time.monotonic()
    with screen.waiting("Building the artefacts"):
        built = build_deployment(config, python=python_of(config))
    screen.done(f"Built {len(list(built.artifacts)) + 1} artefacts", time.monotonic() - started)
    if dry_run:
        plan = plan_of(built)
        screen.show(plan.as_json(), lambda out: _draw_dry_run(out, built))
        return
    with place_of(config) as place:
        screen.say(f"  Account {place.account}, {place.region}, as {place.caller}")
        approved: list[ChangeSet] = []

        def approve(proposed: ChangeSet) -> bool:
            draw_changes(screen.text, proposed)
            approved.append(proposed)
            return yes or _ask(place, proposed)

        outputs = deploy_built(
            place.session,
            built,
            parameters=given,
            endpoint_url=place.endpoint_url,
            uploading=lambda one: screen.done(f"In s3: {one.name}, {bytes_text(len(one.data))}"),
            approve=approve,
            tell=lambda event: event_line(screen, event),
        )
        if place.local:
            remember(*place.local, config, outputs)
    document = {
        "account": place.account,
        "region": place.region,
        "stack": config.prefix,
        "changes": [vars(change) for one in approved for change in one.changes],
        "outputs": outputs,
    }
    screen.show(document, lambda out: _draw_done(out, config.prefix, approved, outputs, time.monotonic() - started))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise CliError(f"--parameter {text!r}: expected NAME=VALUE")
    return name, value


def _ask(place: Place, proposed: ChangeSet) -> bool:
    what = f"{summary(proposed.changes)} in stack '{proposed.stack}' of account {place.account}, {place.region}"
    if not sys.stdin.isatty():
        raise CliError(f"This would apply: {what}. There is nobody to ask", "Read the changes, then say --yes")
    return typer.confirm(f"Apply {what}?", err=True)


def _draw_dry_run(out: Console, built: Deployment) -> None:
    plan = plan_of(built)
    draw_plan(out, plan)
    out.print()
    out.print("Nothing was uploaded or changed. Without --dry-run this would:")
    out.print(f"  1. make or update the bucket {plan.parameters['ArtifactsBucket']} and upload the artefacts")
    out.print(f"  2. make a change set for stack '{plan.stack}' and show it, replacements and deletions last")
    out.print("  3. ask: Apply … in stack … of account …? (not with --yes)")
    out.print("  4. apply it, follow its events, print the outputs")


def _draw_done(out: Console, stack: str, approved: list[ChangeSet], outputs: dict[str, Any], seconds: float) -> None:
    draw_outputs(out, sorted(outputs.items()))
    if approved:
        out.print(f"[green]✓[/green] Stack '{stack}' is what the checkout says [dim]{seconds:.0f} s[/dim]")
    else:
        out.print(f"[green]✓[/green] Nothing to change: stack '{stack}' is what the checkout says already")
