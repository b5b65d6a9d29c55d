"""A lake of its own for forgetting: three pipelines of the project on DuckDB, with the people who may forget."""

import csv
import io
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from cli.forget import forgetter
from cli.home import Home, Server
from cli.lake import Lake as CliLake
from cli.query import run_query
from cli.screen import Screen
from lakehouse.contract.load import load_pipeline
from lakehouse.contract.model import Pipeline
from lakehouse.erase.forget import Forgetter
from tests.lake import Lake

PIPELINES = ("activity", "carts", "transactions")
PREFIX = "forget"


def user(number: int, country: str = "IN") -> dict[str, str]:
    return {
        "user_id": f"u_{number}",
        "signup_date": "2026-01-01T00:00:00Z",
        "country": country,
        "device_type": "mobile",
        "marketing_source": "youtube",
    }


def event(number: int, of: int) -> dict[str, str]:
    return {
        "event_id": f"e_{number}",
        "user_id": f"u_{of}",
        "event_type": "product_view",
        "product_id": "p_1",
        "event_timestamp": "2026-01-02T00:00:00Z",
        "session_id": f"s_{of}",
        "device_type": "mobile",
    }


def order(number: int, of: int) -> dict[str, object]:
    return {
        "order_id": f"o_{number}",
        "user_id": f"u_{of}",
        "product_id": "p_1",
        "order_amount": 12.5,
        "currency": "USD",
        "order_timestamp": "2026-01-02T00:00:00Z",
        "payment_status": "success",
    }


def sale(name: str, customer: str, product: str = "Jeans") -> dict[str, object]:
    return {
        "transaction_id": name,
        "timestamp": "2026-01-31T10:00:00Z",
        "customer_id": customer,
        "product_id": "PROD-005",
        "product_name": product,
        "category": "Clothing",
        "quantity": 2,
        "price": 10.0,
        "total_amount": 20.0,
    }


def lines(*rows: Mapping[str, object]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


@dataclass
class World:
    """The lake, and what a test does with it."""

    lake: Lake
    pipelines: dict[str, Pipeline]

    def __post_init__(self) -> None:
        self.s3 = self.lake.client("s3")
        aws = self.lake.aws
        self.cli = CliLake(Home(aws.state.path), Server(0, aws.port), aws.region, self.lake.outputs)
        self.cli.__dict__["pipelines"] = self.pipelines
        self.ledger = self.cli.ledger

    def put(self, key: str, body: bytes) -> str:
        """A file into bronze; its version, once the gate has judged it."""
        version = str(self.s3.put_object(Bucket=self.lake.bucket, Key=key, Body=body)["VersionId"])
        pipeline = key.split("/")[1]
        eventually(lambda: any(slot.judged_version_id == version for slot in self._slots(pipeline)), key)
        return version

    def put_all(self, files: Mapping[str, bytes], seconds: float = 60) -> None:
        """Files into bronze, all of them judged."""
        sent = {
            key: str(self.s3.put_object(Bucket=self.lake.bucket, Key=key, Body=body)["VersionId"])
            for key, body in files.items()
        }
        names = {key.split("/")[1] for key in files}

        def judged() -> bool:
            found = {slot.judged_version_id for name in names for slot in self._slots(name)}
            return set(sent.values()) <= found

        eventually(judged, str(sent), seconds)

    def invoke(self, function: str, **event: object) -> dict[str, Any]:
        """What a function of the lake answers."""
        answer = self.lake.client("lambda").invoke(
            FunctionName=self.lake.named(function), Payload=json.dumps(event).encode()
        )
        found: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, found
        return found

    def query(self, sql: str) -> list[list[str]]:
        """Rows by Athena."""
        answer = run_query(self.cli, sql, Screen(as_json=True))
        return [[str(value) for value in row] for row in answer.rows]

    def log(self, message: str) -> None:
        """A line in the gate's log, as if the lake broke its rule."""
        logs, group = self.lake.client("logs"), f"/aws/lambda/{self.lake.named('gate')}"
        logs.create_log_stream(logGroupName=group, logStreamName="forgetful")
        event = {"timestamp": int(time.time() * 1000), "message": message}
        logs.put_log_events(logGroupName=group, logStreamName="forgetful", logEvents=[event])

    def _slots(self, pipeline: str) -> list[Any]:
        return [*self.ledger.slots(pipeline), *self.ledger.slots("_unknown")]

    def settle(self, pipeline: str, *batches: str) -> None:
        """Until the runs of some batches, and what follows them, have ended."""
        work = self.forgetter(pipeline, "nobody at all")
        for batch in batches:
            work.waits.batch(batch)
        work.waits.quiet()

    def forgetter(self, pipeline: str, value: str) -> Forgetter:
        return forgetter(self.cli, self.pipelines[pipeline], value, Screen(as_json=True), lambda _: None)

    def body(self, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=self.lake.bucket, Key=key)["Body"].read())

    def every_version(self, prefix: str = "") -> dict[tuple[str, str], bytes]:
        """Bytes of all versions of all objects, by key and version."""
        found = {}
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=self.lake.bucket, Prefix=prefix):
            for one in page.get("Versions", []):
                where = {"Bucket": self.lake.bucket, "Key": one["Key"], "VersionId": one["VersionId"]}
                found[one["Key"], one["VersionId"]] = self.s3.get_object(**where)["Body"].read()
        return found

    def gold(self, pipeline: str, table: str) -> list[dict[str, Any]]:
        """Rows that the catalog shows, sorted."""
        name = {"DatabaseName": self.lake.settings.gold_database}
        glue = self.lake.client("glue")
        places = [glue.get_table(**name, Name=table)["Table"]["StorageDescriptor"]["Location"]]
        parts = glue.get_partitions(**name, TableName=table)["Partitions"]
        places += [one["StorageDescriptor"]["Location"] for one in parts]
        rows: list[dict[str, Any]] = []
        for place in places:
            prefix = place.removeprefix(f"s3://{self.lake.bucket}/")
            for one in self.s3.list_objects_v2(Bucket=self.lake.bucket, Prefix=prefix).get("Contents", []):
                rows += pq.read_table(io.BytesIO(self.body(one["Key"]))).to_pylist()
        return sorted(rows, key=lambda row: [str(value) for value in row.values()])

    def export(self, pipeline: str, table: str) -> list[dict[str, str]]:
        """Rows of the CSV file that goes with what is shown."""
        pointer = self.ledger.pointer(pipeline, table)
        assert pointer is not None
        assert pointer.csv is not None
        return list(csv.DictReader(io.StringIO(self.body(pointer.csv.split("/", 3)[3]).decode())))


def copy_pipelines(source: Path, target: Path) -> dict[str, Pipeline]:
    """The pipelines' folders, all with the engine `duckdb`."""
    import shutil

    for name in PIPELINES:
        shutil.copytree(source / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        contract = target / name / "pipeline.toml"
        contract.write_text(contract.read_text().replace('engine = "spark"', 'engine = "duckdb"'))
    return {name: load_pipeline(target / name) for name in PIPELINES}


def eventually(look: Callable[[], Any], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, f"did not happen in time: {what}"
        time.sleep(0.05)
