"""Statements that write data or change the catalog do it really, or fail and say what is not supported."""

import gzip
import json

import pytest
from athena_client import Athena, fresh

from localaws import EmbeddedAws


@pytest.fixture
def athena(aws: EmbeddedAws) -> Athena:
    return fresh(aws)


NUMBERS = "(VALUES (1, 'a', decimal '1.10'), (2, 'b', decimal '2.20')) AS t (n, s, d)"


def test_create_table_as_writes_parquet_and_registers_the_table(athena: Athena) -> None:
    target = f"s3://{athena.bucket}/made/"
    created = athena.run(
        f"CREATE TABLE made WITH (format = 'PARQUET', external_location = '{target}', write_compression = 'ZSTD') AS "
        f"SELECT n, s, cast(d AS decimal(12,2)) AS d, sum(n) AS total FROM {NUMBERS} GROUP BY 1, 2, 3"
    )
    assert created.state == "SUCCEEDED"
    table = athena.glue.get_table(DatabaseName=athena.database, Name="made")["Table"]
    columns = [(column["Name"], column["Type"]) for column in table["StorageDescriptor"]["Columns"]]
    assert columns == [("n", "int"), ("s", "string"), ("d", "decimal(12,2)"), ("total", "bigint")]
    assert table["StorageDescriptor"]["Location"] == target
    assert athena.rows("SELECT * FROM made ORDER BY n") == [["1", "a", "1.10", "1"], ["2", "b", "2.20", "2"]]
    manifest = created.execution["Statistics"]["DataManifestLocation"].split("/", 3)[3]
    assert athena.get(manifest).decode().split() == [f"s3://{athena.bucket}/{key}" for key in athena.keys("made/")]


def test_create_table_as_without_a_location_writes_beside_the_results(athena: Athena) -> None:
    query_id = athena.run("CREATE TABLE made AS SELECT 1 AS n").execution["QueryExecutionId"]
    table = athena.glue.get_table(DatabaseName=athena.database, Name="made")["Table"]
    assert table["StorageDescriptor"]["Location"] == f"s3://{athena.bucket}/athena-results/tables/{query_id}/"


def test_partitioned_table_grows_by_insert_and_registers_new_partitions(athena: Athena) -> None:
    athena.rows(
        f"CREATE TABLE parts WITH (external_location = 's3://{athena.bucket}/parts/', partitioned_by = ARRAY['s']) AS "
        f"SELECT n, s FROM {NUMBERS}"
    )
    athena.rows("INSERT INTO parts VALUES (3, 'a'), (4, 'c/d'), (5, cast(null AS varchar))")
    assert athena.rows("SHOW PARTITIONS parts") == [["s=__HIVE_DEFAULT_PARTITION__"], ["s=a"], ["s=b"], ["s=c/d"]]
    assert athena.rows("SELECT n, s FROM parts ORDER BY n") == [
        ["1", "a"],
        ["2", "b"],
        ["3", "a"],
        ["4", "c/d"],
        ["5", None],
    ]


def test_insert_fills_named_columns_and_refuses_other_types(athena: Athena) -> None:
    athena.rows("CREATE TABLE made AS SELECT cast(1 AS bigint) AS n, 'x' AS s")
    athena.rows("INSERT INTO made (s) SELECT 'y'")
    assert athena.rows("SELECT n, s FROM made ORDER BY s") == [["1", "x"], [None, "y"]]
    assert athena.reason("INSERT INTO made SELECT 'y', 1").startswith("TYPE_MISMATCH: line 1:1: Insert query has")
    assert athena.reason("INSERT INTO nowhere SELECT 1").startswith("TABLE_NOT_FOUND: line 1:1")
    assert len(athena.rows("SELECT n FROM made")) == 2


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("CREATE TABLE made AS SELECT 1", "MISSING_COLUMN_NAME: Column name not specified at position 1"),
        ("CREATE TABLE made AS SELECT 1 AS a, 2 AS a", "DUPLICATE_COLUMN_NAME: Column name 'a' specified more than"),
        (
            "CREATE TABLE made WITH (format = 'ORC') AS SELECT 1 AS a",
            "NOT_SUPPORTED: CREATE TABLE AS with format 'orc'",
        ),
        ("CREATE TABLE made WITH (bucket_count = 5) AS SELECT 1 AS a", "NOT_SUPPORTED: table properties"),
        (
            "CREATE TABLE made WITH (partitioned_by = ARRAY['a']) AS SELECT 1 AS a, 2 AS b",
            "HIVE_COLUMN_ORDER_MISMATCH: Partition keys must be the last columns",
        ),
        (
            "CREATE TABLE made WITH (partitioned_by = ARRAY['b']) AS "
            "SELECT 1 AS a, b FROM UNNEST(sequence(1, 101)) AS t (b)",
            "HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100",
        ),
        ("CREATE TABLE nowhere.made AS SELECT 1 AS a", "SCHEMA_NOT_FOUND: line 1:1: Schema 'nowhere' does not exist"),
    ],
)
def test_create_table_as_that_cannot_be_done_leaves_nothing(athena: Athena, query: str, reason: str) -> None:
    assert athena.reason(query).startswith(reason)
    assert athena.glue.get_tables(DatabaseName=athena.database)["TableList"] == []
    assert athena.keys("athena-results/tables/") == []


def test_targets_that_hold_data_or_exist_are_refused(athena: Athena) -> None:
    athena.put("full/x", b"x")
    with_location = f"WITH (external_location = 's3://{athena.bucket}/full/')"
    assert athena.reason(f"CREATE TABLE made {with_location} AS SELECT 1 AS a").startswith("HIVE_PATH_ALREADY_EXISTS")
    unload = f"UNLOAD (SELECT 1 AS a) TO 's3://{athena.bucket}/full/' WITH (format = 'PARQUET')"
    assert athena.reason(unload).startswith("HIVE_PATH_ALREADY_EXISTS")
    athena.rows("CREATE TABLE made AS SELECT 1 AS a")
    assert athena.reason("CREATE TABLE made AS SELECT 2 AS a").startswith("TABLE_ALREADY_EXISTS")
    athena.rows("CREATE TABLE IF NOT EXISTS made AS SELECT 2 AS a")
    assert athena.rows("SELECT a FROM made") == [["1"]]


def test_unload_writes_the_rows(athena: Athena) -> None:
    athena.rows(f"UNLOAD (SELECT n, s FROM {NUMBERS} ORDER BY n) TO 's3://{athena.bucket}/out/' WITH (format = 'JSON')")
    lines = b"".join(gzip.decompress(athena.get(key)) for key in athena.keys("out/")).splitlines()
    assert [json.loads(line) for line in lines] == [{"n": 1, "s": "a"}, {"n": 2, "s": "b"}]
    parquet = f"UNLOAD (SELECT ? AS n) TO 's3://{athena.bucket}/parquet/' WITH (format = 'PARQUET')"
    assert athena.run(parquet, "7").state == "SUCCEEDED"
    athena.make_table("unloaded", {"n": "int"}, "parquet/")
    assert athena.rows("SELECT n FROM unloaded") == [["7"]]


def test_external_table_is_created_shown_repaired_and_dropped_without_its_data(athena: Athena) -> None:
    athena.put("csv/day=2026-01-01/a.csv", b"id,name\n1,x\n")
    athena.put("csv/day=2026-01-02/b.csv", b"id,name\n2,y\n")
    athena.rows(
        f"""CREATE EXTERNAL TABLE IF NOT EXISTS visits (id int COMMENT 'who', name string)
        PARTITIONED BY (day date) ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'
        LOCATION 's3://{athena.bucket}/csv/' TBLPROPERTIES ('skip.header.line.count' = '1')"""
    )
    described = [[field.strip() for field in str(row[0]).split("\t")] for row in athena.rows("DESCRIBE visits")]
    assert described[:3] == [["id", "int", "who"], ["name", "string", ""], ["day", "date", ""]]
    assert athena.rows("SELECT * FROM visits") == []
    assert athena.rows("MSCK REPAIR TABLE visits") == [
        ["Partitions not in metastore:\tday=2026-01-01 day=2026-01-02"],
        [f"Repair: Added partition to metastore {athena.database}.visits:day=2026-01-01"],
        [f"Repair: Added partition to metastore {athena.database}.visits:day=2026-01-02"],
    ]
    assert athena.rows("MSCK REPAIR TABLE visits") == []
    assert athena.rows("SELECT * FROM visits ORDER BY id") == [["1", "x", "2026-01-01"], ["2", "y", "2026-01-02"]]
    athena.rows("ALTER TABLE visits DROP PARTITION (day = '2026-01-01')")
    athena.rows(
        f"ALTER TABLE visits ADD PARTITION (day = '2026-05-05') LOCATION 's3://{athena.bucket}/csv/day=2026-01-01/'"
    )
    assert athena.rows("SHOW PARTITIONS visits") == [["day=2026-01-02"], ["day=2026-05-05"]]
    assert athena.rows("SELECT day FROM visits WHERE id = 1") == [["2026-05-05"]]
    athena.rows("DROP TABLE visits")
    assert athena.reason("SELECT * FROM visits").startswith("TABLE_NOT_FOUND")
    assert len(athena.keys("csv/")) == 2


def test_catalog_is_shown(athena: Athena) -> None:
    athena.make_table("one", {"a": "int"}, "one/", partition_keys={"p": "string"}, parameters={"k": "v"})
    athena.make_table("two", {"b": "int"}, "two/")
    assert athena.rows("SHOW TABLES") == [["one"], ["two"]]
    assert athena.rows(f"SHOW TABLES IN {athena.database} 'o*'") == [["one"]]
    assert [athena.database] in athena.rows("SHOW DATABASES")
    assert athena.rows("SHOW COLUMNS IN one") == [["a"], ["p"]]
    assert athena.rows("SHOW TBLPROPERTIES one") == [["k\tv"]]
    shown = athena.run("SHOW TABLES").execution
    assert (shown["StatementType"], shown["SubstatementType"]) == ("UTILITY", "SHOW_TABLES")
    assert shown["ResultConfiguration"]["OutputLocation"].endswith(f"/{shown['QueryExecutionId']}.txt")


def test_view_is_made_queried_replaced_and_dropped(athena: Athena) -> None:
    athena.rows("CREATE TABLE base AS SELECT 5 AS n")
    athena.rows("CREATE VIEW halves AS SELECT n, n / 2 AS half FROM base")
    assert athena.rows("SELECT half FROM halves WHERE n = 5") == [["2"]]
    record = athena.glue.get_table(DatabaseName=athena.database, Name="halves")["Table"]
    assert (record["TableType"], record["Parameters"]["presto_view"]) == ("VIRTUAL_VIEW", "true")
    assert (
        athena.reason("CREATE VIEW halves AS SELECT 1 AS a") == f"FAILED: View already exists: {athena.database}.halves"
    )
    athena.rows("CREATE OR REPLACE VIEW halves AS SELECT n * 2 AS twice FROM base")
    assert athena.rows("SELECT twice FROM halves") == [["10"]]
    assert athena.rows("SHOW VIEWS") == [["halves"]]
    assert athena.reason("CREATE VIEW wrong AS SELECT nope FROM base").startswith("COLUMN_NOT_FOUND: line 1:29")
    assert athena.reason("DROP TABLE halves").startswith("FAILED: SemanticException")
    athena.rows("DROP VIEW halves")
    assert athena.rows("SHOW VIEWS") == []


def test_databases_are_created_and_dropped(athena: Athena) -> None:
    name = f"{athena.database}_new"
    athena.rows(f"CREATE DATABASE {name}")
    athena.rows(f"CREATE DATABASE IF NOT EXISTS {name}")
    athena.rows(f"CREATE TABLE {name}.made AS SELECT 1 AS n")
    assert athena.reason(f"DROP DATABASE {name}") == f"FAILED: Database {name} is not empty. One or more tables exist."
    athena.rows(f"DROP DATABASE {name} CASCADE")
    assert athena.reason(f"SELECT * FROM {name}.made").startswith("SCHEMA_NOT_FOUND")


@pytest.mark.parametrize(
    "statement",
    [
        "EXPLAIN SELECT 1",
        "DELETE FROM t WHERE n = 1",
        "MERGE INTO t USING u ON t.n = u.n WHEN MATCHED THEN DELETE",
        "ALTER TABLE t ADD COLUMNS (a int)",
        "SHOW CREATE TABLE t",
        "VACUUM t",
        "CREATE TABLE t (a int) LOCATION 's3://x/' TBLPROPERTIES ('table_type' = 'ICEBERG')",
    ],
)
def test_statement_that_is_not_supported_fails_and_changes_nothing(athena: Athena, statement: str) -> None:
    athena.make_table("t", {"n": "int"}, "t/")
    before = athena.glue.get_tables(DatabaseName=athena.database)["TableList"]
    answer = athena.run(statement)
    assert answer.state == "FAILED"
    assert answer.reason.startswith("NOT_SUPPORTED: ")
    assert answer.reason.endswith("(not supported by the embedded AWS)")
    assert athena.glue.get_tables(DatabaseName=athena.database)["TableList"] == before
