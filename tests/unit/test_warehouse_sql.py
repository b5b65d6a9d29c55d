"""The SQL of a load, and each pipeline's DDL held against its contract."""

from dataclasses import replace
from decimal import Decimal

import pytest
import sqlglot
from sqlglot import exp

from lakehouse.contract.load import pipelines
from lakehouse.contract.model import Column, Pipeline
from lakehouse.errors import ContractError, SettingsError
from lakehouse.warehouse.load import WarehouseSettings
from lakehouse.warehouse.sql import MAX_STATEMENTS, TableSource, load_statements
from lakehouse.warehouse.types import redshift_type

ROLE = "arn:aws:iam::000000000000:role/w"
FACT = TableSource("f", ("k", "l"), ("k", "l", "v"), "s3://lake/gold/f/run=1/1/", versions_sum=7)
DIMENSION = TableSource("d", ("k",), ("k", "v"), "s3://lake/warehouse/d/a.csv", csv_header=("v", "k"))
TABLES = [
    (pipeline, table)
    for pipeline in pipelines().values()
    if pipeline.warehouse
    for table in (*pipeline.warehouse.facts, *pipeline.warehouse.dimensions)
]


@pytest.mark.parametrize(("pipeline", "table"), TABLES, ids=lambda value: getattr(value, "name", value))
def test_ddl_has_the_contracts_columns_types_and_key(pipeline: Pipeline, table: str) -> None:
    contract = next(one for one in (*pipeline.gold, *pipeline.seeds) if one.name == table)
    text = (pipeline.folder / "warehouse" / f"{table}.sql").read_text()
    assert text.startswith("-- ")
    created = sqlglot.parse_one(text, read="redshift")
    assert isinstance(created, exp.Create)
    assert created.args["exists"], "create table if not exists"
    assert created.this.this.name == table
    columns = [part for part in created.this.expressions if isinstance(part, exp.ColumnDef)]
    assert [(one.name, one.args["kind"].sql("redshift").lower(), is_required(one)) for one in columns] == [
        (column.name, redshift_type(column), column.required) for column in contract.columns
    ]
    assert [name.name for name in created.find(exp.PrimaryKey).expressions] == list(contract.key)
    assert created.find(exp.SortKeyProperty)
    assert created.find(exp.DistKeyProperty, exp.DistStyleProperty)


def is_required(column: exp.ColumnDef) -> bool:
    return column.find(exp.NotNullColumnConstraint) is not None


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (Column("a", "string"), "varchar(4096)"),
        (Column("a", "string", max_length=20_000), "varchar(65535)"),
        (Column("a", "int"), "integer"),
        (Column("a", "long"), "bigint"),
        (Column("a", "decimal(12,2)", min=Decimal(0)), "decimal(12, 2)"),
        (Column("a", "double"), "double precision"),
        (Column("a", "boolean"), "boolean"),
        (Column("a", "date"), "date"),
        (Column("a", "timestamp"), "timestamp"),
    ],
)
def test_types_of_the_warehouse(column: Column, expected: str) -> None:
    assert redshift_type(column) == expected


def test_a_load_locks_first_and_reports_last() -> None:
    statements = load_statements([DIMENSION, FACT], ROLE)
    assert statements[0] == "lock lake_loads"
    assert statements[-1].startswith("select table_name, rows_inserted")
    assert statements[1:3] == [
        "create temp table stage_d (like d)",
        f"copy stage_d (v, k) from 's3://lake/warehouse/d/a.csv' iam_role '{ROLE}' "
        "format as csv ignoreheader 1 emptyasnull",
    ]
    assert statements[8] == f"copy stage_f from 's3://lake/gold/f/run=1/1/' iam_role '{ROLE}' format as parquet"
    assert statements[12] == (
        "merge into f using changed_f on f.k = changed_f.k and f.l = changed_f.l "
        "when matched then update set v = changed_f.v "
        "when not matched then insert (k, l, v) values (changed_f.k, changed_f.l, changed_f.v)"
    )


def test_whatever_changes_a_fact_is_guarded_against_newer_loads() -> None:
    guard = (
        "(select coalesce(max(versions_sum), 0) from lake_loads where table_name = 'f' and pipeline = :pipeline) <= 7"
    )
    changing = [sql for sql in load_statements([FACT], ROLE) if sql.startswith(("delete", "insert"))]
    assert [sql.split(" ")[2] for sql in changing] == ["lake_loads", "f"]
    assert all(guard in sql for sql in changing)
    assert any(guard in sql for sql in load_statements([FACT], ROLE) if "temp table changed_f as" in sql)
    assert not any("coalesce" in sql for sql in load_statements([DIMENSION], ROLE))


def test_a_quote_in_an_address_stays_inside_its_literal() -> None:
    copied = load_statements([replace(FACT, location="s3://lake/it's\\x/")], ROLE)[2]
    assert "from 's3://lake/it''s\\\\x/' iam_role" in copied


def test_more_tables_than_one_transaction_takes_are_refused() -> None:
    assert len(load_statements([FACT] * 6, ROLE)) <= MAX_STATEMENTS
    with pytest.raises(ContractError, match="Data API takes 40"):
        load_statements([FACT] * 7, ROLE)


def test_the_load_function_names_what_its_environment_lacks() -> None:
    with pytest.raises(SettingsError, match="LAKE_WAREHOUSE_DATABASE, LAKE_WAREHOUSE_ROLE_ARN"):
        WarehouseSettings.from_env({"LAKE_WAREHOUSE_WORKGROUP": "lakegate"})
