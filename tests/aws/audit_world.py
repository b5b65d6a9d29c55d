"""A small sound lake of two pipelines, made by the product's own steps, and an audit of it under the operator's rights.

`shop` has gold of every kind (partitioned, with CSV files, after another, with seeds), a corrected file, refused rows,
a repeated row, a refused file and a compacted batch; `activity` joins three datasets.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from deploy.parts.catalog import hive_type
from lakehouse import runs
from lakehouse.audit.audit import audit
from lakehouse.audit.findings import Checked, Finding, Note, Step
from lakehouse.audit.sources import Sources
from lakehouse.contract.load import load_pipeline, pipelines
from lakehouse.contract.model import Column, GoldTable
from lakehouse.engines.duckdb_compact import store_compacted
from lakehouse.engines.duckdb_run import run_duckdb
from lakehouse.engines.former import former_files
from lakehouse.engines.silver_cache import SilverCache
from lakehouse.ledger.items import GoldResult
from lakehouse.ledger.store import Ledger
from lakehouse.plan import RunPlan, RunRequest, first_tables
from lakehouse.publish.announce import GoldPublished
from lakehouse.publish.catalog import Catalog
from lakehouse.publish.derive import derive
from lakehouse.publish.run import finish_run
from lakehouse.silver.commit import commit_run
from lakehouse.silver.compact import compact_dataset
from lakehouse.silver.table import SilverStore
from tests.aws.gate_world import PASS, World, events, orders, users
from tests.sql.test_partitioned import sale

FOLDER = Path(__file__).parents[1] / "publish" / "pipelines" / "shop"
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}
FIRST, SECOND, THIRD = "2026-01-01", "2026-01-02", "2026-01-03"


@dataclass
class AuditWorld(World):
    """The lake. Its administrator tampers with it; the audit works as the operator."""

    folder: Path = field(default_factory=Path)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.pipelines = {"activity": pipelines()["activity"], "shop": load_pipeline(FOLDER)}
        self.stepfunctions.create_state_machine(
            name=f"{self.prefix}-shop", definition=json.dumps(PASS), roleArn=self._role("states")
        )
        self.database, self.glue = f"{self.prefix}_gold", self.aws.client("glue")
        self.glue.create_database(DatabaseInput={"Name": self.database})
        self.catalog = Catalog(self.glue, self.database)
        self.store = SilverStore.on_s3(self.bucket, self.aws.session(), {"AWS_ENDPOINT_URL": self.aws.endpoint_url})
        self.said: list[GoldPublished] = []
        self._create_tables()
        self.operator = self._operator()

    def empty(self) -> None:
        """Nothing is in the lake: quicker than another one."""
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket):
            for one in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                self.s3.delete_object(Bucket=self.bucket, Key=one["Key"], VersionId=one["VersionId"])
        table = self.settings.ledger_table
        for item in self.dynamodb.scan(TableName=table)["Items"]:
            self.dynamodb.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})
        for found in self.glue.get_tables(DatabaseName=self.database)["TableList"]:
            self.glue.delete_table(DatabaseName=self.database, Name=found["Name"])
        self._create_tables()

    def _create_tables(self) -> None:
        for pipeline in self.pipelines.values():
            for table in pipeline.gold:
                self.glue.create_table(DatabaseName=self.database, TableInput=self._definition(table))

    def policy(self, who: str) -> str:
        """`iam/<who>.json` for this lake: the catalog's database is its own."""
        return (
            super()
            .policy(who)
            .replace("database/gold", f"database/{self.prefix}_gold")
            .replace("table/gold/", f"table/{self.prefix}_gold/")
        )

    def fill(self) -> None:
        """Bring the sample files and run what they start."""
        self.bring("shop", f"sales/day={FIRST}/a.ndjson", sale("s1", "10.00", "Aa") + sale("s2", "5.50", "Bé"))
        self.run("shop", FIRST)
        repeated = sale("s4", "1.25", "Aa")
        many = "".join(sale(f"n{number}", "3.00", "Aa") for number in range(20))
        self.bring("shop", f"sales/day={SECOND}/a.ndjson", sale("s3", "7.00", "Aa") + repeated + repeated + many)
        self.bring("shop", f"sales/day={SECOND}/b.ndjson", many.replace("n1", "m1") + sale("s5", "false", "Bé"))
        self.run("shop", SECOND)
        self.compact("shop")
        self.bring("shop", f"sales/day={THIRD}/a.ndjson", sale("s6", "2.00", "Aa") + sale("s2", "6.50", "Aa"))
        self.run("shop", THIRD)
        self.bring("shop", f"sales/day={THIRD}/a.ndjson", sale("s6", "4.00", "Aa") + sale("s2", "6.50", "Aa"))
        self.bring("shop", f"sales/day={THIRD}/broken.ndjson", '{"sale_id": 1}\n' * 3)
        self.bring("shop", "elsewhere/x.csv", "no place for this\n")
        self.run("shop", THIRD)
        for dataset, text in (("users", users(1, 2, 3)), ("events", events(1, 2)), ("orders", orders(1, 2, 3))):
            self.bring("activity", f"{dataset}/june/{dataset}.json", text)
        self.run("activity", "june")

    def bring(self, pipeline: str, path: str, text: str) -> str:
        """Upload a file and let the gate judge it; its key."""
        key = f"bronze/{pipeline}/{path}"
        self.gate(self.administrator).handle(self.put(key, text), f"message-{key}")
        return key

    @property
    def administrator(self) -> dict[str, Any]:
        return {"s3": self.s3, "dynamodb": self.dynamodb, "stepfunctions": self.stepfunctions, "sns": self.sns}

    def run(self, pipeline: str, batch: str) -> None:
        """Every step of the run that the batch's last change started."""
        self.publish(self.commit(pipeline, batch))

    def commit(self, pipeline: str, batch: str) -> RunPlan:
        """The first step: silver holds what is in force."""
        state = self.ledger.batch(pipeline, batch)
        request = RunRequest(pipeline, batch, state.run_id or "", state.generation, "hash")
        return commit_run(self.pipelines[pipeline], request, self.store, self.ledger)

    def publish(self, plan: RunPlan) -> None:
        """The other steps, the tables that follow others included."""
        pipeline, said = self.pipelines[plan.pipeline], list[GoldPublished]()
        runs.gold_written(self.ledger, plan.pipeline, plan.batch, plan.run_id, self._make(plan, first_tables(pipeline)))
        finish_run(pipeline, plan, self.catalog, self.ledger, said.extend, lambda _: None)
        for event in said:
            derive(
                pipeline,
                event,
                lambda table: self._make(plan, [table])[table.name],
                self.catalog,
                self.ledger,
                said.extend,
                lambda _: None,
            )

    def _make(self, plan: RunPlan, tables: Any) -> dict[str, GoldResult]:
        cache = SilverCache(self.s3, self.bucket, self.folder / "cache")
        former = former_files(self.ledger, self.pipelines[plan.pipeline], plan.batch)
        return run_duckdb(self.pipelines[plan.pipeline], plan, tables, self.store, former, cache, 512)

    def compact(self, pipeline: str) -> int:
        """Compact what is closed."""
        (dataset,) = self.pipelines[pipeline].datasets
        done = compact_dataset(
            self.store,
            dataset,
            datetime.now(UTC) + timedelta(days=400),
            lambda batch: self.ledger.batch(pipeline, batch),
            lambda compaction: store_compacted(self.s3, self.bucket, dataset, 512, compaction),
        )
        return len(done)

    def audit(self, *wanted: str) -> list[Step]:
        """Everything that an audit says."""
        work = self.folder / "audit"
        work.mkdir(exist_ok=True)
        sources = Sources(
            s3=self.operator("s3"),
            ledger=Ledger(self.operator("dynamodb"), self.settings.ledger_table),
            catalog=Catalog(self.operator("glue"), self.database),
            store=self.operator_store,
            bucket=self.bucket,
            pipelines=self.pipelines,
            folder=work,
            memory_mb=512,
        )
        found = list(audit(sources, wanted))
        assert list(work.iterdir()) == []
        return found

    def findings(self) -> list[Finding]:
        return [step for step in self.audit() if isinstance(step, Finding)]

    def _operator(self) -> Any:
        keys = self.credentials("operator")
        session = boto3.Session(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=self.aws.region
        )
        self.operator_store = SilverStore.on_s3(self.bucket, session, {"AWS_ENDPOINT_URL": self.aws.endpoint_url})
        config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1})
        made = {
            name: session.client(name, endpoint_url=self.aws.endpoint_url, config=config)
            for name in ("s3", "dynamodb", "glue")
        }
        return made.__getitem__

    @contextmanager
    def other_object(self, key: str, body: bytes | None) -> Iterator[None]:
        """Other bytes at a key, or (None) nothing; as before afterwards."""
        if body is None:
            version = self.s3.delete_object(Bucket=self.bucket, Key=key)["VersionId"]
        else:
            version = self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)["VersionId"]
        try:
            yield
        finally:
            self.s3.delete_object(Bucket=self.bucket, Key=key, VersionId=version)

    @contextmanager
    def other_item(self, pk: str, sk: str, change: Any) -> Iterator[None]:
        """An item of the ledger that `change` has altered in place, or (None) no item; as before afterwards."""
        table, key = self.settings.ledger_table, {"pk": {"S": pk}, "sk": {"S": sk}}
        before = self.dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
        if change is None:
            self.dynamodb.delete_item(TableName=table, Key=key)
        else:
            item = json.loads(json.dumps(before))
            change(item)
            self.dynamodb.put_item(TableName=table, Item=item)
        try:
            yield
        finally:
            self.dynamodb.put_item(TableName=table, Item=before)

    def _definition(self, table: GoldTable) -> Any:
        keys = [column for column in table.columns if column.name == table.partition_by]
        where = "root" if keys else "run=none"
        return {
            "Name": table.name,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"},
            "PartitionKeys": _glue(keys),
            "StorageDescriptor": {
                **PARQUET,
                "Columns": _glue([column for column in table.columns if column not in keys]),
                "Location": f"s3://{self.bucket}/gold/{table.pipeline}/{table.name}/{where}/",
            },
        }


def _glue(columns: list[Column]) -> list[dict[str, str]]:
    return [{"Name": column.name, "Type": hive_type(column.type)} for column in columns]


def counted(steps: list[Step]) -> dict[str, tuple[int, int]]:
    """Objects and rows by layer."""
    found: dict[str, tuple[int, int]] = {}
    for step in steps:
        if isinstance(step, Checked):
            objects, rows = found.get(step.layer, (0, 0))
            found[step.layer] = objects + step.objects, rows + step.rows
    return found


def noted(steps: list[Step]) -> dict[str, int]:
    """How many of each kind of note."""
    found: dict[str, int] = {}
    for step in steps:
        if isinstance(step, Note):
            found[step.kind] = found.get(step.kind, 0) + step.count
    return found
