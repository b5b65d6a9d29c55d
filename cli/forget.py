"""Forgetting a person, as the command does it: with the eraser's rights, waiting for the lake's own work."""

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from cli.ending import await_execution, await_followers, execution_arn, pause
from cli.errors import CliError
from cli.follow import await_batch
from cli.lake import Lake, client, session
from cli.notifications import FOLDER
from cli.screen import Screen
from deploy.parts.queues import DEAD_LETTERS
from lakehouse.contract.model import Pipeline
from lakehouse.erase.forget import Forgetter, Tell
from lakehouse.erase.person import Person
from lakehouse.erase.remove import Remover
from lakehouse.erase.survey import Searched
from lakehouse.ledger.store import Ledger
from lakehouse.publish.catalog import Catalog
from lakehouse.silver.table import SilverStore
from lakehouse.tokens import read_secret, tokens_of, with_key

ERASER = "eraser"
QUIET_SECONDS = 3600.0
LOG_GROUPS = ("/aws/lambda/{}-", "/aws/vendedlogs/states/{}-", "/aws-glue/")


@dataclass(frozen=True)
class LakeWaits:
    """Waits for the lake's own work, as the operator sees it."""

    lake: Lake
    pipeline: Pipeline
    screen: Screen

    def batch(self, batch: str) -> None:
        """See `lakehouse.erase.forget.Waits`."""
        run = await_batch(self.lake, self.pipeline.name, batch, self.screen).run
        if run is not None and run.status == "failed":
            raise CliError(
                f"Run {run.run_id} failed, so gold is as it was: {run.error}", "Mend it and repeat lake forget"
            )
        if run is not None:
            await_execution(self.lake, run, self.screen)
        await_followers(self.lake, self.pipeline, self.screen)

    def quiet(self) -> None:
        """See `lakehouse.erase.forget.Waits`."""
        started, states = time.monotonic(), self.lake.client("stepfunctions")
        for run in self.running():
            arn = execution_arn(self.lake, self.pipeline.name, run)
            while states.describe_execution(executionArn=arn)["status"] == "RUNNING":
                waited = time.monotonic() - started
                if waited > QUIET_SECONDS:
                    raise CliError(f"Run {run} has not ended within {QUIET_SECONDS:.0f} s", "lake runs")
                time.sleep(pause(waited))

    def running(self) -> Collection[str]:
        """See `lakehouse.erase.forget.Waits`."""
        machine = f"{self.lake.settings.state_machine_arn_prefix}{self.pipeline.name}"
        pages = self.lake.client("stepfunctions").get_paginator("list_executions")
        listed = pages.paginate(stateMachineArn=machine, statusFilter="RUNNING")
        return [one["name"] for page in listed for one in page["executions"]]


def forgetter(lake: Lake, pipeline: Pipeline, value: str, screen: Screen, tell: Tell) -> Forgetter:
    """Who forgets one person of a pipeline.

    Raises:
        CliError: the pipeline's contract names no column that says whose a row is, or the value is empty.
    """
    columns = frozenset(dataset.person for dataset in pipeline.datasets if dataset.person)
    if not columns:
        raise CliError(
            f"pipelines/{pipeline.name}/pipeline.toml does not say whose rows are whose",
            'Name the column: person = "…" in [datasets.*]',
        )
    if not value.strip() or value != value.strip():
        raise CliError("--key is empty or begins or ends with white space: expected the value as the column holds it")
    pipeline = with_key(pipeline, lambda: read_secret(_client(lake, "secretsmanager"), lake.settings.tokens_secret))
    remover = Remover(
        searched=searched(lake),
        ledger=Ledger(_client(lake, "dynamodb"), lake.settings.ledger_table),
        catalog=Catalog(_client(lake, "glue"), lake.settings.gold_database),
        store=SilverStore.on_s3(
            lake.settings.bucket,
            session(lake.home, lake.region, ERASER),
            {"AWS_ENDPOINT_URL": lake.server.endpoint_url},
        ),
        pipeline=pipeline,
    )
    person = Person(value, columns, tokens=tokens_of(pipeline, {value}))
    return Forgetter(remover, person, LakeWaits(lake, pipeline, screen), tell)


def searched(lake: Lake) -> Searched:
    """All that is looked through, with the eraser's rights."""
    return Searched(
        s3=_client(lake, "s3"),
        dynamodb=_client(lake, "dynamodb"),
        logs=_client(lake, "logs"),
        sqs=_client(lake, "sqs"),
        bucket=lake.settings.bucket,
        ledger_table=lake.settings.ledger_table,
        log_groups=tuple(name.format(lake.prefix) for name in LOG_GROUPS),
        queues=tuple(f"{lake.prefix}-{queue}" for queue in DEAD_LETTERS.values()),
        mails=Mails(lake),
    )


@dataclass(frozen=True)
class Mails:
    """The letters that are kept on this machine, read anew each time."""

    lake: Lake

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        for path in sorted((self.lake.home.path / FOLDER).glob("*.eml")):
            yield path.name, path.read_bytes()


def caller(lake: Lake) -> str:
    """ARN of who forgets."""
    return str(_client(lake, "sts").get_caller_identity()["Arn"])


def seeds_naming(pipeline: Pipeline, person: Person) -> list[str]:
    """Seeds of the project that name the person: their lines are taken out by hand."""
    found = (seed for seed in pipeline.seeds if person.mentioned(seed.file.read_bytes()))
    return [f"pipelines/{pipeline.name}/seeds/{seed.name}.csv" for seed in found]


def _client(lake: Lake, service: str) -> Any:
    return client(lake.home, lake.server, lake.region, ERASER, service)
