"""Brings the lake up: the embedded AWS started, the stack as the checkout says, the operator allowed to work."""

import json
import os
import time

from cli import daemon
from cli.errors import CliError
from cli.home import Home, Server, wanted_port
from cli.lake import STACK_FILE, Lake, client, read_stack, session, write_stack
from cli.screen import Screen
from deploy.config import Config, load_config
from deploy.stack import deploy_stack

ENVIRONMENT = "local"
PEOPLE = ("operator", "eraser")
"""Users beside the administrator; each may do what the role of that name may."""


def bring_up(screen: Screen) -> Lake:
    """Start and deploy what is not there yet; does and says little when everything is.

    Raises:
        CliError: the embedded AWS cannot start, or it runs on another port than asked for.
        DeployError: the stack cannot be brought to what the checkout says.
    """
    home = Home.find()
    server = _ensure_server(home, screen)
    config = load_config(ENVIRONMENT)
    outputs = _ensure_stack(home, server, config, screen)
    return Lake(home, server, config.region, outputs)


def _ensure_server(home: Home, screen: Screen) -> Server:
    server = daemon.running(home)
    if server is not None:
        if os.environ.get("LAKE_PORT") and wanted_port() != server.port:
            raise CliError(
                f"The lake runs on port {server.port} already, and LAKE_PORT says {wanted_port()}",
                "lake down && lake up",
            )
        screen.done(f"Embedded AWS runs on {server.endpoint_url}")
        return server
    lost = (home.path / "running").exists()
    started = time.monotonic()
    with screen.waiting("Starting the embedded AWS"):
        server = daemon.start(home, wanted_port())
    screen.done(f"Embedded AWS started on {server.endpoint_url}", time.monotonic() - started)
    if lost:
        screen.warn(
            "It was not stopped cleanly the last time. Stored objects are there; what else changed since it was "
            "started then (ledger, catalog, runs) is lost. Put the same files again to rebuild it."
        )
    return server


def _ensure_stack(home: Home, server: Server, config: Config, screen: Screen) -> dict[str, str]:
    started = time.monotonic()
    before = _last_change(home, server, config)
    with screen.waiting("Deploying the stack"):
        outputs = deploy_stack(session(home, config.region, "admin"), config, endpoint_url=server.endpoint_url)
        known = read_stack(home)
        remember(home, server, config, outputs)
    after = _last_change(home, server, config)
    if before == after:
        screen.done(f"Stack '{config.prefix}' is up to date")
    elif before is None:
        why = " (it was lost with the server's state)" if known else ""
        screen.done(f"Stack '{config.prefix}' deployed{why}", time.monotonic() - started)
    else:
        screen.done(f"Stack '{config.prefix}' updated to what the checkout says", time.monotonic() - started)
    return outputs


def remember(home: Home, server: Server, config: Config, outputs: dict[str, str]) -> None:
    """After a deployment: people may work, and later commands know the resources' names."""
    _allow_people(home, server, config)
    write_stack(home, config.region, outputs)


def forget_stack(home: Home) -> None:
    """The deployment is gone: so is what commands remembered of it; the access keys stay."""
    (home.path / STACK_FILE).unlink(missing_ok=True)
    env = home.path / "env"
    env.write_text("".join(f"{line}\n" for line in env.read_text().splitlines() if not line.startswith("export LAKE_")))


def _last_change(home: Home, server: Server, config: Config) -> str | None:
    """When the stack changed last; None when there is none."""
    cloudformation = client(home, server, config.region, "admin", "cloudformation")
    for page in cloudformation.get_paginator("describe_stacks").paginate():
        for stack in page["Stacks"]:
            if stack["StackName"] == config.prefix and not stack["StackStatus"].startswith("DELETE"):
                return str(stack.get("LastUpdatedTime") or stack["CreationTime"])
    return None


def _allow_people(home: Home, server: Server, config: Config) -> None:
    """Give each user what the role of that name may do: a person here uses keys, in an account the role."""
    iam = client(home, server, config.region, "admin", "iam")
    for user in PEOPLE:
        role = f"{config.prefix}-{user}"
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            iam.put_user_policy(UserName=user, PolicyName=name, PolicyDocument=json.dumps(document))
