"""Athena reads what the catalog says: location, columns, types, partitions, formats."""

import datetime
import gzip
import io
import os
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from athena_client import Athena, fresh
from deltalake import DeltaTable, write_deltalake

from localaws import EmbeddedAws

OPEN_CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
LAZY_SIMPLE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
OPENX_JSON = "org.openx.data.jsonserde.JsonSerDe"


@pytest.fixture
def athena(aws: EmbeddedAws) -> Athena:
    return fresh(aws)


def parquet(**columns: pa.Array) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def test_location_is_a_folder_and_hidden_files_are_skipped(athena: Athena) -> None:
    athena.put("gold/t/run=1/part-0.parquet", parquet(n=pa.array([1])))
    athena.put("gold/t/run=1/deep/part-1.parquet", parquet(n=pa.array([2])))
    athena.put("gold/t/run=1/_SUCCESS", b"")
    athena.put("gold/t/run=1/_temporary/part-9.parquet", parquet(n=pa.array([9])))
    athena.put("gold/t/run=1/.hidden", b"junk")
    athena.put("gold/t/run=10/part-0.parquet", parquet(n=pa.array([10])))
    athena.make_table("t", {"n": "bigint"}, "gold/t/run=1")
    assert athena.rows("SELECT n FROM t ORDER BY n") == [["1"], ["2"]]


def test_current_object_version_is_read_and_a_deleted_one_is_not(athena: Athena) -> None:
    athena.put("t/a.parquet", parquet(n=pa.array([1])))
    athena.put("t/a.parquet", parquet(n=pa.array([2])))
    athena.put("t/b.parquet", parquet(n=pa.array([3])))
    athena.s3.delete_object(Bucket=athena.bucket, Key="t/b.parquet")
    athena.make_table("t", {"n": "bigint"}, "t/")
    assert athena.rows("SELECT n FROM t") == [["2"]]


def test_table_follows_its_location_when_the_catalog_changes(athena: Athena) -> None:
    athena.put("run=1/a.parquet", parquet(n=pa.array([1])))
    athena.put("run=2/a.parquet", parquet(n=pa.array([2])))
    athena.make_table("t", {"n": "bigint"}, "run=1/")
    before = athena.rows("SELECT n FROM t")
    table = athena.glue.get_table(DatabaseName=athena.database, Name="t")["Table"]
    table["StorageDescriptor"]["Location"] = f"s3://{athena.bucket}/run=2/"
    athena.glue.update_table(
        DatabaseName=athena.database, TableInput={"Name": "t", "StorageDescriptor": table["StorageDescriptor"]}
    )
    assert (before, athena.rows("SELECT n FROM t")) == ([["1"]], [["2"]])


def test_columns_are_the_catalogs_by_name_with_its_types(athena: Athena) -> None:
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, 678900)
    athena.put(
        "t/a.parquet",
        parquet(
            extra=pa.array(["x"]),
            Amount=pa.array([Decimal("12.50")], pa.decimal128(12, 2)),
            n=pa.array([7], pa.int32()),
            at=pa.array([moment], pa.timestamp("us", "UTC")),
            day=pa.array([datetime.date(2026, 1, 2)]),
            tags=pa.array([["a", "b"]]),
        ),
    )
    columns = {"n": "bigint", "amount": "decimal(14,2)", "missing": "string", "at": "timestamp", "day": "date"}
    athena.make_table("t", {**columns, "tags": "array<string>"}, "t/")
    answer = athena.run("SELECT * FROM t")
    assert answer.header == ["n", "amount", "missing", "at", "day", "tags"]
    assert answer.types == ["bigint", "decimal", "varchar", "timestamp", "date", "array"]
    assert answer.rows == [["7", "12.50", None, "2026-01-02 03:04:05.679", "2026-01-02", "[a, b]"]]


def test_files_of_different_schemas_are_read_together(athena: Athena) -> None:
    athena.put("t/a.parquet", parquet(n=pa.array([1], pa.int32())))
    athena.put("t/b.parquet", parquet(s=pa.array(["x"]), n=pa.array([2], pa.int64())))
    athena.make_table("t", {"n": "bigint", "s": "string"}, "t/")
    assert athena.rows("SELECT n, s FROM t ORDER BY n") == [["1", None], ["2", "x"]]


def test_parquet_type_that_does_not_fit_the_catalog_fails(athena: Athena) -> None:
    athena.put("t/a.parquet", parquet(n=pa.array(["1"])))
    athena.make_table("t", {"n": "bigint"}, "t/")
    assert athena.reason("SELECT n FROM t") == (
        "HIVE_BAD_DATA: Field n's type VARCHAR in parquet file is incompatible with type bigint defined in table schema"
    )


def test_file_that_is_no_parquet_fails(athena: Athena) -> None:
    athena.put("t/a.parquet", b"not a parquet file at all")
    athena.make_table("t", {"n": "bigint"}, "t/")
    assert athena.reason("SELECT n FROM t").startswith("HIVE_BAD_DATA: Malformed Parquet file")


def test_empty_location_gives_no_rows(athena: Athena) -> None:
    athena.make_table("t", {"n": "bigint", "d": "decimal(12,2)"}, "nothing/")
    answer = athena.run("SELECT n, d FROM t")
    assert (answer.header, answer.rows, answer.types) == (["n", "d"], [], ["bigint", "decimal"])


def test_only_registered_partitions_are_read_from_their_own_locations(athena: Athena) -> None:
    athena.put("t/day=2026-01-01/a.parquet", parquet(n=pa.array([1])))
    athena.put("t/day=2026-01-02/a.parquet", parquet(n=pa.array([2])))
    athena.put("elsewhere/a.parquet", parquet(n=pa.array([3]), day=pa.array(["ignored"])))
    athena.make_table("t", {"n": "bigint"}, "t/", partition_keys={"day": "date"})
    assert athena.rows("SELECT n, day FROM t") == []
    athena.add_partition("t", ["2026-01-01"], "t/day=2026-01-01")
    athena.add_partition("t", ["2026-03-03"], "elsewhere/")
    answer = athena.run("SELECT n, day FROM t ORDER BY n")
    assert answer.rows == [["1", "2026-01-01"], ["3", "2026-03-03"]]
    assert answer.types == ["bigint", "date"]
    assert athena.rows("SELECT n FROM t WHERE day > DATE '2026-02-01'") == [["3"]]


def test_csv_with_quotes_header_gzip_and_short_lines(athena: Athena) -> None:
    athena.put("t/a.csv", b'id,name\n1,"x, ""y"""\n2\n')
    athena.put("t/b.csv.gz", gzip.compress(b"id,name\n3,z,surplus\n"))
    athena.make_table(
        "t",
        {"id": "int", "name": "string"},
        "t/",
        serde=OPEN_CSV,
        serde_parameters={"separatorChar": ",", "quoteChar": '"', "escapeChar": '"'},
        parameters={"skip.header.line.count": "1"},
    )
    assert athena.rows("SELECT id, name FROM t ORDER BY id") == [["1", 'x, "y"'], ["2", None], ["3", "z"]]


def test_delimited_text_has_no_quotes_and_empty_numbers_are_null(athena: Athena) -> None:
    athena.put("t/a.txt", b'1|"a"|2026-01-02\n|\\N|\n')
    athena.make_table(
        "t",
        {"id": "int", "name": "string", "day": "date"},
        "t/",
        serde=LAZY_SIMPLE,
        serde_parameters={"field.delim": "|"},
    )
    assert athena.rows("SELECT id, name, day FROM t ORDER BY id") == [["1", '"a"', "2026-01-02"], [None, None, None]]


def test_csv_value_that_is_no_number_fails(athena: Athena) -> None:
    athena.put("t/a.csv", b"x\n")
    athena.make_table("t", {"id": "int"}, "t/", serde=OPEN_CSV)
    assert athena.reason("SELECT id FROM t").startswith("HIVE_BAD_DATA: Error parsing field value")


def test_json_lines_nested_gzipped_with_missing_keys(athena: Athena) -> None:
    athena.put("t/a.json.gz", gzip.compress(b'{"id":1,"who":{"name":"x"},"tags":["a"],"cost":"12.50"}\n{"id":2}\n'))
    columns = {"id": "bigint", "who": "struct<name:string>", "tags": "array<string>", "cost": "decimal(12,2)"}
    athena.make_table("t", columns, "t/", serde=OPENX_JSON)
    rows = athena.rows("SELECT id, who.name, tags, cost FROM t ORDER BY id")
    assert rows == [["1", "x", "[a]", "12.50"], ["2", None, None, None]]


def test_malformed_json_fails_unless_the_serde_ignores_it(athena: Athena) -> None:
    athena.put("t/a.json", b'{"id":1}\n{"id":\n')
    athena.make_table("strict", {"id": "bigint"}, "t/", serde=OPENX_JSON)
    athena.make_table(
        "lax", {"id": "bigint"}, "t/", serde=OPENX_JSON, serde_parameters={"ignore.malformed.json": "true"}
    )
    assert athena.reason("SELECT id FROM strict").startswith("HIVE_BAD_DATA")
    assert ["1"] in athena.rows("SELECT id FROM lax")


@pytest.mark.parametrize(
    ("parameters", "serde", "reason"),
    [
        ({}, "org.apache.hadoop.hive.ql.io.orc.OrcSerde", "NOT_SUPPORTED: table {0}.t with SerDe"),
        ({"table_type": "ICEBERG"}, LAZY_SIMPLE, "NOT_SUPPORTED: Iceberg table {0}.t"),
        ({"classification": "delta"}, LAZY_SIMPLE, "HIVE_UNSUPPORTED_FORMAT: table {0}.t is classified as delta"),
    ],
)
def test_format_that_is_not_supported_fails_and_says_so(
    athena: Athena, parameters: dict[str, str], serde: str, reason: str
) -> None:
    athena.make_table("t", {"n": "bigint"}, "t/", serde=serde, parameters=parameters)
    assert athena.reason("SELECT n FROM t").startswith(reason.format(athena.database))


def make_delta(athena: Athena, folder: Path) -> None:
    """Two partitions with awkward values; then the rows of one are deleted, so that its file is in the log only."""
    rows = pa.table(
        {
            "n": pa.array([1, 2, 3]),
            "_slot": pa.array(["bronze/a b%.json", "bronze/ü.json", None]),
            "day": pa.array([datetime.date(2026, 1, 1)] * 3),
            "at": pa.array([datetime.datetime(2026, 1, 1, 1, 2, 3)] * 3, pa.timestamp("us", "UTC")),
        }
    )
    write_deltalake(folder, rows, partition_by=["_slot", "day"])
    DeltaTable(folder).delete("n = 1")
    for base, _, names in os.walk(folder):
        for name in names:
            path = Path(base) / name
            athena.put(f"delta/{path.relative_to(folder)}", path.read_bytes())


@pytest.mark.parametrize("parameters", [{"table_type": "DELTA"}, {"spark.sql.sources.provider": "delta"}])
def test_delta_table_is_read_by_its_log(athena: Athena, tmp_path: Path, parameters: dict[str, str]) -> None:
    make_delta(athena, tmp_path / "delta")
    athena.make_table("t", {"stale": "string"}, "delta/", serde=LAZY_SIMPLE, parameters=parameters)
    answer = athena.run("SELECT * FROM t ORDER BY n")
    assert answer.header == ["n", "_slot", "day", "at"]
    assert answer.types == ["bigint", "varchar", "date", "timestamp with time zone"]
    assert answer.rows == [
        ["2", "bronze/ü.json", "2026-01-01", "2026-01-01 01:02:03.000 UTC"],
        ["3", None, "2026-01-01", "2026-01-01 01:02:03.000 UTC"],
    ]


def test_delta_table_without_a_log_fails(athena: Athena) -> None:
    athena.put("delta/a.parquet", parquet(n=pa.array([1])))
    athena.make_table("t", {"n": "bigint"}, "delta/", serde=LAZY_SIMPLE, parameters={"table_type": "DELTA"})
    assert athena.reason("SELECT n FROM t").startswith("DELTA_LAKE_INVALID_SCHEMA: no Delta table at s3://")
