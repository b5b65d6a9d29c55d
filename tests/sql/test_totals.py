"""Gold whose totals are not silver's never passes, nor silver whose files are not what its log says: on each engine."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakehouse.contract.load import pipelines
from lakehouse.contract.model import Pipeline, Total
from lakehouse.engines import duckdb as on_duckdb
from lakehouse.engines import spark as on_spark
from lakehouse.engines.dialect import to_duckdb
from lakehouse.engines.totals import checks_sql
from lakehouse.errors import BalanceError, EngineError
from lakehouse.silver.slots import SlotSwap
from lakehouse.silver.table import active_files, commit_swap, open_table, pinned_tables
from tests.sql.cases import LocalSilver
from tests.sql.test_partitioned import BY_DAY, ONE, SALES, SHOP, TOTALS, TWO, sale, step
from tests.tamper import one_row_less

FILES = {f"{ONE}/a": sale("x", "1.50") + sale("y", "2.25", "Bé"), f"{TWO}/a": sale("z", "4.00")}


class Gold:
    """Makes gold of the shop's silver on one engine or the other."""

    def __init__(self, folder: Path, spark: SparkSession | None) -> None:
        self.folder, self.spark = folder, spark
        self.silver = LocalSilver(folder / "lake", SHOP)
        self.silver.bring_all([step(folder / "1", FILES)])
        self.uri = self.silver.store.uri("shop", "sales")

    def totals(self, sql: str | None = None, totals: tuple[Total, ...] | None = None) -> Mapping[str, str | None]:
        """Totals of the table by city, made by another SELECT or checked by other totals where given."""
        table = TOTALS if totals is None else replace(TOTALS, totals=totals)
        pipeline = replace(SHOP, folder=self._with("city_totals", sql)) if sql else SHOP
        tables = pinned_tables(self.silver.store, SHOP.datasets)
        versions, slots = {"sales": tables["sales"].version}, {"sales": tables["sales"].slots}
        if self.spark:
            on_spark.register_silver(self.spark, pipeline, {"sales": self.uri}, versions, slots)
            on_spark.check_rows(self.spark, pipeline, {"sales": tables["sales"].rows})
            return on_spark.write_gold(self.spark, pipeline, table, str(self.folder / "out")).totals
        (self.folder / "out").mkdir()
        with on_duckdb.connect(on_duckdb.Limits(512, 2, self.folder / "spill")) as connection:
            self._register(connection, pipeline)
            return on_duckdb.write_gold(connection, pipeline, table, self.folder / "out")[1].totals

    def of_day(self, sql: str | None = None) -> Mapping[str, str | None]:
        """Totals of the table by day, of one day's partition alone."""
        pipeline = replace(SHOP, folder=self._with("sales_by_day", sql)) if sql else SHOP
        tables = pinned_tables(self.silver.store, SHOP.datasets)
        slots = {"sales": tables["sales"].slots}
        if self.spark:
            versions = {"sales": tables["sales"].version}
            on_spark.register_silver(self.spark, pipeline, {"sales": self.uri}, versions, slots)
            on_spark.show_current(self.spark, pipeline, slots, {ONE})
            target = str(self.folder / "out")
            return on_spark.write_partitions(self.spark, pipeline, BY_DAY, target, {ONE})[1].totals
        (self.folder / "out").mkdir()
        with on_duckdb.connect(on_duckdb.Limits(512, 2, self.folder / "spill")) as connection:
            self._register(connection, pipeline)
            on_duckdb.show_current(connection, pipeline, slots, {ONE})
            return on_duckdb.write_partitions(connection, pipeline, BY_DAY, self.folder / "out", {ONE})[1].totals

    def _register(self, connection: "on_duckdb.duckdb.DuckDBPyConnection", pipeline: Pipeline) -> None:
        tables = pinned_tables(self.silver.store, SHOP.datasets)
        versions = {"sales": tables["sales"].version}
        on_duckdb.register_silver(
            connection, pipeline, self.silver.store, versions, lambda _, files: [Path(self.uri) / f.path for f in files]
        )

    def _with(self, table: str, sql: str) -> Path:
        folder = self.folder / "shop"
        shutil.copytree(SHOP.folder, folder)  # type: ignore[arg-type]
        (folder / "gold" / f"{table}.sql").write_text(sql)
        return folder


@pytest.fixture(params=["duckdb", "spark"])
def gold(request: pytest.FixtureRequest, tmp_path: Path) -> Gold:
    return Gold(tmp_path, request.getfixturevalue("spark") if request.param == "spark" else None)


def test_totals_that_agree_are_told(gold: Gold) -> None:
    assert gold.totals() == {"sales": "3", "amount": "7.75"}


def test_a_partition_is_compared_with_its_own_batches_alone(gold: Gold) -> None:
    assert gold.of_day() == {"sales": "2", "amount": "3.75"}


CITIES = "select sales.city, cast(null as string) as note, count(*) as sales, "
REST = "cast(sum(sales.amount) as decimal(18, 2)) as amount, max(sales.sold_at) as last_sold_at from sales "
GROUP = " group by sales.city"
LOSES = f"{CITIES}{REST} inner join cities on sales.city = cities.city and cities.coast{GROUP}"
FANS_OUT = f"{CITIES}{REST} inner join cities on sales.city <> cities.city or sales.city = cities.city{GROUP}"
A_CENT = f"{CITIES}{REST}{GROUP}".replace("sum(sales.amount)", "sum(sales.amount) + 0.01")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (LOSES, r"total 'sales' is \d in gold and 3 in silver, total 'amount' is \d\.\d\d in gold and 7\.75 in silver"),
        (FANS_OUT, r"total 'sales' is \d+ in gold and 3 in silver"),
        (A_CENT, r"city_totals\.sql of pipeline shop: total 'amount' is 7\.77 in gold and 7\.75 in silver"),
    ],
    ids=["a join that loses rows", "a join that fans out", "a cent for each city"],
)
def test_gold_that_lost_or_doubled_anything_is_refused(sql: str, message: str, gold: Gold) -> None:
    with pytest.raises(EngineError, match=message):
        gold.totals(sql)


def test_a_partition_that_lost_a_row_is_refused(gold: Gold) -> None:
    sql = "select sale_id, amount, '' as note, cast(_batch as date) as day from sales where sale_id <> 'y'"
    with pytest.raises(EngineError, match=r"'sales' is 1 in gold and 2 in silver, total 'amount' is 1\.50 in gold"):
        gold.of_day(sql)


@pytest.mark.parametrize("value", ["cast(sum(amount) as double)", "max(last_sold_at)"])
def test_values_that_cannot_be_compared_exactly_are_refused(value: str, gold: Gold) -> None:
    total = Total("sum", value, "select 1")
    with pytest.raises(
        EngineError, match=r"\[gold\.city_totals\.totals\] of pipeline shop: 'sum' is a (float|datetime)"
    ):
        gold.totals(totals=(total,))


def test_nothing_equals_nothing_and_no_number(gold: Gold) -> None:
    nothing = "select sum(amount) from sales where amount < 0"
    lost = Total("lost", "sum(case when amount < 0 then amount end)", nothing)
    assert gold.totals(totals=(lost,)) == {"lost": None}


def test_a_silver_file_that_lost_a_row_fails_the_run(gold: Gold) -> None:
    (first, _) = active_files(open_table(gold.silver.store, SALES))
    path = Path(gold.uri) / first.path
    before = path.read_bytes()
    path.write_bytes(one_row_less(before))
    assert path.stat().st_size == len(before)
    with pytest.raises(BalanceError, match=r"Silver of shop.* has lost or gained rows .* rows, its Delta log says \d"):
        gold.totals()


def test_a_delta_log_that_counts_other_rows_than_its_files_hold_fails_the_run(gold: Gold) -> None:
    table = open_table(gold.silver.store, SALES)
    (first, _) = active_files(table)
    commit_swap(table, SlotSwap(add=(replace(first, rows=first.rows + 1),), remove=()))
    with pytest.raises(BalanceError, match=r"holds \d rows, its Delta log says \d"):
        gold.totals()


def test_every_gold_table_has_totals_that_both_engines_understand() -> None:
    for pipeline in [*pipelines().values(), SHOP]:
        for table in pipeline.gold:
            assert table.totals, f"{pipeline.name}/{table.name} has no totals"
            assert "_gold_0" in to_duckdb(checks_sql(table, "_result"), table.name)
