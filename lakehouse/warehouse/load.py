"""One run's gold into the warehouse: what is published, once, never older data over newer.

Repeating a load changes nothing: the tables are made equal to gold and seeds in one transaction, whatever they held.
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from lakehouse import names
from lakehouse.contract.model import GoldTable, Pipeline, Seed, Warehouse
from lakehouse.contract.personal import stored_columns
from lakehouse.errors import ContractError, SettingsError, WarehouseError
from lakehouse.ledger.items import GoldPointer
from lakehouse.ledger.store import Ledger
from lakehouse.log import log
from lakehouse.notify import Notification
from lakehouse.plan import RunPlan
from lakehouse.publish.pointer import is_older
from lakehouse.seeds import stored_csv, stored_records
from lakehouse.warehouse.data_api import DataApi, Row
from lakehouse.warehouse.sql import LOADS_DDL, TableSource, load_statements

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

Outcome = Literal["loaded", "overtaken"]
Tell = Callable[[Notification], None]
_VARIABLES = ("LAKE_WAREHOUSE_WORKGROUP", "LAKE_WAREHOUSE_DATABASE", "LAKE_WAREHOUSE_ROLE_ARN")


@dataclass(frozen=True)
class WarehouseSettings:
    """Where the warehouse is. Only the loading function knows."""

    workgroup: str
    database: str
    role_arn: str
    """The role that Redshift reads S3 with."""

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "WarehouseSettings":
        """Read `LAKE_WAREHOUSE_*`. Raises SettingsError where one is missing."""
        values = os.environ if env is None else env
        missing = [name for name in _VARIABLES if not values.get(name)]
        if missing:
            raise SettingsError(f"Environment lacks {', '.join(missing)}: the template sets them for the load function")
        return cls(*(values[name] for name in _VARIABLES))


@dataclass(frozen=True)
class TableLoad:
    """What a run changed in one table. `total` counts the table's rows afterwards."""

    inserted: int
    updated: int
    deleted: int
    total: int


@dataclass(frozen=True)
class WarehouseLoad:
    """How a load ended: `overtaken` changed nothing, as newer gold is shown or loaded already."""

    outcome: Outcome
    tables: Mapping[str, TableLoad] = field(default_factory=dict)

    def as_event(self) -> dict[str, Any]:
        """As JSON values; so it is kept in the run's ledger item."""
        return {"outcome": self.outcome, "tables": {name: asdict(load) for name, load in self.tables.items()}}


@dataclass(frozen=True)
class Surroundings:
    """What a load works with."""

    ledger: Ledger
    api: DataApi
    s3: "S3Client"
    bucket: str
    role_arn: str
    tell: Tell
    invocation: str
    """Names this try: the same request sent twice runs once, another try is another request."""


def load_run(pipeline: Pipeline, plan: RunPlan, around: Surroundings) -> WarehouseLoad:
    """Make the pipeline's warehouse tables equal to its published gold and its seeds; tell people once a run.

    Raises:
        ContractError: the pipeline has no warehouse, or a table's DDL or a seed's file is missing.
        WarehouseError: the run's gold is not published, or Redshift refuses.
    """
    warehouse = _warehouse(pipeline)
    pointers = [_pointer(around.ledger, plan, table) for table in warehouse.facts]
    if any(is_older(plan.versions, pointer.versions) for pointer in pointers):
        load = WarehouseLoad("overtaken")
    else:
        load = _load(pipeline, warehouse, plan, pointers, around)
    run = around.ledger.run(plan.pipeline, plan.batch, plan.run_id)
    if load.outcome == "loaded" and not (run and run.warehouse.get("outcome") == "loaded"):
        around.tell(about_load(plan, load))
    around.ledger.warehouse_loaded(plan.pipeline, plan.batch, plan.run_id, load.as_event())
    log("warehouse", pipeline=plan.pipeline, batch=plan.batch, run_id=plan.run_id, **load.as_event())
    return load


def about_load(plan: RunPlan, load: WarehouseLoad) -> Notification:
    """The message of a load."""
    lines = [
        f"  {table}: {one.inserted:,} new, {one.updated:,} changed, {one.deleted:,} removed; {one.total:,} rows\n"
        for table, one in sorted(load.tables.items())
    ]
    return Notification(
        id=names.digest("notification", plan.run_id, "warehouse_loaded"),
        kind="warehouse_loaded",
        pipeline=plan.pipeline,
        subject=f"[{plan.pipeline}] Warehouse loaded: batch {plan.batch}",
        text=f"Batch {plan.batch} is in the warehouse.\n{''.join(lines)}Run: {plan.run_id}\n",
        details={"batch": plan.batch, "run_id": plan.run_id, **load.as_event()},
    )


def _load(
    pipeline: Pipeline,
    warehouse: Warehouse,
    plan: RunPlan,
    pointers: Sequence[GoldPointer],
    around: Surroundings,
) -> WarehouseLoad:
    seeds = {seed.name: seed for seed in pipeline.seeds}
    sources = [_dimension(seeds[name], around) for name in warehouse.dimensions]
    sources += [_fact(_gold(pipeline, pointer.table), pointer) for pointer in pointers]
    ddl = [LOADS_DDL, *(_ddl(pipeline, source.table) for source in sources)]
    around.api.run(ddl, {}, f"{plan.run_id}-tables", names.digest("tables", plan.run_id, around.invocation))
    parameters = {"pipeline": plan.pipeline, "batch": plan.batch, "run_id": plan.run_id}
    statements = load_statements(sources, around.role_arn)
    token = names.digest("load", plan.run_id, around.invocation)
    tables = _table_loads(around.api.run(statements, parameters, f"{plan.run_id}-load", token))
    # A newer load came in between: it left no room for a record of this one.
    return WarehouseLoad("loaded", tables) if set(warehouse.facts) <= set(tables) else WarehouseLoad("overtaken")


def _table_loads(rows: Sequence[Row]) -> dict[str, TableLoad]:
    found = {}
    for table, *counts in rows:
        inserted, updated, deleted, total = (int(count or 0) for count in counts)
        found[str(table)] = TableLoad(inserted, updated, deleted, total)
    return found


def _warehouse(pipeline: Pipeline) -> Warehouse:
    if pipeline.warehouse is None:
        raise ContractError(f"pipelines/{pipeline.name}/pipeline.toml: no [warehouse], so nothing can be loaded")
    return pipeline.warehouse


def _gold(pipeline: Pipeline, name: str) -> GoldTable:
    return next(table for table in pipeline.gold if table.name == name)


def _pointer(ledger: Ledger, plan: RunPlan, table: str) -> GoldPointer:
    """What readers see of a gold table: this run's or a newer one's."""
    pointer = ledger.pointer(plan.pipeline, table)
    if pointer is None or is_older(pointer.versions, plan.versions):
        raise WarehouseError(
            f"Gold table {table} of run {plan.run_id} is not published: only what readers see is loaded. "
            "Run the publishing step first"
        )
    return pointer


def _fact(table: GoldTable, pointer: GoldPointer) -> TableSource:
    columns = tuple(column.name for column in table.columns)
    return TableSource(table.name, table.key, columns, pointer.location, versions_sum=sum(pointer.versions.values()))


def _dimension(seed: Seed, around: Surroundings) -> TableSource:
    """Upload the seed's file, personal columns as they are stored, once for each content."""
    content = stored_csv(seed)
    key = f"warehouse/{seed.pipeline}/{seed.name}/{hashlib.sha256(content).hexdigest()}.csv"
    try:
        around.s3.put_object(Bucket=around.bucket, Key=key, Body=content, ContentType="text/csv", IfNoneMatch="*")
    except ClientError as error:
        if error.response["Error"]["Code"] != "PreconditionFailed":  # it is there
            raise
    columns = tuple(column.name for column in stored_columns(seed.columns))
    header = tuple(stored_records(seed)[0])
    return TableSource(seed.name, seed.key, columns, f"s3://{around.bucket}/{key}", csv_header=header)


def _ddl(pipeline: Pipeline, table: str) -> str:
    file = pipeline.folder / "warehouse" / f"{table}.sql"
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ContractError(f"pipelines/{pipeline.name}/warehouse/{table}.sql is missing: the table's DDL") from error
