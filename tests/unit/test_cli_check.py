"""The demo's comparison of gold with the recomputation: equal rows in any order pass, any difference fails."""

import sys
from pathlib import Path

import duckdb
import pytest

from cli.check import _compare
from cli.errors import CliError
from cli.gold import GoldFiles
from lakehouse.contract.model import Column, GoldTable

TABLE = GoldTable("p", "t", "", (Column("id", "string"), Column("amount", "decimal(12,2)")), ("id",))
ROWS = "('a', 1.00::decimal(12,2)), ('b', 2.50), ('c', null)"


def _outcome(tmp_path: Path, gold: str) -> int:
    path = tmp_path / "it's gold.parquet"
    connection = duckdb.connect()
    target = str(path).replace("'", "''")
    connection.execute(f"copy (select * from (values {gold}) as v(id, amount)) to '{target}' (format parquet)")
    expected = connection.sql(f"select * from (values {ROWS}) as v(id, amount)").to_arrow_table()
    return _compare(TABLE, expected, GoldFiles("t", "s3://b/x/", "run", {}, (path,), 1))


def test_the_same_rows_in_another_order_are_equal(tmp_path: Path) -> None:
    assert _outcome(tmp_path, "('c', null), ('a', 1.00::decimal(12,2)), ('b', 2.50)") == 3


@pytest.mark.parametrize(
    ("gold", "message"),
    [
        (ROWS.replace("2.50", "2.51"), "1 row missing, 1 row that should not be there"),
        (ROWS.replace("null", "0.00"), "1 row missing, 1 row that should not be there"),
        (ROWS + ", ('d', 1.00)", "0 rows missing, 1 row that should not be there"),
        (ROWS + ", ('a', 1.00)", "0 rows missing, 1 row that should not be there"),
        ("('a', 1.00::decimal(12,2)), ('b', 2.50)", "1 row missing, 0 rows that should not be there"),
        ("('a', 1.00::decimal(12,2)), ('b', 2.50), ('b', 2.50)", "1 row missing, 1 row that should not be there"),
    ],
)
def test_a_cent_a_null_a_row_more_or_less_is_found(tmp_path: Path, gold: str, message: str) -> None:
    with pytest.raises(CliError, match=message):
        _outcome(tmp_path, gold)


def test_wrong_timestamps_are_shown_without_packages_that_only_tests_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pytz", None)
    table = GoldTable("p", "t", "", (Column("at", "timestamp"),), ("at",))
    path = tmp_path / "gold.parquet"
    duckdb.sql("select timestamptz '2026-01-01 10:00:00+00' as at").write_parquet(str(path))
    expected = duckdb.sql("select timestamptz '2026-01-01 10:00:01+00' as at").to_arrow_table()
    with pytest.raises(CliError, match=r"expected \('2026-01-01 10:00:01\+00',\)"):
        _compare(table, expected, GoldFiles("t", "s3://b/x/", "run", {}, (path,), 1))
