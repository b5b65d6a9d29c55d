"""A gold result that is not what the contract declares never passes, on either engine."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from lakehouse.contract.model import Column, Dataset, GoldTable, Pipeline
from lakehouse.engines import duckdb as on_duckdb
from lakehouse.engines import spark as on_spark
from lakehouse.engines.current import current_rows
from lakehouse.errors import ContractError, EngineError

TABLE = GoldTable(
    "made_up",
    "t",
    "Made up",
    (Column("id", "long"), Column("day", "date"), Column("amount", "decimal(12,2)"), Column("note", "string", False)),
    key=("id", "day"),
)
DAY = "date '2026-01-01' as day"
GOOD = f"select cast(1 as bigint) as id, {DAY}, cast(2 as decimal(12,2)) as amount, cast(null as string) as note"
Write = Callable[[str], object]


@pytest.fixture(params=["spark", "duckdb"])
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Write:
    """Write a SELECT as the gold table `t`, on each engine; its figures."""
    (tmp_path / "gold").mkdir()
    pipeline = Pipeline("made_up", "Made up", tmp_path, "auto", (), (TABLE,))
    spark: SparkSession | None = request.getfixturevalue("spark") if request.param == "spark" else None

    def run(sql: str) -> object:
        (tmp_path / "gold" / "t.sql").write_text(sql)
        if spark is not None:
            on_spark.register_silver(spark, pipeline, {}, {}, {})
            return on_spark.write_gold(spark, pipeline, TABLE, str(tmp_path / "out"))
        with on_duckdb.connect(on_duckdb.Limits(256, 1, tmp_path / "spill")) as connection:
            return on_duckdb.write_gold(connection, pipeline, TABLE, tmp_path)[1]

    return run


def test_a_good_result_passes_with_its_figures(write: Write) -> None:
    figures = write(f"{GOOD} union all {GOOD.replace('1 as bigint', '2 as bigint')}")
    assert (figures.rows, figures.repeated_keys) == (2, 0)  # type: ignore[attr-defined]
    assert figures.nulls == {"id": 0, "day": 0, "amount": 0}  # type: ignore[attr-defined]


def test_no_row_is_a_good_result(write: Write) -> None:
    figures = write(f"select * from ({GOOD}) as x where id > 5")
    assert (figures.rows, figures.repeated_keys) == (0, 0)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (GOOD.replace("as bigint", "as int"), "column 1 is id int; the contract declares id bigint"),
        (GOOD.replace("decimal(12,2)", "decimal(12,3)"), r"column 3 is amount decimal\(12,3\)"),
        (GOOD.replace("2 as decimal(12,2)", "2 as double"), "column 3 is amount double"),
        (GOOD.replace("as amount", "as sum"), "column 3 is sum"),
        (f"select day, id, amount, note from ({GOOD}) as x", "column 1 is day date"),
        (f"select id, day, amount from ({GOOD}) as x", "gives columns"),
        (f"select id, day, amount, note, 1 as more from ({GOOD}) as x", "gives columns"),
        (f"{GOOD} union all {GOOD}", "1 of the keys"),
        (GOOD.replace("2 as decimal", "null as decimal"), r"rows without a value in required columns: \{'amount': 1\}"),
        (GOOD.replace(DAY, "cast(null as date) as day"), r"required columns: \{'day': 1\}"),
    ],
)
def test_a_result_unlike_the_contract_is_refused(sql: str, message: str, write: Write) -> None:
    with pytest.raises(EngineError, match=message):
        write(sql)


def test_the_same_id_on_two_days_is_two_keys(write: Write) -> None:
    assert write(f"{GOOD} union all {GOOD.replace('01-01', '01-02')}").rows == 2  # type: ignore[attr-defined]


def test_broken_sql_is_an_error(write: Write) -> None:
    with pytest.raises((PySparkException, duckdb.Error, EngineError)):
        write("select id frm nowhere")


def test_a_missing_sql_file_is_named(tmp_path: Path) -> None:
    pipeline = Pipeline("made_up", "Made up", tmp_path, "auto", (), (TABLE,))
    with (
        on_duckdb.connect(on_duckdb.Limits(256, 1, tmp_path / "spill")) as connection,
        pytest.raises(ContractError, match=r"pipelines/made_up/gold/t\.sql is missing"),
    ):
        on_duckdb.write_gold(connection, pipeline, TABLE, tmp_path)


def test_one_slot_needs_no_ranking_and_two_do() -> None:
    dataset = Dataset("p", "things", "Made up", (), (), (Column("id", "long"), Column("order", "string")), ("id",))
    assert current_rows(dataset, "_silver", 1) == "select `id`, `order`, _batch from _silver"
    ranking = "row_number() over (partition by `id` order by _batch desc, coalesce(_origin, _slot) desc)"
    assert ranking in current_rows(dataset, "_s", 2)
    several = replace(dataset, key=("id", "order"))
    assert "partition by `id`, `order`" in current_rows(several, "_s", 2)
