"""A gate's small lake with its queues and an operator: files are judged and runs made here, repair asks for both."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from gate_world import World

from lakehouse import names
from lakehouse.contract.load import pipelines
from lakehouse.contract.model import Pipeline
from lakehouse.engines.duckdb_run import run_duckdb
from lakehouse.engines.former import former_files
from lakehouse.engines.silver_cache import SilverCache
from lakehouse.gate.messages import handle_messages
from lakehouse.ledger.store import Ledger
from lakehouse.plan import RunRequest, first_tables
from lakehouse.repair.judge_again import Judged, arrival, ask, in_quarantine, judge_of, judged_files
from lakehouse.repair.queues import DeadLetterQueues
from lakehouse.repair.replay import Workflows
from lakehouse.silver.commit import commit_run
from lakehouse.silver.table import SilverStore
from localaws import EmbeddedAws

QUEUES = ("gate", "gate-dlq", "events-dlq", "functions-dlq")


class CrashError(Exception):
    """The command died here."""


@dataclass
class RepairWorld:
    """The lake of pipeline `activity`. `pipelines` is what the gate and the person work by; change it to change a
    contract."""

    aws: EmbeddedAws
    folder: Path
    pipelines: dict[str, Pipeline] = field(default_factory=pipelines)

    def __post_init__(self) -> None:
        self.world = World(self.aws)
        self.urls = {
            name: self.world.sqs.create_queue(QueueName=f"{self.world.prefix}-{name}")["QueueUrl"] for name in QUEUES
        }
        keys = self.world.credentials("operator")
        self.operator = boto3.Session(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=self.aws.region
        )
        self.ledger = Ledger(self.client("dynamodb"), self.world.settings.ledger_table)

    @property
    def pipeline(self) -> Pipeline:
        return self.pipelines["activity"]

    def client(self, service: str) -> Any:
        """A client of the operator: `iam/operator.json`."""
        operator: Any = self.operator
        return operator.client(service, endpoint_url=self.aws.endpoint_url)

    def dying(self, service: str, operation: str, when: str, after: int = 0) -> Any:
        """A client of the operator that dies at a call of one operation, the first `after` calls of which go well.

        Args:
            when: `before-call`: before AWS sees it; `after-call`: after its effect.
        """
        client, calls = self.client(service), []

        def die(**_: Any) -> None:
            calls.append(1)
            if len(calls) == after + 1:
                raise CrashError(operation)

        client.meta.events.register(f"{when}.{service}.{operation}", die)
        return client

    def bring(self, files: Iterable[tuple[str, str]]) -> None:
        """Put files (path below the pipeline's folder, content) and let the gate judge them."""
        for path, body in files:
            key = f"bronze/activity/{path}"
            self.world.put(key, body)
            self.send("gate", arrival(self.world.bucket, key))
        self.work()

    def send(self, queue: str, body: str, **attributes: str) -> None:
        """Put a message into a queue, as AWS does."""
        named = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        self.world.sqs.send_message(QueueUrl=self.urls[queue], MessageBody=body, MessageAttributes=named)

    def work(self) -> int:
        """Let the gate work until its queue is empty; how many messages it handled."""
        gate, handled = replace(self.world.gate(), pipelines=self.pipelines), 0
        url = self.urls["gate"]
        while messages := self.world.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                record = {"messageId": message["MessageId"], "body": message["Body"]}
                assert handle_messages({"Records": [record]}, gate.handle) == {"batchItemFailures": []}
                self.world.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                handled += 1
        return handled

    def quarantined(self) -> list[Judged]:
        """What `lake quarantine release --all` looks at."""
        return [
            judge_of(slot, file, self.pipelines, self.ledger)
            for owner in ("activity", names.UNKNOWN)
            for slot, file in judged_files(self.ledger, owner)
            if in_quarantine(file)
        ]

    def ask(self, wanted: Sequence[Judged], sqs: Any = None) -> None:
        keys = (one.slot.key for one in wanted)
        ask(sqs or self.client("sqs"), self.urls["gate"], self.world.bucket, keys)

    @property
    def dead_letters(self) -> DeadLetterQueues:
        return DeadLetterQueues(self.client("sqs"), self.client("lambda"), self.world.prefix)

    @property
    def workflows(self) -> Workflows:
        return Workflows(self.client("stepfunctions"), self.world.settings.state_machine_arn_prefix)

    def waiting(self, queue: str) -> int:
        """Messages in a queue that everybody can see."""
        name = "ApproximateNumberOfMessages"
        found = self.world.sqs.get_queue_attributes(QueueUrl=self.urls[queue], AttributeNames=[name])
        return int(found["Attributes"][name])

    def silver(self, batch: str) -> dict[str, str]:
        """What is in force in a batch: key → its silver rows as text, whatever their file is called."""
        found = {}
        for slot in self.world.ledger.batch("activity", batch).slots.values():
            key = names.silver_prefix("activity", slot.dataset) + names.silver_data_path(slot.file_id)
            found[slot.key] = rows_text(pq.read_table(pa.BufferReader(self.world.body(key))))
        return found

    def gold(self, batch: str, run_id: str) -> list[str]:
        """A run's gold, row by row, sorted: commit and DuckDB, as the workflow does them."""
        env = {"AWS_ENDPOINT_URL": self.aws.endpoint_url}
        store = SilverStore.on_s3(self.world.bucket, self.aws.session(), env)
        generation = self.world.ledger.batch("activity", batch).generation
        request = RunRequest("activity", batch, run_id, generation, "hash")
        plan = commit_run(self.pipeline, request, store, self.world.ledger)
        cache = SilverCache(self.world.s3, self.world.bucket, self.folder / "cache")
        former = former_files(self.world.ledger, self.pipeline, batch)
        made = run_duckdb(self.pipeline, plan, first_tables(self.pipeline), store, former, cache, 1024)
        rows = [row for result in made.values() for row in self._rows(result.location)]
        return sorted(json.dumps(row, default=str, sort_keys=True) for row in rows)

    def _rows(self, location: str) -> list[dict[str, Any]]:
        prefix = location.removeprefix(f"s3://{self.world.bucket}/")
        tables = [pq.read_table(pa.BufferReader(self.world.body(key))) for key in self.world.keys(prefix)]
        return [row for table in tables for row in table.to_pylist()]


def rows_text(table: pa.Table) -> str:
    """The rows of a silver file, in their order, with all their columns."""
    return json.dumps(table.to_pylist(), default=str, sort_keys=True)


def stricter(found: dict[str, Pipeline], country: str) -> dict[str, Pipeline]:
    """The contracts with users of one country only: another contract, with a hash of its own."""
    pipeline = found["activity"]
    users = pipeline.dataset("users")
    columns = tuple(replace(one, values=(country,)) if one.name == "country" else one for one in users.columns)
    strict = replace(users, columns=columns, contract_hash=f"only {country}")
    datasets = tuple(strict if one.name == "users" else one for one in pipeline.datasets)
    return {**found, "activity": replace(pipeline, datasets=datasets)}
