"""What the lake does while policies are recorded, step by step: the docstring of a step says what it is."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from cli.lake import Lake, open_lake
from deploy import load_config
from deploy.functions import needed_functions
from deploy.stack import deploy_stack
from lakehouse.ledger.store import Ledger
from localaws import EmbeddedAws
from tests.iam.people import People

ROWS = ("--rows", "40")
SECONDS = 300.0
PERSON, BATCH = "CUST-000000000001", "2026-01-09"
SALE = {
    "transaction_id": "TXN-FORGET-1",
    "timestamp": "2026-01-09T12:00:00",
    "customer_id": PERSON,
    "product_id": "PROD-1",
    "product_name": "Thing",
    "category": "Things",
    "quantity": 2,
    "price": 2.5,
    "total_amount": 5.0,
}


@dataclass(frozen=True)
class Story:
    """A lake that works, and the people who work with it."""

    aws: EmbeddedAws
    people: People
    folder: Path

    def steps(self) -> tuple[Callable[[], object], ...]:
        """Everything, in order."""
        return (
            self.deploy,
            self.every_pipeline_on_duckdb,
            self.every_job_on_spark,
            self.generators,
            self.late_batches,
            self.sweep,
            self.failures,
            self.crawler_that_fails,
            self.dead_letters,
            self.look,
            self.repair,
            self.forget,
            self.deploy_again,
        )

    def deploy(self) -> None:
        """The stack is deployed."""
        self.people.lake("up")

    def every_pipeline_on_duckdb(self) -> None:
        """Every pipeline, from files to checked gold, on DuckDB."""
        self.people.lake("demo", "all", *ROWS, "--engine", "duckdb")

    def every_job_on_spark(self) -> None:
        """Every pipeline's Glue job, with rows that are refused."""
        for name in self.lake.pipelines:
            dirty = ("--dirty", "0.05", "--seed", "8", "--files", "1")
            self.people.lake("demo", name, *ROWS, *dirty, "--engine", "spark")

    def generators(self) -> None:
        """Every generator is asked by a person."""
        for name, pipeline in self.lake.pipelines.items():
            if pipeline.generator:
                self.people.lake("generate", name, "--rows", "5", "--at", "2026-01-20")

    def late_batches(self) -> None:
        """A batch stays incomplete; of others the start of a run was lost."""
        s3, ledger = self.aws.client("s3"), Ledger(self.aws.client("dynamodb"), self.lake.settings.ledger_table)
        s3.put_object(Bucket=self.lake.settings.bucket, Key="bronze/activity/users/late/users.json", Body=b"{}")
        self.until(lambda: any(slot.batch == "late" for slot in ledger.slots("activity")))
        for name in self.lake.pipelines:
            batch = next(iter(ledger.runs(name))).batch
            ledger.renew(name, batch, "duckdb")

    def sweep(self) -> None:
        """Days later the sweeper, the compactor and the tidier look."""
        for kind in ("sweep", "sweep", "compact", "tidy"):
            if kind in self.shared_functions:
                self.invoke(kind, {"time": (datetime.now(UTC) + timedelta(days=4)).isoformat()})
        self.quiet()

    def failures(self) -> None:
        """A run of every pipeline fails."""
        states, prefix = self.aws.client("stepfunctions"), self.lake.settings.state_machine_arn_prefix
        nothing = {"batch": "none", "run_id": "none", "generation": 1, "manifest_hash": "none"}
        for name in self.lake.pipelines:
            event = json.dumps({"pipeline": name, **nothing, "engine": "no such engine"})
            states.start_execution(stateMachineArn=prefix + name, name="fails", input=event)
        self.quiet()

    def crawler_that_fails(self) -> None:
        """A crawler may read nothing for once: its workflow hears of it."""
        iam = self.aws.client("iam")
        name, crawler = next((name, one) for name, one in self.crawlers if one.layer == "bronze")
        role = f"{self.lake.prefix}-{name}-{crawler.name}-crawler"
        deny = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}
        iam.put_role_policy(RoleName=role, PolicyName="broken", PolicyDocument=json.dumps(deny))
        batch = next(run.batch for run in self.lake.ledger.runs(name) if run.status == "published")
        self.people.lake("replay", f"{name}/{batch}", "--no-wait", "--engine", "duckdb")
        self.quiet()
        iam.delete_role_policy(RoleName=role, PolicyName="broken")

    def dead_letters(self) -> None:
        """Functions that nobody waits for get what they cannot handle."""
        functions = [one for one in needed_functions(tuple(self.lake.pipelines.values())) if one.asynchronous]
        lambda_ = self.aws.client("lambda")
        for one in functions:
            name = f"{self.lake.prefix}-{one.who}"
            lambda_.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"time": "no time", "detail": {}}')
        sqs = self.aws.client("sqs")
        url = sqs.get_queue_url(QueueName=f"{self.lake.prefix}-functions-dlq")["QueueUrl"]
        about = "ApproximateNumberOfMessages"

        def kept() -> bool:
            found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[about])["Attributes"]
            return int(found[about]) >= len(functions)

        self.until(kept)

    def look(self) -> None:
        """The operator looks at everything."""
        for command in ("status", "runs", "files", "notifications", "queries"):
            self.people.lake(command)
        (file, *_) = self.people.lake("quarantine", "list")
        self.people.lake("quarantine", "show", file["file_id"])
        self.people.lake("query", "select count(*) from user_activity")
        self.people.lake("audit")

    def repair(self) -> None:
        """The operator has things done again."""
        self.people.lake("dlq", "list")
        self.people.lake("dlq", "redrive", "--yes")
        self.people.lake("quarantine", "release", "--all", "--yes")
        for name in self.lake.pipelines:
            batch = next(run.batch for run in self.lake.ledger.runs(name) if run.status == "published")
            self.people.lake("replay", f"{name}/{batch}", "--engine", "duckdb")
        self.people.lake("backfill", "transactions", "--from", "2026-01-01", "--to", "2026-01-31", "--yes")
        self.quiet()

    def forget(self) -> None:
        """The eraser removes a person for good."""
        path = self.folder / "transactions" / f"date={BATCH}" / "sales.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps([SALE, {**SALE, "transaction_id": "TXN-FORGET-2", "customer_id": "CUST-2"}]))
        self.people.lake("put", str(path))
        self.people.lake("forget", "transactions", "--key", PERSON, "--yes")
        self.quiet()

    def deploy_again(self) -> None:
        """The stack is brought up to date with the deployer's rights."""
        config = load_config("local")
        arn = f"arn:aws:iam::{self.aws.account_id}:role/{config.prefix}-deployer"
        keys = self.aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="deployer")["Credentials"]
        import boto3

        session = boto3.Session(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=self.aws.region
        )
        deploy_stack(session, config, endpoint_url=self.aws.endpoint_url)

    @cached_property
    def lake(self) -> Lake:
        return open_lake()

    @property
    def shared_functions(self) -> set[str]:
        return {one.kind for one in needed_functions(tuple(self.lake.pipelines.values()))}

    @property
    def crawlers(self) -> list[tuple[str, Any]]:
        return [(name, crawler) for name, one in self.lake.pipelines.items() for crawler in one.crawlers]

    def invoke(self, kind: str, event: dict[str, object]) -> None:
        answer = self.aws.client("lambda").invoke(
            FunctionName=f"{self.lake.prefix}-{kind}", Payload=json.dumps(event).encode()
        )
        assert "FunctionError" not in answer, answer["Payload"].read()

    def quiet(self) -> None:
        """Until no execution runs and the gate has nothing to do."""
        states, prefix = self.aws.client("stepfunctions"), self.lake.settings.state_machine_arn_prefix

        def still() -> bool:
            machines = [prefix + name for name in self.lake.pipelines]
            return not any(
                states.list_executions(stateMachineArn=one, statusFilter="RUNNING")["executions"] for one in machines
            )

        self.until(still)

    @staticmethod
    def until(look: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not look():
            assert time.monotonic() < deadline, "it did not come to that in time"
            time.sleep(0.1)
