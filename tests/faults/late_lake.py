"""A lake of the pipeline `shelf` whose contract may change, driven by hand: files come, runs do what they need."""

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
from deltalake import DeltaTable

import lakehouse.aws
from lakehouse import runs
from lakehouse.batches.decide import run_needed
from lakehouse.contract.load import load_pipeline
from lakehouse.contract.model import Pipeline
from lakehouse.errors import LakeError
from lakehouse.ledger.items import FileRecord, RunRecord, SlotState
from lakehouse.silver.table import SilverStore
from tests.faults import world as faulty
from tests.faults.race_gold import Reader, Rows, shown

SHELF = Path(__file__).parent / "late_pipelines"
Row = Mapping[str, Any]
Engine = Callable[["LateLake", dict[str, Any]], None]
"""Makes a run's gold tables of its plan and records them."""


def by_duckdb(lake: "LateLake", plan: dict[str, Any]) -> None:
    """The Lambda function."""
    faulty.function("gold")(plan, None)


def item(number: int, pieces: object, city: str = "Aa", **more: object) -> Row:
    return {"item_id": f"i{number}", "city": city, "pieces": pieces, **more}


class LateLake:
    """One lake. `open` it to work in it; several may exist, one is open at a time."""

    def __init__(self, cloud: faulty.Cloud, folder: Path, engine: Engine = by_duckdb) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=folder))
        self.contracts = self.folder / "pipelines"
        shutil.copytree(SHELF, self.contracts)
        self.engine = engine
        self._said: list[dict[str, Any]] = []
        with mock.patch.object(faulty, "PIPELINES", self.contracts):
            self.world = faulty.World(cloud, self.folder)
        self._clients = {service: cloud.aws.client(service) for service in faulty.SERVICES}
        self._clients["events"].meta.events.register("provide-client-params.events.PutEvents", self._hear)
        self._mailbox = self._subscribed(cloud)
        self._letters: list[dict[str, Any]] = []

    @property
    def settings(self) -> Any:
        return self.world.settings

    def client(self, service: str) -> Any:
        return self._clients[service]

    @property
    def pipeline(self) -> Pipeline:
        """The contract as it is now."""
        return load_pipeline(self.contracts / "shelf")

    def change_contract(self, *changes: tuple[str, str]) -> None:
        """Replace pieces of text in the contract; each is there once."""
        file = self.contracts / "shelf" / "pipeline.toml"
        text = file.read_text()
        for old, new in changes:
            assert text.count(old) == 1
            text = text.replace(old, new)
        file.write_text(text)

    @contextmanager
    def open(self) -> Iterator["LateLake"]:
        """Handlers run in this lake."""
        keys = self.world.cloud.aws.keys["admin"]
        env = {"AWS_ACCESS_KEY_ID": keys.access_key_id, "AWS_SECRET_ACCESS_KEY": keys.secret_access_key}
        with (
            mock.patch.object(faulty, "PIPELINES", self.contracts),
            self.world.open(),
            mock.patch.dict(os.environ, env),
            mock.patch.object(lakehouse.aws, "_client", self._clients.__getitem__),
        ):
            yield self

    def bring(self, day: str, name: str, rows: Sequence[Row] | bytes, run: bool = True) -> str:
        """A file comes; its key. With `run` the runs that are needed by now are done too."""
        body = rows if isinstance(rows, bytes) else "".join(f"{json.dumps(row)}\n" for row in rows).encode()
        key = f"bronze/shelf/items/day={day}/{name}.ndjson"
        version = self.world.put(key, body)
        self.event(key, f"arrival {version}", version)
        if run:
            self.run_all()
        return key

    def event(self, key: str, message_id: str = "again", version_id: str = "any") -> None:
        """The gate hears of a key."""
        faulty.function("gate")(faulty.message(self.world, key, message_id, version_id), None)

    def run_all(self) -> None:
        """Do every run that was started and has not ended."""
        for state in list(self.world.ledger.batches("shelf")):
            needed = run_needed(self.pipeline, state)
            if needed and self.run_of(needed.run_id, state.batch).status not in (*runs.FINAL, "failed"):
                self.execute(asdict(needed))

    def execute(self, request: dict[str, Any]) -> str | None:
        """The run's workflow; the error of one that failed, which is recorded and told as the workflow does it."""
        try:
            plan = faulty.function("commit")(request, None)
            if plan["overtaken"]:
                return None
            self.engine(self, plan)
            self._said.clear()
            faulty.function("publish")(plan, None)
            for event in list(self._said):
                faulty.function("derive")(event, None)
        except LakeError as error:
            cause = json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)})
            failure = {"Error": type(error).__name__, "Cause": cause}
            faulty.function("failed")({**request, "error": failure}, None)
            return type(error).__name__
        return None

    def compact(self, time: str) -> list[Any]:
        """The nightly function; what it compacted."""
        done = faulty.function("compact")({"detail-type": "Scheduled Event", "time": time}, None)
        return list(done["compacted"]["shelf/items"])

    def run_of(self, run_id: str, batch: str) -> RunRecord:
        found = self.world.ledger.run("shelf", batch, run_id)
        assert found is not None
        return found

    def slot(self, key: str) -> SlotState:
        (found,) = [slot for slot in self.world.ledger.slots("shelf") if slot.key == key]
        return found

    def file(self, key: str) -> FileRecord:
        """The last verdict on a key."""
        slot = self.slot(key)
        found = self.world.ledger.file("shelf", slot.batch, slot.file_id)
        assert found is not None
        return found

    def silver(self) -> Rows:
        """All rows of silver as (batch, slot, line, contract columns in order)."""
        with self.open():
            store = SilverStore.on_s3(self.world.bucket, self.world.cloud.aws.session(), os.environ)
        table = DeltaTable(store.uri("shelf", "items"), storage_options=dict(store.options))
        columns = ", ".join(f'"{column.name}"' for column in self.pipeline.datasets[0].columns)
        with duckdb.connect() as connection:
            connection.register("silver", table.to_pyarrow_table())
            select = f"select _batch, coalesce(_origin, _slot), _line, {columns} from silver"
            return Counter(connection.execute(select).fetchall())

    def gold(self) -> dict[str, Rows]:
        """All rows of gold by table, at the places that the catalog names."""
        reader = Reader(self)
        return {
            table.name: shown(reader, table, Path(tempfile.mkdtemp(dir=self.folder))) for table in self.pipeline.gold
        }

    def letters(self, kind: str) -> list[dict[str, Any]]:
        """Messages that people got so far, of one kind, the first first."""
        sqs = self.world.cloud.client("sqs")
        while found := sqs.receive_message(QueueUrl=self._mailbox, MaxNumberOfMessages=10).get("Messages"):
            for one in found:
                envelope = json.loads(one["Body"])
                self._letters.append({**json.loads(envelope["Message"]), "Subject": envelope["Subject"]})
                sqs.delete_message(QueueUrl=self._mailbox, ReceiptHandle=one["ReceiptHandle"])
        return [letter for letter in self._letters if letter["kind"] == kind]

    def _hear(self, params: Any, **_: Any) -> None:
        for entry in params["Entries"]:
            self._said.append({"detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])})

    def _subscribed(self, cloud: faulty.Cloud) -> str:
        sqs, name = cloud.client("sqs"), f"{self.world.prefix}-mailbox"
        url: str = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = f"arn:aws:sqs:{cloud.aws.region}:{cloud.aws.account_id}:{name}"
        statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        cloud.client("sns").subscribe(TopicArn=self.settings.topic_arn, Protocol="sqs", Endpoint=arn)
        return url
