"""The Glue catalog as a query sees it: databases, tables, registered partitions, read with the caller's permission."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from localaws.athena.access import Caller
from localaws.athena.errors import QueryError, ddl_failed, not_supported

CATALOG = "awsdatacatalog"
_PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
_OPEN_CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
_LAZY_SIMPLE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
_JSON = ("org.openx.data.jsonserde.JsonSerDe", "org.apache.hive.hcatalog.data.JsonSerDe")
_VIEW_PREFIX, _VIEW_SUFFIX = "/* Presto View: ", " */"


@dataclass(frozen=True)
class Column:
    """A column as the catalog declares it; `type` is Hive's spelling."""

    name: str
    type: str
    comment: str = ""


@dataclass(frozen=True)
class Partition:
    """A registered partition: its values in the order of the table's keys, and where its files lie."""

    values: tuple[str, ...]
    location: str


@dataclass(frozen=True)
class Table:
    """A table or view of the catalog."""

    database: str
    name: str
    columns: tuple[Column, ...]
    partition_keys: tuple[Column, ...]
    location: str
    serde: str
    serde_parameters: dict[str, str]
    parameters: dict[str, str]
    view_text: str | None

    @property
    def full_name(self) -> str:
        return f"{self.database}.{self.name}"

    @property
    def format(self) -> str:
        """`parquet`, `open_csv`, `delimited`, `json`, `delta` or `view`. Raises QueryError for any other."""
        if self.view_text is not None:
            return "view"
        kinds = {self.parameters.get(name, "").lower() for name in ("table_type", "spark.sql.sources.provider")}
        if "delta" in kinds:
            return "delta"
        if "iceberg" in kinds:
            raise not_supported(f"Iceberg table {self.full_name}")
        if self.parameters.get("classification", "").lower() == "delta":
            raise QueryError(
                f"HIVE_UNSUPPORTED_FORMAT: table {self.full_name} is classified as delta, but Athena reads a Delta "
                "table by its log only with the table property table_type=DELTA"
            )
        known = {_PARQUET: "parquet", _OPEN_CSV: "open_csv", _LAZY_SIMPLE: "delimited"}
        if self.serde in _JSON:
            return "json"
        if self.serde not in known:
            raise not_supported(f"table {self.full_name} with SerDe '{self.serde}'")
        return known[self.serde]

    @property
    def skipped_header_lines(self) -> int:
        return int(self.parameters.get("skip.header.line.count", "0"))

    def view_sql(self) -> str:
        """The SELECT of a view that Athena made."""
        text = self.view_text or ""
        try:
            document = json.loads(base64.b64decode(text.removeprefix(_VIEW_PREFIX).removesuffix(_VIEW_SUFFIX)))
            return str(document["originalSql"])
        except (binascii.Error, ValueError, KeyError) as error:
            raise QueryError(f"INVALID_VIEW: view {self.full_name} was not made by Athena") from error


def encode_view(sql: str, database: str, columns: list[tuple[str, str]]) -> str:
    """The ViewOriginalText under which Athena stores a view; `columns` are (name, Trino type)."""
    document = {
        "originalSql": sql,
        "catalog": CATALOG,
        "schema": database,
        "columns": [{"name": name, "type": kind} for name, kind in columns],
    }
    return _VIEW_PREFIX + base64.b64encode(json.dumps(document).encode()).decode() + _VIEW_SUFFIX


class Catalog:
    """The Glue Data Catalog of one account and region, for one caller."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    def database_exists(self, database: str) -> bool:
        from ministack.services import glue

        self.caller.require_on_database("glue:GetDatabase", database)
        return database in glue._databases

    def databases(self) -> list[str]:
        from ministack.services import glue

        self.caller.require_on_database("glue:GetDatabases", "*")
        return sorted(glue._databases)

    def table(self, database: str, name: str) -> Table | None:
        """A table by its lower-case name, or None. Raises QueryError where the caller may not see it."""
        from ministack.services import glue

        self.caller.require_on_table("glue:GetTable", database, name)
        record = glue._tables.get(f"{database}/{name}")
        return _table(database, name, record) if record else None

    def tables(self, database: str) -> list[Table]:
        from ministack.services import glue

        self.caller.require_on_database("glue:GetTables", database)
        found = [record for record in glue._tables.values() if record["DatabaseName"] == database]
        return [_table(database, record["Name"], record) for record in sorted(found, key=lambda item: item["Name"])]

    def partitions(self, table: Table) -> list[Partition]:
        """The registered partitions, and no others."""
        from ministack.services import glue

        self.caller.require_on_table("glue:GetPartitions", table.database, table.name)
        return [
            Partition(tuple(record["Values"]), record.get("StorageDescriptor", {}).get("Location", ""))
            for record in glue._partitions.get(f"{table.database}/{table.name}", [])
        ]

    def create_database(self, name: str) -> None:
        self.caller.require_on_database("glue:CreateDatabase", name)
        self._call("_create_database", {"DatabaseInput": {"Name": name}})

    def drop_database(self, name: str) -> None:
        self.caller.require_on_database("glue:DeleteDatabase", name)
        self._call("_delete_database", {"Name": name})

    def create_table(self, database: str, table_input: dict[str, Any]) -> None:
        self.caller.require_on_table("glue:CreateTable", database, table_input["Name"])
        self._call("_create_table", {"DatabaseName": database, "TableInput": table_input})

    def update_table(self, database: str, table_input: dict[str, Any]) -> None:
        self.caller.require_on_table("glue:UpdateTable", database, table_input["Name"])
        self._call("_update_table", {"DatabaseName": database, "TableInput": table_input})

    def drop_table(self, database: str, name: str) -> None:
        self.caller.require_on_table("glue:DeleteTable", database, name)
        self._call("_delete_table", {"DatabaseName": database, "Name": name})

    def add_partition(self, table: Table, partition: Partition) -> None:
        """Register a partition with its own location."""
        self.caller.require_on_table("glue:BatchCreatePartition", table.database, table.name)
        descriptor = {**self._storage_descriptor(table), "Location": partition.location}
        value = {"Values": list(partition.values), "StorageDescriptor": descriptor}
        target = {"DatabaseName": table.database, "TableName": table.name}
        self._call("_create_partition", {**target, "PartitionInput": value})

    def drop_partition(self, table: Table, values: tuple[str, ...]) -> None:
        self.caller.require_on_table("glue:DeletePartition", table.database, table.name)
        target = {"DatabaseName": table.database, "TableName": table.name}
        self._call("_delete_partition", {**target, "PartitionValues": list(values)})

    def _storage_descriptor(self, table: Table) -> dict[str, Any]:
        from ministack.services import glue

        return dict(glue._tables[f"{table.database}/{table.name}"]["StorageDescriptor"])

    def _call(self, function: str, request: dict[str, Any]) -> None:
        from ministack.services import glue

        status, _, body = getattr(glue, function)(request)
        if status >= 300:
            answer = json.loads(body)
            raise ddl_failed(f"{answer.get('__type', 'Error')}: {answer.get('message', answer.get('Message', ''))}")


def _table(database: str, name: str, record: dict[str, Any]) -> Table:
    storage = record.get("StorageDescriptor") or {}
    serde = storage.get("SerdeInfo") or {}
    is_view = record.get("TableType") == "VIRTUAL_VIEW"
    return Table(
        database=database,
        name=name,
        columns=_columns(storage.get("Columns")),
        partition_keys=_columns(record.get("PartitionKeys")),
        location=storage.get("Location") or "",
        serde=serde.get("SerializationLibrary") or "",
        serde_parameters=dict(serde.get("Parameters") or {}),
        parameters=dict(record.get("Parameters") or {}),
        view_text=(record.get("ViewOriginalText") or "") if is_view else None,
    )


def _columns(records: list[dict[str, str]] | None) -> tuple[Column, ...]:
    return tuple(
        Column(item["Name"].lower(), item.get("Type") or "string", item.get("Comment") or "") for item in records or []
    )
