"""The made-up pipeline `shop` in the stack's bucket, ledger and catalog: from files to gold, without a workflow."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from deploy.parts.catalog import hive_type
from lakehouse import names, runs
from lakehouse.contract.load import load_pipeline
from lakehouse.contract.model import Column, GoldTable, Pipeline, Place
from lakehouse.contract.route import place_of
from lakehouse.engines.duckdb_run import run_duckdb
from lakehouse.engines.former import former_files
from lakehouse.engines.silver_cache import SilverCache
from lakehouse.gate.judge import judge
from lakehouse.ledger.items import FileRecord, GoldResult, SlotInForce, now
from lakehouse.ledger.store import Ledger
from lakehouse.names import digest
from lakehouse.notify import Notification
from lakehouse.plan import RunPlan, RunRequest, first_tables
from lakehouse.publish.announce import GoldPublished
from lakehouse.publish.catalog import Catalog
from lakehouse.publish.derive import derive
from lakehouse.publish.run import finish_run
from lakehouse.silver.commit import commit_dataset, commit_run
from lakehouse.silver.table import SilverStore
from localaws import roles
from tests.further_rights import serve
from tests.lake import Lake
from tests.sql.test_partitioned import sale

SHOP = load_pipeline(Path(__file__).parents[1] / "publish" / "pipelines" / "shop")
__all__ = ["SHOP", "Shop", "sale"]


@dataclass
class Shop:
    """One lake of the shop. Each instance has batches of its own, but silver and gold are one."""

    lake: Lake
    folder: Path
    pipeline: Pipeline = SHOP
    said: list[GoldPublished] = field(default_factory=list)
    told: list[Notification] = field(default_factory=list)

    def __post_init__(self) -> None:
        serve(self.lake, [self.pipeline])
        self.s3 = self.lake.client("s3")
        self.ledger = Ledger(self.lake.client("dynamodb"), self.lake.settings.ledger_table)
        self.catalog = Catalog(self.lake.as_role("publish", "glue"), self.lake.settings.gold_database)

    def create_tables(self) -> None:
        """The catalog's tables, as a stack makes them."""
        glue = self.lake.client("glue")
        for table in SHOP.gold:
            glue.create_table(DatabaseName=self.catalog.database, TableInput=self._definition(table))

    def drop_tables(self) -> None:
        for table in SHOP.gold:
            self.lake.client("glue").delete_table(DatabaseName=self.catalog.database, Name=table.name)

    def store(self, who: str) -> SilverStore:
        """Silver as a role reaches it."""
        keys = roles.assume(self.lake.named(who), "lambda.amazonaws.com", "test")
        region = self.lake.aws.region
        session = boto3.Session(keys.access_key_id, keys.secret_access_key, keys.session_token, region_name=region)
        return SilverStore.on_s3(self.lake.bucket, session, {"AWS_ENDPOINT_URL": self.lake.aws.endpoint_url})

    def bring_day(self, day: str, name: str, content: str) -> int:
        """A file of the shop; its size in bytes."""
        self.bring(f"sales/day={day}/{name}.ndjson", content)
        return len(content.encode())

    def bring(self, path: str, content: str) -> Place:
        """What the gate does with a file."""
        pipeline = self.pipeline.name
        place = place_of(f"bronze/{pipeline}/{path}", {pipeline: self.pipeline})
        assert isinstance(place, Place)
        file = self.folder / "in"
        file.write_text(content)
        with file.open("rb") as stream:
            found = judge(stream, place.key, self.pipeline.dataset(place.dataset), self.folder)
        assert found.parquet is not None, found.message
        file_id = digest("shop", place.slot_id, found.content_sha256)
        key = names.silver_prefix(pipeline, place.dataset) + names.silver_data_path(file_id)
        self.s3.upload_file(str(found.parquet), self.lake.bucket, key)
        size, rows = found.parquet.stat().st_size, found.rows_accepted
        judged = FileRecord(
            pipeline=pipeline,
            dataset=place.dataset,
            batch=place.batch,
            key=place.key,
            file_id=file_id,
            version_id="v",
            content_sha256=found.content_sha256,
            bytes=found.bytes,
            verdict="accepted",
            at=now(),
            rows_in=rows,
            rows_accepted=rows,
            parquet_bytes=size,
        )
        self.ledger.table.put(judged)
        slot = self.ledger.batch(pipeline, place.batch).slots.get(place.slot_id)
        revision = slot.revision + 1 if slot else 1
        entry = SlotInForce(place.dataset, place.key, file_id, rows, found.bytes, size, revision)
        self.ledger.put_in_force(pipeline, place.batch, place.slot_id, entry)
        return place

    def forget(self, batch: str) -> None:
        """Take a batch out of silver and the ledger, for the tests that come after."""
        pipeline = self.pipeline.name
        for dataset in self.pipeline.datasets:
            commit_dataset(self.store("commit"), dataset, batch, dict)
        for item in ["BATCH", *(f"FILE#{file.file_id}" for file in self.ledger.files_of(pipeline, batch))]:
            key = {"pk": {"S": f"{pipeline}#{batch}"}, "sk": {"S": item}}
            self.lake.client("dynamodb").delete_item(TableName=self.lake.settings.ledger_table, Key=key)

    def commit(self, batch: str, run_id: str) -> RunPlan:
        """The run's first step, under its role."""
        pipeline = self.pipeline.name
        request = RunRequest(pipeline, batch, run_id, self.ledger.batch(pipeline, batch).generation, "hash")
        ledger = Ledger(self.lake.as_role("commit", "dynamodb"), self.lake.settings.ledger_table)
        return commit_run(self.pipeline, request, self.store("commit"), ledger)

    def make(self, plan: RunPlan, who: str = "gold", *tables: GoldTable) -> dict[str, GoldResult]:
        """Gold by DuckDB, under the role of a function."""
        ledger = Ledger(self.lake.as_role(who, "dynamodb"), self.lake.settings.ledger_table)
        cache = SilverCache(self.lake.as_role(who, "s3"), self.lake.bucket, self.folder / "cache")
        wanted, former = tables or first_tables(self.pipeline), former_files(ledger, self.pipeline, plan.batch)
        return run_duckdb(self.pipeline, plan, wanted, self.store(who), former, cache, 1024)

    def run(self, day: str, run_id: str) -> RunPlan:
        """Commit, make and publish; what is said and told is kept."""
        plan = self.commit(day, run_id)
        runs.gold_written(self.ledger, "shop", day, run_id, self.make(plan))
        self.finish(plan)
        return plan

    def finish(self, plan: RunPlan) -> str:
        ledger = Ledger(self.lake.as_role("publish", "dynamodb"), self.lake.settings.ledger_table)
        return finish_run(SHOP, plan, self.catalog, ledger, self.said.extend, self.told.append)

    def derive(self, event: GoldPublished) -> dict[str, str]:
        """What the function does that hears of published gold, under its role."""
        ledger = Ledger(self.lake.as_role("derive", "dynamodb"), self.lake.settings.ledger_table)
        catalog = Catalog(self.lake.as_role("derive", "glue"), self.lake.settings.gold_database)

        def make(table: GoldTable) -> GoldResult:
            plan = RunPlan("shop", event.batch, event.run_id, "duckdb", event.versions, 0, slots=event.slots)
            return self.make(plan, "derive", table)[table.name]

        return derive(SHOP, event, make, catalog, ledger, self.said.extend, self.told.append)

    def text(self, uri: str) -> str:
        """An object's content."""
        key = uri.removeprefix(f"s3://{self.lake.bucket}/")
        return str(self.s3.get_object(Bucket=self.lake.bucket, Key=key)["Body"].read().decode())

    def _definition(self, table: GoldTable) -> Any:
        from gold_tables import PARQUET

        keys = [column for column in table.columns if column.name == table.partition_by]
        columns = [column for column in table.columns if column not in keys]
        where = "root" if keys else "run=none"
        location = f"s3://{self.lake.bucket}/gold/shop/{table.name}/{where}/"
        return {
            "Name": table.name,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"},
            "PartitionKeys": _glue(keys),
            "StorageDescriptor": {**PARQUET, "Columns": _glue(columns), "Location": location},
        }


def _glue(columns: list[Column]) -> list[dict[str, str]]:
    return [{"Name": column.name, "Type": hive_type(column.type)} for column in columns]


def event_of(published: GoldPublished) -> dict[str, Any]:
    """EventBridge's event."""
    return {"detail-type": "Gold Published", "source": "lake", "detail": json.loads(published.detail())}
