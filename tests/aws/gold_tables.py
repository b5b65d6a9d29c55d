"""Gold tables of their own for tests of publishing: in the stack's gold database, with real Parquet files."""

import io
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from athena_client import Athena

from lakehouse.ledger.items import GoldPartition
from lakehouse.ledger.store import Ledger
from lakehouse.publish.catalog import Catalog
from tests.further_rights import serve_table
from tests.lake import Lake

_NAMES = itertools.count(1)
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}
Hook = Callable[[str], None]


class Crash(Exception):  # noqa: N818 (what a process dies of is no error of ours)
    """The process died here."""


class Hooked:
    """A client that says before and after each of its calls which one it is."""

    def __init__(self, client: Any, hook: Hook) -> None:
        self._client = client
        self._hook = hook

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if name in ("exceptions", "get_paginator", "meta"):
            return found

        def call(**arguments: Any) -> Any:
            self._hook(f"before {name}")
            answer = found(**arguments)
            self._hook(f"after {name}")
            return answer

        return call


class Publisher:
    """The publishing role's clients, made once, the deployer's and the administrator's."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.glue, self.dynamodb = lake.as_role("publish", "glue"), lake.as_role("publish", "dynamodb")
        self.s3, self.admin = lake.client("s3"), lake.client("glue")
        database, table = lake.settings.gold_database, lake.settings.ledger_table
        self.seen = Catalog(self.admin, database), Ledger(lake.client("dynamodb"), table)
        self.deployer = (
            Catalog(lake.as_person("deployer", "glue"), database),
            Ledger(lake.as_person("deployer", "dynamodb"), table),
        )

    def table(self, partitioned: bool = True) -> "GoldTable":
        """An empty table as a stack makes it."""
        table = GoldTable(self, f"made_up_{next(_NAMES)}", partitioned)
        table.create()
        serve_table(self.lake, "publish", table.name)
        return table


@dataclass(frozen=True)
class GoldTable:
    """A table of the catalog, with one column `id`, and perhaps partitioned by `day`."""

    by: Publisher
    name: str
    partitioned: bool

    @property
    def lake(self) -> Lake:
        return self.by.lake

    def create(self) -> None:
        where = "root" if self.partitioned else "run=none"
        self.by.admin.create_table(
            DatabaseName=self.lake.settings.gold_database,
            TableInput={
                "Name": self.name,
                "TableType": "EXTERNAL_TABLE",
                "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"},
                "PartitionKeys": [{"Name": "day", "Type": "date"}] if self.partitioned else [],
                "StorageDescriptor": {
                    **PARQUET,
                    "Columns": [{"Name": "id", "Type": "string"}],
                    "Location": f"s3://{self.lake.bucket}/gold/tests/{self.name}/{where}/",
                },
            },
        )

    def catalog(self, hook: Hook | None = None) -> Catalog:
        client = Hooked(self.by.glue, hook) if hook else self.by.glue
        return Catalog(client, self.lake.settings.gold_database)  # type: ignore[arg-type]

    def ledger(self, hook: Hook | None = None) -> Ledger:
        client = Hooked(self.by.dynamodb, hook) if hook else self.by.dynamodb
        return Ledger(client, self.lake.settings.ledger_table)  # type: ignore[arg-type]

    def place(self, run: str, day: str, rows: int = 1) -> GoldPartition:
        """A run's partition without files."""
        return GoldPartition(f"s3://{self.lake.bucket}/gold/tests/{self.name}/run={run}/1/day={day}/", rows, 10 * rows)

    def files(self, run: str, day: str, *identities: str) -> GoldPartition:
        """A run's file of a partition in the bucket; none without rows."""
        prefix = f"gold/tests/{self.name}/run={run}/1/day={day}/"
        body = io.BytesIO()
        if identities:
            pq.write_table(pa.table({"id": list(identities)}), body)
            key = f"{prefix}part-00000.parquet"
            self.by.s3.put_object(Bucket=self.lake.bucket, Key=key, Body=body.getvalue())
        return GoldPartition(f"s3://{self.lake.bucket}/{prefix}", len(identities), len(body.getvalue()))

    def rows(self) -> list[list[str | None]]:
        """What a reader sees: (id, day) of every row, by Athena."""
        athena = Athena(self.lake.aws, self.lake.bucket, self.lake.settings.gold_database)
        return athena.rows(f'select id, cast(day as varchar) from "{self.name}" order by 1, 2')

    def shown(self) -> dict[str, str]:
        """By partition the run that the catalog shows."""
        return {one.value: one.run_id for one in self.by.seen[0].partitions(self.name)}

    def decided(self) -> dict[str, str]:
        """By partition the run that the ledger says, where it has rows."""
        return {one.value: one.run_id for one in self.by.seen[1].partitions("tests", self.name) if one.rows}
