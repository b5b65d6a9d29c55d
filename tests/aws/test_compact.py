"""The daily compaction as deployed, under its own role: a day of small files becomes one, and nobody can tell."""

import io
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from athena_client import Athena
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from lakehouse import names
from lakehouse.contract.load import pipelines
from lakehouse.engines.checksum import checksum
from lakehouse.engines.duckdb_compact import store_compacted
from lakehouse.errors import SilverError
from lakehouse.ledger.items import BatchState, FileRecord, SlotInForce, now
from lakehouse.ledger.store import Ledger
from lakehouse.silver.compact import Compaction
from lakehouse.silver.slots import SlotFile, compacted_path
from tests.lake import Lake

PIPELINE = pipelines()["transactions"]
DATASET = PIPELINE.datasets[0]
DAY, FILES = "2024-02-29", 48
TYPES = {"string": pa.string(), "int": pa.int32(), "timestamp": pa.timestamp("us", tz="UTC")}
MONEY = pa.decimal128(12, 2)
SCHEMA = pa.schema([*((one.name, TYPES.get(one.type, MONEY)) for one in DATASET.columns), ("_line", pa.int64())])


def document(number: int) -> pa.Table:
    """What the gate makes of the file of one five minutes: one to three sales, some of them of an earlier file."""
    at = datetime(2024, 2, 29, tzinfo=UTC) + timedelta(minutes=5 * number)
    rows = [
        {
            "transaction_id": f"t-{number - (5 if number % 10 == 9 else 0)}-{line}",
            "timestamp": at,
            "customer_id": f"c{number % 7}",
            "product_id": "P1",
            "product_name": "Jeans",
            "category": "Clothing",
            "quantity": line,
            "price": Decimal("19.99"),
            "total_amount": Decimal("19.99") * line,
            "_line": line,
        }
        for line in range(1, 2 + number % 3)
    ]
    return pa.Table.from_pylist(rows, SCHEMA)


@dataclass
class Day:
    """A closed batch in the lake, its files committed one transaction at a time or all at once."""

    lake: Lake
    slots: dict[str, SlotInForce]

    @property
    def uri(self) -> str:
        return f"s3://{self.lake.bucket}/{names.silver_prefix('transactions', 'transactions')}"

    def invoke(self, function: str, **event: object) -> dict[str, Any]:
        answer = self.lake.client("lambda").invoke(
            FunctionName=self.lake.named(function), Payload=json.dumps(event).encode()
        )
        found = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, found
        return dict(found)

    def compact(self) -> list[dict[str, Any]]:
        done = self.invoke("compact", time="2024-03-01T03:00:00Z")["compacted"]["transactions/transactions"]
        return [one for one in done if one["batch"] == DAY]

    def run(self, run_id: str) -> dict[str, Any]:
        """The plan of a run that committed the day and made its gold."""
        asked = {"pipeline": "transactions", "batch": DAY, "run_id": run_id, "generation": 1, "manifest_hash": "m"}
        return self.invoke("gold", **self.invoke("commit", **asked))

    def gold(self, run_id: str, folder: Path) -> str:
        """Checksum of the gold that a run of the day makes."""
        self.run(run_id)
        s3 = self.lake.client("s3")
        prefix = f"gold/transactions/transactions/run={run_id}/"
        keys = [one["Key"] for one in s3.list_objects_v2(Bucket=self.lake.bucket, Prefix=prefix)["Contents"]]
        files = [folder / f"{run_id}-{place}.parquet" for place in range(len(keys))]
        for key, file in zip(keys, files, strict=True):
            s3.download_file(self.lake.bucket, key, str(file))
        return checksum(files)

    def by_deltalake(self) -> tuple[Counter[tuple[object, ...]], int]:
        """Every row of the day with the object key and line that it came from; and in how many files they lie."""
        keys = self.lake.aws.session().get_credentials()
        options = {
            "aws_endpoint": self.lake.aws.endpoint_url,
            "aws_allow_http": "true",
            "aws_region": self.lake.aws.region,
            "aws_access_key_id": keys.access_key,
            "aws_secret_access_key": keys.secret_key,
        }
        table = DeltaTable(self.uri, storage_options=options)
        rows = [row for row in table.to_pyarrow_table().to_pylist() if row.pop("_batch") == DAY]
        columns = [one.name for one in DATASET.columns]
        counted = Counter(
            (*(row[name] for name in columns), row["_line"], row["_origin"] or row["_slot"]) for row in rows
        )
        batches = table.get_add_actions(flatten=True)["partition._batch"].to_pylist()
        return counted, batches.count(DAY)


@pytest.fixture(scope="module")
def day(lake: Lake) -> Day:
    s3, slots = lake.client("s3"), {}

    table = Ledger(lake.client("dynamodb"), lake.settings.ledger_table).table

    def bring(number: int) -> tuple[str, SlotInForce]:
        rows, body = document(number), io.BytesIO()
        pq.write_table(rows, body, compression="zstd", store_schema=False)
        key = f"bronze/transactions/transactions/date={DAY}/{number:03}.json"
        file = names.digest("compact-test", key)
        place = names.silver_prefix("transactions", "transactions") + names.silver_data_path(file)
        s3.put_object(Bucket=lake.bucket, Key=place, Body=body.getvalue())
        entry = SlotInForce("transactions", key, file, rows.num_rows, 100, len(body.getvalue()), revision=1)
        counts = {"rows_in": rows.num_rows, "rows_accepted": rows.num_rows, "parquet_bytes": len(body.getvalue())}
        verdict = ("v", names.digest(key), 100, "accepted", now())
        table.put(FileRecord("transactions", "transactions", DAY, key, file, *verdict, **counts))
        return names.slot_id("transactions", "transactions", DAY, key), entry

    with ThreadPoolExecutor(8) as pool:
        slots = dict(pool.map(bring, range(FILES)))
    table.put(BatchState("transactions", DAY, generation=1, slots=slots, at=now()))
    return Day(lake, slots)


def by_spark(spark: SparkSession, day: Day) -> Counter[tuple[object, ...]]:
    frame = spark.read.format("delta").load(day.uri).where(f"_batch = '{DAY}'")
    wanted = ("transaction_id", "unix_micros(timestamp)", "total_amount", "_line", "coalesce(_origin, _slot)")
    return Counter(tuple(row) for row in frame.selectExpr(*wanted).collect())


def by_athena(day: Day) -> list[list[str | None]]:
    athena = Athena(day.lake.aws, day.lake.bucket, day.lake.settings.silver_database)
    return athena.rows(
        "select transaction_id, timestamp, quantity, price, total_amount, _line, coalesce(_origin, _slot) "
        f"from transactions_transactions where _batch = '{DAY}' order by 7, 6"
    )


def test_a_day_of_small_files_becomes_one_and_every_reader_sees_the_same_rows(
    day: Day, spark: SparkSession, tmp_path: Path
) -> None:
    gold = day.gold("compact-before", tmp_path)
    before, files = day.by_deltalake()
    spark_before, athena_before = by_spark(spark, day), by_athena(day)
    total = sum(slot.rows for slot in day.slots.values())
    assert (files, sum(before.values()), len(athena_before), sum(spark_before.values())) == (FILES, total, total, total)

    (done,) = day.compact()
    assert (done["files"], done["rows"]) == (FILES, total)
    assert done["bytes_after"] < done["bytes_before"] / 10

    assert day.by_deltalake() == (before, 1)
    assert by_spark(spark, day) == spark_before
    assert by_athena(day) == athena_before
    assert day.gold("compact-after", tmp_path) == gold
    assert {origin for *_, origin in before} == {slot.key for slot in day.slots.values()}, (
        "each row is traced to bronze"
    )
    assert day.compact() == []


def test_a_file_that_a_crash_left_behind_is_taken_as_it_is(day: Day) -> None:
    """Its size may stand in a version of the table already; the name says what it holds."""
    lake, slots = day.lake, list(day.slots.values())[:2]
    members = tuple(
        SlotFile(DAY, one.key, names.silver_data_path(one.file_id), one.rows, one.parquet_bytes) for one in slots
    )
    chosen = Compaction(DAY, compacted_path(members), members)
    key, s3 = names.silver_prefix("transactions", "transactions") + chosen.path, lake.as_role("compact", "s3")
    first = store_compacted(s3, lake.bucket, DATASET, 512, chosen)
    assert lake.client("s3").head_object(Bucket=lake.bucket, Key=key)["ContentLength"] == first
    lake.client("s3").put_object(Bucket=lake.bucket, Key=key, Body=b"of another size")
    assert store_compacted(s3, lake.bucket, DATASET, 512, chosen) == len(b"of another size")


def test_members_that_do_not_hold_the_rows_of_the_ledger_stop_the_compaction(day: Day) -> None:
    slot = next(iter(day.slots.values()))
    member = SlotFile(DAY, slot.key, names.silver_data_path(slot.file_id), slot.rows + 1, slot.parquet_bytes)
    chosen = Compaction(DAY, compacted_path([member]), (member,))
    with pytest.raises(SilverError, match=rf"hold {slot.rows} rows; expected {slot.rows + 1}, as the ledger says"):
        store_compacted(day.lake.as_role("compact", "s3"), day.lake.bucket, DATASET, 512, chosen)


def test_the_role_of_the_compaction_writes_compacted_files_and_the_log_alone(lake: Lake) -> None:
    s3 = lake.as_role("compact", "s3")
    prefix = names.silver_prefix("transactions", "transactions")
    for key in (f"{prefix}data/x.parquet", "gold/transactions/x", "bronze/transactions/x"):
        with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
            s3.put_object(Bucket=lake.bucket, Key=key, Body=b"")
    with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=lake.bucket, Key=f"{prefix}data/x.parquet")
    with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
        s3.get_object(Bucket=lake.bucket, Key="bronze/transactions/x")


def test_an_event_without_a_time_is_an_error(lake: Lake) -> None:
    answer = lake.client("lambda").invoke(FunctionName=lake.named("compact"), Payload=b'{"source": "aws.events"}')
    assert "FunctionError" in answer
    assert "time" in json.loads(answer["Payload"].read())["errorMessage"]
