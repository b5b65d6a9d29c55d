"""The lake as a client sees it: where it answers, what its resources are called, and a session of the operator."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config

from cli import daemon
from cli.errors import CliError
from cli.home import Home, Server
from deploy.stack import settings_of
from lakehouse.contract.load import pipelines
from lakehouse.contract.model import Pipeline
from lakehouse.ledger.store import Ledger
from lakehouse.settings import Settings
from lakehouse.tokens import read_secret, with_keys
from localaws.users import read_credentials

STACK_FILE = "stack.json"


@dataclass(frozen=True)
class Lake:
    """A running, deployed lake."""

    home: Home
    server: Server
    region: str
    outputs: Mapping[str, str]
    """The stack's outputs."""

    @property
    def prefix(self) -> str:
        """Begins the name of every resource; also the Athena workgroup's name."""
        return self.outputs["AthenaWorkgroup"]

    @cached_property
    def settings(self) -> Settings:
        """Names of the resources."""
        return settings_of(self.outputs)

    @cached_property
    def pipelines(self) -> dict[str, Pipeline]:
        """Every pipeline of this checkout by name."""
        return pipelines()

    @cached_property
    def keyed(self) -> dict[str, Pipeline]:
        """The same with the keys of their tokens: for who judges, or asks whether the gate would judge otherwise."""
        name = self.settings.tokens_secret
        return with_keys(self.pipelines, lambda: read_secret(self.client("secretsmanager"), name))

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger, read as operator."""
        return Ledger(self.client("dynamodb"), self.settings.ledger_table)

    def client(self, service: str) -> Any:
        """A client that acts as the operator, never as an administrator."""
        if service not in self._clients:
            self._clients[service] = client(self.home, self.server, self.region, "operator", service)
        return self._clients[service]

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}

    def pipeline(self, name: str) -> Pipeline:
        """A pipeline by name.

        Raises:
            CliError: there is none of this name.
        """
        return known_pipeline(self.pipelines, name)


def known_pipeline(known: Mapping[str, Pipeline], name: str) -> Pipeline:
    """A pipeline by name; CliError with the names there are otherwise."""
    if name not in known:
        raise CliError(f"Unknown pipeline '{name}'. Expected one of {', '.join(known)}")
    return known[name]


def open_lake() -> Lake:
    """The lake of this machine.

    Raises:
        CliError: it does not run, or was never deployed.
    """
    home = Home.find()
    server = daemon.running(home)
    if server is None:
        raise CliError("The lake does not run", "lake up")
    stack = read_stack(home)
    if stack is None:
        raise CliError("The lake runs, but nothing is deployed in it", "lake up")
    return Lake(home, server, str(stack["region"]), stack["outputs"])


def read_stack(home: Home) -> dict[str, Any] | None:
    """What the last deployment left: `region`, `outputs`."""
    try:
        found: dict[str, Any] = json.loads((home.path / STACK_FILE).read_text())
    except FileNotFoundError:
        return None
    return found


def write_stack(home: Home, region: str, outputs: Mapping[str, str]) -> None:
    """Remember a deployment's outputs, and put the resources' names beside the access keys in the shell's `env`."""
    (home.path / STACK_FILE).write_text(json.dumps({"region": region, "outputs": dict(outputs)}, indent=2) + "\n")
    env = home.path / "env"
    access = [line for line in env.read_text().splitlines() if not line.startswith("export LAKE_")]
    settings = [f"export {name}={shlex.quote(value)}" for name, value in settings_of(outputs).as_env().items()]
    env.write_text("\n".join([*access, *settings]) + "\n")


def session(home: Home, region: str, user: str) -> boto3.Session:
    """A session of one of the embedded AWS's users."""
    keys = read_credentials(home.credentials)
    if user not in keys:
        raise CliError(f"{home.credentials} has no profile '{user}'", "lake down && lake up")
    return boto3.Session(keys[user].access_key_id, keys[user].secret_access_key, region_name=region)


def client(home: Home, server: Server, region: str, user: str, service: str, further: Config | None = None) -> Any:
    """A client of the embedded AWS, path-style for S3. `further` configuration takes precedence."""
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 4, "mode": "standard"})
    config = config.merge(further) if further else config
    found: Any = session(home, region, user)  # boto3's stubs know each service by a literal name only
    return found.client(service, endpoint_url=server.endpoint_url, config=config)
