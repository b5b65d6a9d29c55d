"""Partitions, seeds and CSV files come out the same on both engines, and hold what they must."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from lakehouse import names
from lakehouse.contract.load import load_pipeline
from lakehouse.contract.model import Column, Dataset, GoldTable
from lakehouse.contract.seeds import read_seed
from lakehouse.engines import duckdb as on_duckdb
from lakehouse.engines import spark as on_spark
from lakehouse.engines.csv_export import rows_sql
from lakehouse.engines.dialect import to_duckdb
from lakehouse.engines.seeds import seed_rows
from lakehouse.errors import ContractError, EngineError
from lakehouse.silver.slots import SlotFile
from lakehouse.silver.table import active_files, open_table, pinned
from tests.sql.cases import LocalSilver

SHOP = load_pipeline(Path(__file__).parents[1] / "publish" / "pipelines" / "shop")
SALES = SHOP.dataset("sales")
BY_DAY, TOTALS = (next(table for table in SHOP.gold if table.name == name) for name in ("sales_by_day", "city_totals"))
ONE, TWO, THREE = "2026-01-01", "2026-01-02", "2026-01-03"
Made = dict[str, list[str]]


def sale(identity: str, amount: str = "1.00", city: str = "Aa") -> str:
    row = {"sale_id": identity, "city": city, "amount": amount, "sold_at": "2026-01-01T00:00:00.5Z"}
    return json.dumps(row).replace(f'"{amount}"', amount) + "\n"


def step(folder: Path, files: dict[str, str]) -> Path:
    """Bronze files (`<day>/<name>` → content) as LocalSilver takes them."""
    for name, content in files.items():
        day, file = name.split("/")
        path = folder / "sales" / f"day={day}" / f"{file}.ndjson"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


class Engines:
    """Makes partitions on one engine or the other from the same silver."""

    def __init__(self, silver: LocalSilver, folder: Path, spark: SparkSession | None) -> None:
        self.silver = silver
        self.folder = folder
        self.spark = spark

    def partitions(self, batch: str, *former: SlotFile) -> Made:
        """What a run of `batch` makes: by value the ids of the sales."""
        left, self.folder = {"sales": former}, self.folder / "next"
        self.folder.mkdir(parents=True)
        return self._on_spark(batch, left) if self.spark else self._on_duckdb(batch, left)

    def fetch(self, dataset: Dataset, files: Any) -> list[Path]:
        return [Path(self.silver.store.uri("shop", dataset.name)) / file.path for file in files]

    def _on_duckdb(self, batch: str, former: Any) -> Made:
        versions, _ = pinned(self.silver.store, SHOP.datasets)
        with on_duckdb.connect(on_duckdb.Limits(512, 2, self.folder / "spill")) as connection:
            slots = on_duckdb.register_silver(connection, SHOP, self.silver.store, versions, self.fetch)
            batches = on_duckdb.touched_batches(connection, SHOP, batch, former, self.fetch)
            on_duckdb.show_current(connection, SHOP, slots, batches)
            made, figures = on_duckdb.write_partitions(connection, SHOP, BY_DAY, self.folder, batches)
        assert figures.rows == sum(rows for _, rows in made.values())
        return {value: ids([file], rows) if rows else [] for value, (file, rows) in made.items()}

    def _on_spark(self, batch: str, former: Any) -> Made:
        assert self.spark is not None
        versions, slots = pinned(self.silver.store, SHOP.datasets)
        uris = {"sales": self.silver.store.uri("shop", "sales")}
        on_spark.register_silver(self.spark, SHOP, uris, versions, slots)
        batches = on_spark.touched_batches(self.spark, SHOP, uris, batch, former)
        on_spark.show_current(self.spark, SHOP, slots, batches)
        target = f"{self.folder}/spark/"
        made, figures = on_spark.write_partitions(self.spark, SHOP, BY_DAY, target, batches)
        assert figures.rows == sum(made.values())
        folders = {value: Path(target) / names.partition_folder("day", value) for value in made}
        assert [value for value, folder in folders.items() if folder.exists()] == [
            v for v, rows in made.items() if rows
        ]
        return {value: ids(sorted(folders[value].glob("*.parquet")), rows) for value, rows in made.items()}


def ids(files: list[Path], rows: int) -> list[str]:
    """The sales in files that do not hold the partition's column."""
    tables = [pq.read_table(file, partitioning=None) for file in files]
    assert all(table.column_names == ["sale_id", "amount", "note"] for table in tables)
    found = [str(value) for table in tables for value in table.column("sale_id").to_pylist()]
    assert len(found) == rows
    return sorted(found)


@pytest.fixture(params=["duckdb", "spark"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engines:
    spark = request.getfixturevalue("spark") if request.param == "spark" else None
    return Engines(LocalSilver(tmp_path / "lake", SHOP), tmp_path / "gold", spark)


def test_a_run_makes_the_partitions_that_it_touches_and_no_other(engine: Engines, tmp_path: Path) -> None:
    files = {
        f"{ONE}/a": sale("only-one") + sale("shared"),
        f"{TWO}/a": sale("only-two"),
        f"{TWO}/b": sale("twice-in-two"),
        f"{TWO}/c": sale("twice-in-two"),
        f"{THREE}/a": sale("only-three") + sale("shared"),
    }
    engine.silver.bring_all([step(tmp_path / "1", files)])
    assert engine.partitions(TWO) == {TWO: ["only-two", "twice-in-two"]}
    everything = {ONE: ["only-one"], THREE: ["only-three", "shared"]}
    assert engine.partitions(ONE) == everything
    assert engine.partitions(THREE) == everything


def test_a_key_that_a_batch_gave_up_comes_back_to_the_batch_that_has_it_still(engine: Engines, tmp_path: Path) -> None:
    first = step(tmp_path / "1", {f"{ONE}/a": sale("x"), f"{TWO}/a": sale("x") + sale("y")})
    engine.silver.bring_all([first])
    (gone,) = active_files(open_table(engine.silver.store, SALES), TWO)
    engine.silver.bring_all([step(tmp_path / "2", {f"{TWO}/a": sale("y")})])
    assert engine.partitions(TWO) == {TWO: ["y"]}
    assert engine.partitions(TWO, gone) == {ONE: ["x"], TWO: ["y"]}


def test_a_partition_without_rows_is_made_without_a_file(engine: Engines, tmp_path: Path) -> None:
    engine.silver.bring_all([step(tmp_path / "1", {f"{ONE}/a": sale("x"), f"{TWO}/a": sale("x")})])
    assert engine.partitions(ONE) == {ONE: [], TWO: ["x"]}
    engine.silver.bring_all([step(tmp_path / "2", {f"{TWO}/a": sale("x", city="nowhere")})])
    assert engine.partitions(TWO) == {ONE: [], TWO: []}


def test_a_row_in_the_partition_of_another_batch_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "shop"
    (broken / "gold").mkdir(parents=True)
    text = "select sale_id, amount, city as note, date_add(cast(_batch as date), 1) as day from sales"
    (broken / "gold" / "sales_by_day.sql").write_text(text)
    silver = LocalSilver(tmp_path / "lake", SHOP)
    silver.bring_all([step(tmp_path / "1", {f"{ONE}/a": sale("x")})])
    pipeline = replace(SHOP, folder=broken)
    engines = Engines(silver, tmp_path, None)
    with on_duckdb.connect(on_duckdb.Limits(512, 2, tmp_path / "spill")) as connection:
        versions, _ = pinned(silver.store, SHOP.datasets)
        slots = on_duckdb.register_silver(connection, pipeline, silver.store, versions, engines.fetch)
        on_duckdb.show_current(connection, pipeline, slots, {ONE})
        with pytest.raises(EngineError, match=r"'day' is \['2026-01-02'\]; expected the name of the row's batch"):
            on_duckdb.write_partitions(connection, pipeline, BY_DAY, tmp_path, {ONE})


def test_seeds_are_the_same_on_both_engines_as_the_strict_parser_reads_them(spark: SparkSession) -> None:
    (seed,) = SHOP.seeds
    expected = read_seed(SHOP, seed)
    on_spark.register_silver(spark, replace(SHOP, datasets=()), {}, {}, {})
    with on_duckdb.connect(on_duckdb.Limits(256, 1, Path("/nowhere"))) as connection:
        on_duckdb.register_silver(connection, replace(SHOP, datasets=()), None, {}, lambda _, __: [])  # type: ignore[arg-type]
        by_duckdb = connection.sql('select * from "cities"').to_arrow_table()
    assert by_duckdb.schema.names == expected.schema.names
    assert by_duckdb.cast(expected.schema).to_pylist() == expected.to_pylist()
    found = spark.table("cities")
    assert [kind for _, kind in found.dtypes][2:5] == ["bigint", "int", "decimal(5,3)"]
    micros = "unix_micros(opened_at) as opened_at"
    by_spark = [
        row.asDict() for row in found.selectExpr(*[c for c in found.columns if c != "opened_at"], micros).collect()
    ]
    as_micros = [{**row, "opened_at": round(row["opened_at"].timestamp() * 1e6)} for row in expected.to_pylist()]
    assert by_spark == as_micros


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
def test_a_csv_file_is_the_same_bytes_from_both_engines(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    silver = LocalSilver(tmp_path / "lake", SHOP)
    rows = sale("a", "1.10") + sale("b", "2.20") + sale("c", "3.30", "Bé")
    versions = silver.bring_all([step(tmp_path / "1", {f"{ONE}/a": rows})])
    versions, slots = pinned(silver.store, SHOP.datasets)
    if engine == "spark":
        session: SparkSession = request.getfixturevalue("spark")
        on_spark.register_silver(session, SHOP, {"sales": silver.store.uri("shop", "sales")}, versions, slots)
        on_spark.write_gold(session, SHOP, TOTALS, str(tmp_path / "gold"))
        file = on_spark.export_csv(session, SHOP, TOTALS, tmp_path)
    else:
        fetch = Engines(silver, tmp_path, None).fetch
        with on_duckdb.connect(on_duckdb.Limits(512, 2, tmp_path / "spill")) as connection:
            on_duckdb.register_silver(connection, SHOP, silver.store, versions, fetch)
            on_duckdb.write_gold(connection, SHOP, TOTALS, tmp_path)
            file = on_duckdb.export_csv(connection, SHOP, TOTALS, tmp_path)
    # Equal sums: the SELECT's second term puts the missing note first.
    assert file.read_bytes().decode() == (
        "city,note,sales,amount,last_sold_at\r\n"
        "Bé,,1,3.30,2026-01-01T00:00:00.500000Z\r\n"
        'Aa,"it\'s a ""city"", \\n all\non two lines",2,3.30,2026-01-01T00:00:00.500000Z\r\n'
    )
    assert file.name == "city_totals.csv"


@pytest.mark.parametrize(
    ("sql", "order"),
    [
        ("select a, b from t", []),
        ("select a, b from t order by b", ["`b` asc nulls first"]),
        ("select a, b from t\nORDER BY `b` DESC, a limit 5;", ["`b` desc nulls last", "`a` asc nulls first"]),
        ("select a, b from t order by a asc nulls last -- order by b", ["`a` asc nulls last"]),
        ("select a, rank() over (order by b) as b from (select * from t order by a)", []),
        ("select a, 'order by a' as b from t /* order by a */", []),
    ],
)
def test_a_csv_file_is_ordered_as_its_select_orders(sql: str, order: list[str], tmp_path: Path) -> None:
    pipeline, table = pipeline_of(tmp_path, sql)
    terms = ", ".join(f"result.{term}" for term in [*order, "`a`"])
    assert rows_sql(pipeline, table, "made").endswith(f"from made as result order by {terms}")


@pytest.mark.parametrize("by", ["c", "a + b", "sum(a)", "t.a", "1", "lower(a) desc"])
def test_a_csv_file_is_not_ordered_by_what_it_does_not_hold(by: str, tmp_path: Path) -> None:
    pipeline, table = pipeline_of(tmp_path, f"select a, b from t order by {by}")
    with pytest.raises(EngineError, match="with csv = true expected columns of the result"):
        rows_sql(pipeline, table, "made")


def pipeline_of(folder: Path, sql: str) -> Any:
    """A pipeline whose gold table `x` has the key `a` and the column `b`."""
    (folder / "gold").mkdir()
    (folder / "gold" / "x.sql").write_text(sql)
    table = GoldTable("shop", "x", "Made up", (Column("a", "string"), Column("b", "string", False)), ("a",), csv=True)
    return replace(SHOP, folder=folder), table


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("city\nx\n", r"line 1: found \['city'\]"),
        ("city,note\n", "found 1 lines"),
        ("city,note\na\n", "expected header and rows"),
        ('city,note\n"a,b\n', "is no CSV"),
    ],
)
def test_a_broken_seed_is_named(content: str, message: str, tmp_path: Path) -> None:
    (seed,) = SHOP.seeds
    file = tmp_path / "cities.csv"
    file.write_text(content)
    broken = replace(seed, file=file, columns=seed.columns[:2])
    with pytest.raises(ContractError, match=f"pipelines/shop/seeds/cities.csv: .*{message}"):
        seed_rows(broken)
    with pytest.raises(ContractError, match="no such file"):
        seed_rows(replace(seed, file=tmp_path / "none.csv"))


def test_a_seeds_value_of_another_type_is_an_error(tmp_path: Path) -> None:
    (seed,) = SHOP.seeds
    file = tmp_path / "cities.csv"
    file.write_text("people\nmany\n")
    number = to_duckdb(seed_rows(replace(seed, file=file, columns=(seed.columns[2],))), "seed")
    with pytest.raises(duckdb.ConversionException):
        duckdb.execute(number)
