"""Expressions of Spark SQL mean on DuckDB, after translation, what they mean on Spark."""

import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from lakehouse.engines.dialect import to_duckdb
from lakehouse.engines.duckdb import Limits, connect
from lakehouse.engines.spark import SEMANTICS
from lakehouse.errors import EngineError

ROW = (
    "(select 5 as i, cast(7.25 as decimal(12,2)) as n, 2.75D as f, 'abbc' as s, date '2024-03-10' as d, "
    "timestamp '2024-03-10 23:59:58.123456' as t) as x"
)

EQUAL_WITH_TYPE = (
    "count_if(i > 1)",
    "count_if(i > 100)",
    "weekday(d)",
    "weekday(t)",
    "weekday(date '2024-03-11')",
    "dayofweek(d)",
    "dayofweek(t)",
    "extract(dow from d)",
    "extract(dayofweek from t)",
    "date_trunc('month', t)",
    "date_trunc('hour', t)",
    "date_add(d, 3)",
    "date_sub(d, 3)",
    "add_months(d, 1)",
    "last_day(d)",
    "cast(t as date)",
    "to_date(t)",
    "date_format(t, 'yyyy-MM-dd HH:mm:ss')",
    "t + interval 1 day",
    "cast(d as string)",
    "cast(n as string)",
    "concat(s, 'x')",
    "concat(s, cast(null as string))",
    "s || cast(null as string)",
    "concat_ws('-', s, null, 'b')",
    "substring(s, 2, 2)",
    "split(s, 'b')[0]",
    "regexp_replace(s, 'b', 'x')",
    "s rlike '^a'",
    "s like 'A%'",
    "cast('7' as int)",
    "try_cast('x' as int)",
    "i / 2",
    "i % 3",
    "-7 % 3",
    "round(n, 1)",
    "round(-2.5, 0)",
    "greatest(i, null, 3)",
    "coalesce(null, i)",
    "if(i > 1, 'a', 'b')",
    "i <=> null",
    "count(distinct i)",
    "count(distinct i, s)",
    "max_by(s, i)",
    "cast(sum(n) as decimal(18, 2))",
    "cast(sum(i) as bigint)",
    "cast(count_if(payment = 'success') as bigint)",
    "cast(year(t) as int)",
    "cast(month(t) as int)",
    "cast(day(t) as int)",
    "cast(hour(t) as int)",
    "cast('2024-02-29' as date)",
    "cast(i * n as decimal(18, 2))",
    "cast(sum(i * n) as decimal(18, 2))",
    "cast(row_number() over (order by i desc, s) as int)",
)

EQUAL_IN_VALUE = (
    "dayofyear(d)",
    "weekofyear(d)",
    "year(t)",
    "month(t)",
    "hour(t)",
    "quarter(d)",
    "length(s)",
    "sum(n)",
)
"""Of another integer or decimal type: the contract's type needs a cast."""

LOUD = (
    "i / 0",
    "n / (i - 5)",
    "cast(99999999999 as int)",
    "cast('x' as int)",
    "cast('2024-02-30' as date)",
    "cast(123456789.5 as decimal(10,2)) * 1 / (i - i)",
    "cast(sum(n) * 1000000000 as decimal(6,2))",
)
"""Errors on both: nothing turns into null, zero or infinity."""

UNEQUAL = ("hash(s)", "xxhash64(s)", "percentile(i, 0.5)", "cast(-1.5 as int)", "cast(sum(n) / 3 as bigint)")
"""Refused, because the engines answer differently."""


@pytest.fixture(scope="module")
def duck(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    return connect(Limits(256, 1, tmp_path_factory.mktemp("spill")))


@pytest.fixture
def ansi(spark: SparkSession) -> SparkSession:
    for name, value in SEMANTICS.items():
        spark.conf.set(name, value)
    return spark


def select(expression: str) -> str:
    return f"select {expression.replace('payment', 's')} as r from {ROW}"


def in_duckdb(duck: duckdb.DuckDBPyConnection, expression: str) -> tuple[str, Any]:
    sql = to_duckdb(select(expression), "test")
    kind = duck.execute(f"describe {sql}").fetchall()[0][1]
    return kind, plain(duck.execute(sql).fetchall()[0][0])


def plain(value: Any) -> Any:
    """Timestamps as UTC without their zone, as both engines' clients can give them."""
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).replace(tzinfo=None) if value.tzinfo else value
    return value


def in_spark(spark: SparkSession, expression: str) -> tuple[str, Any]:
    frame = spark.sql(select(expression))
    kind, value = frame.dtypes[0][1], frame.collect()[0][0]
    if kind == "timestamp":
        value = frame.selectExpr("date_format(r, 'yyyy-MM-dd HH:mm:ss.SSSSSS')").collect()[0][0]
        value = datetime.datetime.fromisoformat(value)
    return kind, value


NAMES = {"VARCHAR": "string", "INTEGER": "int", "TIMESTAMP WITH TIME ZONE": "timestamp"}


@pytest.mark.parametrize("expression", EQUAL_WITH_TYPE)
def test_an_expression_has_the_same_type_and_value(
    expression: str, ansi: SparkSession, duck: duckdb.DuckDBPyConnection
) -> None:
    kind, value = in_duckdb(duck, expression)
    assert (NAMES.get(kind, kind.lower()), value) == in_spark(ansi, expression)


@pytest.mark.parametrize("expression", EQUAL_IN_VALUE)
def test_an_expression_has_the_same_value(expression: str, ansi: SparkSession, duck: duckdb.DuckDBPyConnection) -> None:
    assert in_duckdb(duck, expression)[1] == in_spark(ansi, expression)[1]


@pytest.mark.parametrize("expression", LOUD)
def test_an_error_is_an_error_on_both(expression: str, ansi: SparkSession, duck: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises((PySparkException, Py4JJavaError)):
        in_spark(ansi, expression)
    with pytest.raises(duckdb.Error):
        in_duckdb(duck, expression)


@pytest.mark.parametrize("expression", UNEQUAL)
def test_what_the_engines_answer_differently_is_refused(expression: str) -> None:
    with pytest.raises(EngineError, match="DuckDB"):
        to_duckdb(select(expression), "test")


@pytest.mark.parametrize("sql", ["delete from users", "select 1; select 2", "select from", ""])
def test_only_one_select_is_taken(sql: str) -> None:
    with pytest.raises(EngineError, match=r"x\.sql"):
        to_duckdb(sql, "x.sql")


def test_the_gold_sql_of_every_pipeline_can_be_said_in_duckdb() -> None:
    for file in sorted((Path(__file__).parents[2] / "pipelines").glob("*/gold/*.sql")):
        assert to_duckdb(file.read_text(), file.name).startswith(("SELECT", "WITH", "/*"))
