"""Compaction on real Delta tables in a folder: what is compacted, what a commit makes of it later, races, crashes."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from lakehouse.contract.model import Column, Dataset, Pipeline
from lakehouse.engines.duckdb import Limits, connect
from lakehouse.engines.duckdb import register_silver as register_duckdb
from lakehouse.engines.duckdb_compact import merge
from lakehouse.engines.spark import register_silver as register_spark
from lakehouse.ledger.items import BatchState, SlotInForce
from lakehouse.silver import compact
from lakehouse.silver.commit import commit_dataset
from lakehouse.silver.compact import Compacted, Compaction, compact_dataset
from lakehouse.silver.slots import SlotFile, compacted_path, slot_count
from lakehouse.silver.table import SilverStore, active_files, open_table

SALES = Dataset(
    pipeline="made_up",
    name="sales",
    description="Made up",
    paths=("sales/date={date}/{file}.{ext}",),
    formats=("ndjson",),
    columns=(Column("id", "string"), Column("amount", "decimal(12,2)"), Column("at", "timestamp")),
    key=("id",),
    batch="{date}",
    compact=True,
)
DAY, NEXT_DAY = "2026-01-31", datetime(2026, 2, 1, 3, tzinfo=UTC)
Rows = Counter[tuple[object, ...]]


class Silver:
    """One table in a folder, the ledger's batch beside it, and the compaction as the Lambda puts it together."""

    def __init__(self, folder: Path) -> None:
        self.store = SilverStore(str(folder))
        self.slots: dict[str, SlotInForce] = {}
        self.batch = DAY
        self.at = ""
        self.written: list[str] = []

    def bring(self, name: str, content: str, rows: int = 2, more: int = 0) -> SlotInForce:
        """A file is accepted: typed, in force, not yet committed. `more` is added to each amount."""
        key = f"bronze/made_up/sales/date={self.batch}/{name}"
        file = f"{abs(hash((key, content, more))):x}"
        path = self.place(f"data/{file}.parquet")
        select = (
            f"select '{content}-' || i as id, (i / 4 + {more})::decimal(12,2) as amount, "
            f"timestamptz '2026-01-31 23:59:59.000001+00' as \"at\", i::bigint as _line from range(1, {rows + 1}) t(i)"
        )
        with duckdb.connect() as connection:
            connection.execute(f"copy ({select}) to '{path}' (format parquet)")
        self.slots[key] = SlotInForce("sales", key, file, rows, 100, path.stat().st_size, revision=1)
        return self.slots[key]

    def commit(self) -> int:
        return commit_dataset(self.store, SALES, self.batch, lambda: dict(self.slots))

    def compact(
        self, at: datetime = NEXT_DAY, write: Callable[[Compaction], int] | None = None, dataset: Dataset = SALES
    ) -> list[Compacted]:
        return compact_dataset(self.store, dataset, at, self.read, write or self.write)

    def read(self, batch: str) -> BatchState:
        return BatchState("made_up", batch, slots=dict(self.slots), at=self.at or NEXT_DAY.isoformat())

    def write(self, compaction: Compaction) -> int:
        target = self.place(compaction.path)
        if not target.exists():
            self.written.append(compaction.path)
            with duckdb.connect() as connection:
                rows = merge(connection, [(file.slot, self.place(file.path)) for file in compaction.members], target)
            assert rows == compaction.rows
        return target.stat().st_size

    def place(self, path: str) -> Path:
        found = Path(self.store.uri("made_up", "sales")) / path
        found.parent.mkdir(parents=True, exist_ok=True)
        return found

    def files(self) -> list[SlotFile]:
        return active_files(open_table(self.store, SALES))

    def rows(self) -> Rows:
        """(id, amount, at, line, batch, the slot that the row came from) of every row."""
        table = DeltaTable(self.store.uri("made_up", "sales")).to_pyarrow_table().to_pylist()
        names = ("id", "amount", "at", "_line", "_batch")
        return Counter((*(row[name] for name in names), row["_origin"] or row["_slot"]) for row in table)


@pytest.fixture
def silver(tmp_path: Path) -> Silver:
    found = Silver(tmp_path / "lake")
    for name, content in (("b ü'+%20.json", "b"), ("a.json", "a"), ("c.json", "c")):
        found.bring(name, content)
    found.commit()
    return found


def test_the_files_of_a_closed_batch_become_one_with_the_same_rows(silver: Silver) -> None:
    before, files = silver.rows(), silver.files()
    (done,) = silver.compact()
    (one,) = silver.files()
    assert (done.batch, done.files, done.rows, done.version) == (DAY, 3, 6, 2)
    assert (done.bytes_before, done.bytes_after) == (sum(file.bytes for file in files), one.bytes)
    assert silver.rows() == before
    assert (one.batch, one.slot, one.rows) == (DAY, "*", 6)
    assert one.bytes == silver.place(one.path).stat().st_size
    assert all(silver.place(file.path).exists() for file in files), "the originals stay"


def test_the_transaction_says_that_no_row_changed(silver: Silver) -> None:
    silver.compact()
    log = silver.place("_delta_log/00000000000000000002.json").read_text()
    assert log.count('"dataChange":false') == 4
    assert '"dataChange":true' not in log


def test_once_more_changes_nothing(silver: Silver) -> None:
    silver.compact()
    version = open_table(silver.store, SALES).version()
    assert silver.compact() == []
    assert silver.commit() == version, "a commit knows the one file by its name"
    assert open_table(silver.store, SALES).version() == version
    assert len(silver.written) == 1


def test_a_corrected_file_brings_the_originals_back_and_is_compacted_again_later(silver: Silver) -> None:
    silver.compact()
    silver.bring("a.json", "corrected", rows=1)
    before_commit = silver.rows()
    assert silver.compact() == [], "silver is behind the ledger: the next run puts it right"
    assert silver.rows() == before_commit
    silver.commit()
    ids = sorted(str(row[0]) for row in silver.rows())
    assert ids == ["b-1", "b-2", "c-1", "c-2", "corrected-1"]
    assert len(silver.files()) == 3
    before = silver.rows()
    assert [done.rows for done in silver.compact()] == [5]
    assert silver.rows() == before


def test_a_further_file_brings_the_originals_back(silver: Silver) -> None:
    silver.compact()
    before = silver.rows()
    silver.bring("late.json", "late")
    silver.commit()
    assert len(silver.files()) == 4
    assert before < silver.rows()
    silver.compact()
    assert len(silver.files()) == 1


def test_a_correction_taken_back_finds_its_compacted_file_again(silver: Silver) -> None:
    """Going back to earlier contents is the same set of files, and so the same name: nothing is written twice."""
    silver.compact()
    before, first = silver.rows(), silver.files()
    kept = dict(silver.slots)
    silver.bring("a.json", "corrected")
    silver.commit()
    silver.slots = kept
    silver.commit()
    silver.compact()
    assert (silver.rows(), silver.files()) == (before, first)
    assert len(silver.written) == 1


def test_a_slot_that_is_no_longer_in_force_goes_from_a_compacted_batch_too(silver: Silver) -> None:
    silver.compact()
    silver.slots = {key: slot for key, slot in silver.slots.items() if not key.endswith("a.json")}
    silver.commit()
    assert sorted({str(row[5]).rsplit("/", 1)[-1] for row in silver.rows()}) == ["b ü'+%20.json", "c.json"]


def test_an_open_batch_and_a_batch_of_one_file_are_left_alone(silver: Silver, tmp_path: Path) -> None:
    assert silver.compact(at=datetime(2026, 1, 31, 23, 59, tzinfo=UTC)) == []
    single = Silver(tmp_path / "single")
    single.bring("a.json", "a")
    single.commit()
    assert single.compact() == []
    assert single.written == silver.written == []


def test_a_batch_without_a_day_is_closed_after_a_quiet_day(tmp_path: Path) -> None:
    silver = Silver(tmp_path)
    silver.batch, silver.at = "spring", NEXT_DAY.isoformat()
    for name in "ab":
        silver.bring(name, name)
    silver.commit()
    assert silver.compact(at=NEXT_DAY + timedelta(hours=23)) == []
    assert [done.batch for done in silver.compact(at=NEXT_DAY + timedelta(hours=24))] == ["spring"]


def test_a_file_that_arrives_while_the_compaction_writes_is_not_lost(silver: Silver) -> None:
    """The commit comes between the compaction's decision and its transaction: it decides again, on all files."""

    def write(compaction: Compaction) -> int:
        size = silver.write(compaction)
        if len(silver.written) == 1:
            silver.bring("late.json", "late")
            silver.commit()
        return size

    (done,) = silver.compact(write=write)
    assert (done.files, done.rows) == (4, 8)
    assert len(silver.rows()) == 8


def test_a_correction_that_is_judged_while_the_compaction_writes_comes_with_its_own_commit(silver: Silver) -> None:
    """In force after the compaction has looked, committed after it: the commit swaps the one file."""

    def write(compaction: Compaction) -> int:
        silver.bring("a.json", "corrected")
        return silver.write(compaction)

    silver.compact(write=write)
    silver.commit()
    assert {"corrected-1", "corrected-2"} < {row[0] for row in silver.rows()}
    assert len(silver.rows()) == 6


def test_two_compactions_at_once_make_one(silver: Silver) -> None:
    before = silver.rows()
    inner: list[list[Compacted]] = []

    def write(compaction: Compaction) -> int:
        size = silver.write(compaction)
        inner.append(silver.compact())
        return size

    assert silver.compact(write=write) == []
    assert [len(done) for done in inner] == [1]
    assert silver.rows() == before
    assert len(silver.files()) == 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_around_the_writing_of_the_file_is_put_right_by_the_next_day(silver: Silver, after: bool) -> None:
    before = silver.rows()

    def crash(compaction: Compaction) -> int:
        if after:
            silver.write(compaction)
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        silver.compact(write=crash)
    assert (silver.rows(), len(silver.files())) == (before, 3)
    assert len(silver.compact()) == 1
    assert (silver.rows(), len(silver.files())) == (before, 1)


def test_an_older_version_keeps_its_files(silver: Silver) -> None:
    version = silver.commit()
    silver.compact()
    assert len(active_files(open_table(silver.store, SALES, version))) == 3


def test_rows_of_members_with_fewer_columns_hold_null_there(silver: Silver) -> None:
    wider = replace(SALES, columns=(*SALES.columns, Column("note", "string", required=False)))
    key = f"bronze/made_up/sales/date={DAY}/z.json"
    path = silver.place("data/wider.parquet")
    with duckdb.connect() as connection:
        connection.execute(
            "copy (select 'z' as id, 1::decimal(12,2) as amount, timestamptz '2026-01-31 00:00:00+00' as \"at\", "
            f"'hello' as note, 1::bigint as _line) to '{path}' (format parquet)"
        )
    silver.slots[key] = SlotInForce("sales", key, "wider", 1, 100, path.stat().st_size, revision=1)
    commit_dataset(silver.store, wider, DAY, lambda: dict(silver.slots))
    before = silver.rows()
    silver.compact(dataset=wider)
    table = DeltaTable(silver.store.uri("made_up", "sales")).to_pyarrow_table().to_pylist()
    assert silver.rows() == before
    assert sorted((str(row["note"]), row["id"]) for row in table)[-1] == ("hello", "z")
    assert [row["note"] for row in table].count(None) == 6


def test_a_table_from_before_compaction_gains_the_column(tmp_path: Path) -> None:
    silver = Silver(tmp_path)
    silver.bring("a", "a")
    silver.commit()
    log = silver.place("_delta_log/00000000000000000000.json")
    origin = '{\\"name\\":\\"_origin\\",\\"type\\":\\"string\\",\\"nullable\\":true,\\"metadata\\":{}},'
    assert origin in log.read_text()
    log.write_text(log.read_text().replace(origin, ""))
    assert "_origin" not in {field.name for field in open_table(silver.store, SALES).schema().fields}
    silver.bring("b", "b")
    silver.commit()
    before = silver.rows()
    silver.compact()
    assert (silver.rows(), len(silver.files())) == (before, 1)


def test_spark_sees_the_same_rows_before_and_after(silver: Silver, spark: SparkSession) -> None:
    def read() -> Rows:
        frame = spark.read.format("delta").load(silver.store.uri("made_up", "sales"))
        wanted = ("id", "amount", "unix_micros(at)", "_line", "_batch", "coalesce(_origin, _slot)")
        return Counter(tuple(row) for row in frame.selectExpr(*wanted).collect())

    before = read()
    silver.compact()
    assert len(silver.files()) == 1
    assert read() == before
    assert sum(before.values()) == 6


def test_of_rows_with_the_same_key_the_same_ones_are_current_on_both_engines(
    silver: Silver, spark: SparkSession, tmp_path: Path
) -> None:
    """The greater object key wins, whether its rows lie in a file of their own or not."""
    for name, more in (("k1.json", 100), ("k3.json", 300), ("k2.json", 200)):
        silver.bring(name, "same", more=more)
    silver.commit()
    pipeline = Pipeline("made_up", "Made up", tmp_path, "duckdb", (SALES,), ())

    def fetch(_: Dataset, files: Sequence[SlotFile]) -> list[Path]:
        return [silver.place(file.path) for file in files]

    def current() -> list[set[tuple[str, str]]]:
        version = {"sales": open_table(silver.store, SALES).version()}
        with connect(Limits(256, 1, tmp_path / "spill")) as connection:
            slots = register_duckdb(connection, pipeline, silver.store, version, fetch)
            by_duckdb = connection.execute("select id, amount from sales").fetchall()
        register_spark(spark, pipeline, {"sales": silver.store.uri("made_up", "sales")}, version, slots)
        by_spark = spark.sql("select id, amount from sales").collect()
        return [{(row[0], str(row[1])) for row in rows} for rows in (by_duckdb, by_spark)]

    before = current()
    silver.compact()
    assert len(silver.files()) == 1
    assert current() == before
    assert before[0] == before[1]
    assert {("same-1", "300.25"), ("same-2", "300.50"), ("a-1", "0.25")} < before[0]
    assert len(before[0]) == 8


def test_a_correction_that_no_run_has_committed_yet_is_left_to_the_run(silver: Silver) -> None:
    silver.bring("a.json", "corrected")
    assert silver.compact() == []
    assert silver.written == []


def test_files_that_are_large_together_are_left_alone(silver: Silver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact, "MAX_BYTES", sum(file.bytes for file in silver.files()) - 1)
    assert silver.compact() == []


def test_the_name_of_the_one_file_says_of_which_files_it_is_made_in_any_order() -> None:
    one, two, three = (SlotFile(DAY, f"slot-{name}", f"data/{name}.parquet", 1, 1) for name in "abc")
    assert compacted_path([one, two, three]) == compacted_path([three, one, two])
    assert compacted_path([one, two]) != compacted_path([one, three])
    assert compacted_path([one, two]).startswith("data/compact-")


def test_a_glue_job_needs_neither_delta_rs_nor_duckdb() -> None:
    """Glue brings Spark and pyarrow along, and nothing else of ours."""
    program = (
        "import sys\nfor name in ('deltalake', 'duckdb', 'sqlglot', 'arro3'): sys.modules[name] = None\n"
        "import lakehouse.engines.spark_run, lakehouse.contract.load, lakehouse.runs, lakehouse.engines.former"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_compacted_file_counts_as_several_slots(silver: Silver) -> None:
    silver.compact()
    assert slot_count(silver.files()) == 2
