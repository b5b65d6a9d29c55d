"""Silver commits on real Delta tables: races, slow writers, odd names, and who can read the result."""

import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import duckdb
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from lakehouse.contract.model import Column, Dataset
from lakehouse.errors import ContractError, SilverError
from lakehouse.ledger.items import SlotInForce
from lakehouse.silver import commit as commit_module
from lakehouse.silver import retry
from lakehouse.silver.commit import commit_dataset
from lakehouse.silver.slots import SlotFile, SlotSwap
from lakehouse.silver.table import (
    SilverConflictError,
    SilverStore,
    active_files,
    commit_swap,
    open_or_create,
    open_table,
)

THINGS = Dataset(
    pipeline="made_up",
    name="things",
    description="Made up",
    paths=("things.{ext}",),
    formats=("ndjson",),
    columns=(
        Column("id", "string"),
        Column("amount", "decimal(12,2)"),
        Column("day", "date"),
        Column("at", "timestamp"),
        Column("n", "int"),
    ),
    key=("id",),
)
ODD_KEYS = (
    "bronze/made_up/things.ndjson",
    "bronze/made_up/2026 01/a b.ndjson",
    "bronze/made_up/a+b%20c%2Fd.ndjson",
    "bronze/made_up/ключ=1/ü'\"\\.ndjson",
    "bronze/made_up/x:y?#[z]{w}~&;,$.ndjson",
)


@pytest.fixture
def store(tmp_path: Path) -> SilverStore:
    return SilverStore(str(tmp_path / "lake"))


def slot(store: SilverStore, key: str, content: str, rows: int = 2) -> SlotInForce:
    """A silver data file as the gate leaves it: `rows` rows that say which content they are."""
    name = f"{abs(hash((key, content))):x}"
    path = Path(store.uri("made_up", "things")) / "data" / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    select = (
        f"select '{content}-' || i as id, 1.25::decimal(12,2) as amount, date '2026-01-01' as day, "
        f"timestamptz '2026-01-01 00:00:00.000001+00' as \"at\", 7::int as n, i as _line from range(1, {rows + 1}) t(i)"
    )
    with duckdb.connect() as connection:
        connection.execute(f"copy ({select}) to '{path}' (format parquet, compression zstd)")
    return SlotInForce("things", key, name, rows, 100, path.stat().st_size, revision=1)


def ids(store: SilverStore) -> list[str]:
    files = DeltaTable(store.uri("made_up", "things")).file_uris()
    if not files:
        return []
    with duckdb.connect() as connection:
        return [row[0] for row in connection.execute(f"select id from read_parquet({files}) order by id").fetchall()]


def test_a_commit_is_repeated_without_a_new_version(store: SilverStore) -> None:
    slots = {"1": slot(store, ODD_KEYS[0], "one")}
    first = commit_dataset(store, THINGS, "b", lambda: slots)
    assert commit_dataset(store, THINGS, "b", lambda: slots) == first
    assert ids(store) == ["one-1", "one-2"]


def test_a_corrected_file_replaces_all_of_its_slot_and_leaves_other_batches(store: SilverStore) -> None:
    other = {"2": slot(store, ODD_KEYS[1], "other")}
    commit_dataset(store, THINGS, "a", lambda: other)
    commit_dataset(store, THINGS, "b", lambda: {"1": slot(store, ODD_KEYS[0], "old", rows=3)})
    commit_dataset(store, THINGS, "b", lambda: {"1": slot(store, ODD_KEYS[0], "new", rows=1)})
    assert ids(store) == ["new-1", "other-1", "other-2"]


def test_going_back_to_an_earlier_content_brings_its_rows_back(store: SilverStore) -> None:
    old, new = slot(store, ODD_KEYS[0], "old"), slot(store, ODD_KEYS[0], "new")
    for content in (old, new, old):
        commit_dataset(store, THINGS, "b", lambda content=content: {"1": content})
    assert ids(store) == ["old-1", "old-2"]


def test_an_older_version_keeps_its_files(store: SilverStore) -> None:
    old, new = slot(store, ODD_KEYS[0], "old"), slot(store, ODD_KEYS[0], "new")
    pinned = commit_dataset(store, THINGS, "b", lambda: {"1": old})
    commit_dataset(store, THINGS, "b", lambda: {"1": new})
    assert [file.path for file in active_files(open_table(store, THINGS, pinned))] == [f"data/{old.file_id}.parquet"]


def test_a_slow_old_run_never_brings_old_rows_back(store: SilverStore) -> None:
    """It read the ledger before the correction and commits after the newer run: it must decide again."""
    ledger = {"1": slot(store, ODD_KEYS[0], "old")}
    has_read, may_go_on = threading.Event(), threading.Event()
    reads = []

    def slow_read() -> Mapping[str, SlotInForce]:
        found = dict(ledger)
        reads.append(found["1"].file_id)
        if len(reads) == 1:
            has_read.set()
            assert may_go_on.wait(20)
        return found

    open_or_create(store, THINGS)
    slow = threading.Thread(target=commit_dataset, args=(store, THINGS, "b", slow_read))
    slow.start()
    assert has_read.wait(20)
    new = slot(store, ODD_KEYS[0], "new")
    ledger["1"] = new
    commit_dataset(store, THINGS, "b", lambda: dict(ledger))
    may_go_on.set()
    slow.join(20)
    assert ids(store) == ["new-1", "new-2"]
    assert reads == [reads[0], new.file_id], "the slow run read the ledger again"


def test_a_slow_old_run_does_not_undo_one_that_found_nothing_to_change(store: SilverStore) -> None:
    """first → second → first again: the slow run decided for the second on the version that holds the first, and the
    newest run finds the first in place. It leaves its mark, so the slow one is not the next to commit."""
    first, second = slot(store, ODD_KEYS[0], "first"), slot(store, ODD_KEYS[0], "second")
    assert commit_dataset(store, THINGS, "b", lambda: {"1": first}, generation=1) == 1
    ledger = {"1": second}
    has_read, may_go_on = threading.Event(), threading.Event()

    def slow_read() -> Mapping[str, SlotInForce]:
        found = dict(ledger)
        if not has_read.is_set():
            has_read.set()
            assert may_go_on.wait(20)
        return found

    slow = threading.Thread(target=commit_dataset, args=(store, THINGS, "b", slow_read), kwargs={"generation": 2})
    slow.start()
    assert has_read.wait(20)
    ledger["1"] = first
    newest = commit_dataset(store, THINGS, "b", lambda: dict(ledger), generation=3)
    may_go_on.set()
    slow.join(20)
    assert ids(store) == ["first-1", "first-2"]
    assert DeltaTable(store.uri("made_up", "things")).version() == newest == 2, "the slow run had nothing to change"
    assert commit_dataset(store, THINGS, "b", lambda: dict(ledger), generation=3) == newest, "a repeat leaves no mark"
    assert commit_dataset(store, THINGS, "other", dict, generation=1) == newest + 1, "each batch has its own mark"


def test_a_commit_on_a_version_that_is_taken_fails_and_changes_nothing(store: SilverStore) -> None:
    """delta-rs would rebase two commits that touch different files; here the second must decide again."""
    open_or_create(store, THINGS)
    one, two = open_table(store, THINGS), open_table(store, THINGS)
    first, second = (
        SlotFile("b", found.key, f"data/{found.file_id}.parquet", found.rows, found.parquet_bytes)
        for found in (slot(store, ODD_KEYS[0], "first"), slot(store, ODD_KEYS[1], "second"))
    )
    assert commit_swap(one, SlotSwap((first,), ())) == 1
    with pytest.raises(SilverConflictError, match="version 1 was taken"):
        commit_swap(two, SlotSwap((second,), ()))
    assert ids(store) == ["first-1", "first-2"]


def test_racing_commits_of_many_batches_are_all_kept(store: SilverStore) -> None:
    """Twelve runs at once on a table that does not exist yet."""
    barrier, failed = threading.Barrier(12), []
    slots = {f"b{i}": {"1": slot(store, f"bronze/made_up/b{i}/things.ndjson", f"c{i}")} for i in range(12)}

    def run(batch: str) -> None:
        barrier.wait()
        try:
            commit_dataset(store, THINGS, batch, lambda: slots[batch])
        except SilverError as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(batch,)) for batch in slots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    assert ids(store) == sorted(f"c{i}-{row}" for i in range(12) for row in (1, 2))


def test_it_gives_up_loudly_when_others_always_come_first(store: SilverStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def always_late(*_: object, **_more: object) -> int:
        raise SilverConflictError("taken")

    monkeypatch.setattr(commit_module, "commit_swap", always_late)
    monkeypatch.setattr(retry, "MAX_TRIES", 2)
    with pytest.raises(SilverError, match="after 2 conflicts"):
        commit_dataset(store, THINGS, "b", lambda: {"1": slot(store, ODD_KEYS[0], "one")})


def test_spark_deltalake_and_duckdb_read_the_same_rows_whatever_the_keys(
    store: SilverStore, spark: SparkSession
) -> None:
    slots = {key: slot(store, key, f"c{i}") for i, key in enumerate(ODD_KEYS)}
    commit_dataset(store, THINGS, "b 1+%20ü", lambda: slots)
    commit_dataset(store, THINGS, "b 1+%20ü", lambda: {**slots, ODD_KEYS[1]: slot(store, ODD_KEYS[1], "corrected")})
    uri = store.uri("made_up", "things")
    names = ["id", "amount", "day", "at", "n", "_line", "_origin", "_batch", "_slot"]

    by_deltalake = sorted(tuple(row[name] for name in names) for row in DeltaTable(uri).to_pyarrow_table().to_pylist())
    frame = spark.read.format("delta").load(uri)
    assert frame.columns == names
    assert dict(frame.dtypes)["at"] == "timestamp"
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    by_spark = {tuple(row) for row in frame.selectExpr("id", "_line", "_batch", "_slot", "unix_micros(at)").collect()}
    with duckdb.connect() as connection:
        by_duckdb = connection.execute(
            f'select id, _line, epoch_us("at") from read_parquet({DeltaTable(uri).file_uris()})'
        ).fetchall()

    assert len(by_deltalake) == 10
    assert {row[8] for row in by_deltalake} == set(ODD_KEYS)
    assert {row[7] for row in by_deltalake} == {"b 1+%20ü"}
    assert by_spark == {(row[0], row[5], row[7], row[8], 1767225600000001) for row in by_deltalake}
    assert set(by_duckdb) == {(row[0], row[1], row[4]) for row in by_spark}


def test_statistics_hold_the_number_of_rows_and_no_value(store: SilverStore) -> None:
    commit_dataset(store, THINGS, "b", lambda: {"1": slot(store, ODD_KEYS[0], "secret", rows=3)})
    log = Path(store.uri("made_up", "things")) / "_delta_log"
    lines = [json.loads(line) for file in sorted(log.glob("*.json")) for line in file.read_text().splitlines()]
    added = [line["add"] for line in lines if "add" in line]
    assert [json.loads(action["stats"]) for action in added] == [{"numRecords": 3}]
    assert "secret" not in "".join(file.read_text() for file in log.glob("*.json"))


def test_protocol_is_one_that_every_reader_knows(store: SilverStore) -> None:
    protocol = open_or_create(store, THINGS).protocol()
    assert (protocol.min_reader_version, protocol.min_writer_version) == (1, 2)


def test_a_contract_that_gains_a_column_widens_the_table(store: SilverStore, spark: SparkSession) -> None:
    slots = {"1": slot(store, ODD_KEYS[0], "one")}
    commit_dataset(store, THINGS, "b", lambda: slots)
    wider = replace(THINGS, columns=(*THINGS.columns, Column("note", "string", required=False)))
    commit_dataset(store, wider, "b", lambda: slots)
    uri = store.uri("made_up", "things")
    assert [row.note for row in spark.read.format("delta").load(uri).collect()] == [None, None]
    assert commit_dataset(store, wider, "b", lambda: slots) == DeltaTable(uri).version()


def test_a_contract_that_changes_a_type_is_refused(store: SilverStore) -> None:
    commit_dataset(store, THINGS, "b", lambda: {"1": slot(store, ODD_KEYS[0], "one")})
    changed = replace(THINGS, columns=(Column("id", "long"), *THINGS.columns[1:]))
    with pytest.raises(ContractError, match="column 'id' is"):
        commit_dataset(store, changed, "b", MappingProxyType({}).copy)


def test_a_missing_table_says_so(store: SilverStore) -> None:
    with pytest.raises(SilverError, match="no run has committed things"):
        open_table(store, THINGS)
