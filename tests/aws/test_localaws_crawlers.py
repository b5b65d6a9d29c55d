"""Crawlers really infer: formats, merged schemas, partitions, tables by folder."""

import gzip
import json
from decimal import Decimal

import pyarrow as pa
import pytest
from crawling import BUCKET, Crawling, ndjson, new_world, parquet, prepare

from localaws import EmbeddedAws


@pytest.fixture(scope="module", autouse=True)
def prepared(aws: EmbeddedAws) -> None:
    prepare(aws)


@pytest.fixture
def world(aws: EmbeddedAws) -> Crawling:
    return new_world(aws, "sales")


def test_parquet_files_become_a_table_with_their_types(world: Crawling) -> None:
    price = pa.array([Decimal("1.50")], pa.decimal128(12, 2))
    tags = pa.array([[{"k": 1}]], pa.list_(pa.struct([("k", pa.int64())])))
    body = parquet(id=pa.array([1], pa.int32()), Price=price, at=pa.array([0], pa.timestamp("us", "UTC")), tags=tags)
    world.put("a.parquet", body)
    world.put("b.parquet", parquet(id=pa.array([2**40], pa.int64()), price=price, tags=tags, note=["x"]))
    name = world.make("parquet-types", TablePrefix="p_")
    assert world.crawl(name)["Status"] == "SUCCEEDED"
    assert world.columns("p_sales") == {
        "id": "bigint",
        "price": "decimal(12,2)",
        "at": "timestamp",
        "tags": "array<struct<k:bigint>>",
        "note": "string",
    }


def test_a_tables_definition_and_parameters_are_those_of_aws(world: Crawling) -> None:
    text = "id,city,price\n1,Rome,2.5\n2,Oslo,3\n"
    world.put("a.csv", text)
    name = world.make("csv-parameters")
    world.crawl(name)
    table = world.tables()["sales"]
    expected = {
        "CrawlerSchemaDeserializerVersion": "1.0",
        "CrawlerSchemaSerializerVersion": "1.0",
        "UPDATED_BY_CRAWLER": name,
        "areColumnsQuoted": "false",
        "averageRecordSize": str(len(text) // 2),
        "classification": "csv",
        "columnsOrdered": "true",
        "compressionType": "none",
        "delimiter": ",",
        "objectCount": "1",
        "recordCount": "2",
        "sizeKey": str(len(text)),
        "skip.header.line.count": "1",
        "typeOfData": "file",
    }
    assert table["Parameters"] == expected
    assert table["StorageDescriptor"]["Parameters"] == expected
    assert table["StorageDescriptor"]["SerdeInfo"] == {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
        "Parameters": {"field.delim": ","},
    }
    assert table["StorageDescriptor"]["Location"] == f"s3://{BUCKET}/{world.folder}"
    assert (table["TableType"], table["PartitionKeys"]) == ("EXTERNAL_TABLE", [])
    assert world.columns("sales") == {"id": "bigint", "city": "string", "price": "double"}


def test_json_lines_merge_numbers_structs_and_missing_fields(world: Crawling) -> None:
    world.put("a.json", ndjson({"id": 1, "n": 1, "who": {"name": "a"}, "tags": ["x"], "nil": None, "odd": 1}))
    world.put("b.json", ndjson({"id": 2**40, "n": 1.5, "who": {"age": 3}, "ok": True, "tags": [], "odd": "x"}))
    world.crawl(world.make("json-merge"))
    assert world.columns("sales") == {
        "id": "bigint",
        "n": "double",
        "who": "struct<name:string,age:int>",
        "tags": "array<string>",
        "nil": "string",
        "odd": "string",
        "ok": "boolean",
    }
    serde = world.tables()["sales"]["StorageDescriptor"]["SerdeInfo"]
    assert serde["SerializationLibrary"] == "org.openx.data.jsonserde.JsonSerDe"
    assert serde["Parameters"] == {"paths": "id,n,nil,odd,ok,tags,who"}


def test_a_json_array_has_one_column_and_a_document_its_fields(world: Crawling) -> None:
    world.put("list/a.json", json.dumps([{"a": 1}, {"b": "x"}]))
    world.put("document/a.json", json.dumps({"a": 1, "b": [1]}, indent=2))
    world.crawl(world.make("json-forms"))
    assert world.columns("list") == {"array": "array<struct<a:int,b:string>>"}
    assert world.columns("document") == {"a": "int", "b": "array<int>"}


def test_gzip_is_read_and_said(world: Crawling) -> None:
    world.put("a.json.gz", gzip.compress(ndjson({"a": 1}, {"a": 2}).encode()))
    world.crawl(world.make("gzip"))
    table = world.tables()["sales"]
    assert (table["Parameters"]["compressionType"], table["Parameters"]["recordCount"]) == ("gzip", "2")
    assert table["StorageDescriptor"]["Compressed"] is True


def test_hive_folders_become_partitions_and_a_second_crawl_adds_new_ones(world: Crawling) -> None:
    for day in ("01", "02"):
        world.put(f"year=2026/day={day}/a.json", ndjson({"id": 1}))
    name = world.make("partitions")
    world.crawl(name)
    table = world.tables()["sales"]
    keys = [{"Name": "year", "Type": "string"}, {"Name": "day", "Type": "string"}]
    assert table["PartitionKeys"] == keys
    assert table["Parameters"]["partition_filtering.enabled"] == "true"
    assert set(world.partitions("sales")) == {("2026", "01"), ("2026", "02")}
    location = world.partitions("sales")["2026", "01"]["StorageDescriptor"]["Location"]
    assert location == world.url("year=2026/day=01/")
    world.put("year=2026/day=03/a.json", ndjson({"id": 1}))
    world.crawl(name)
    assert set(world.partitions("sales")) == {("2026", "01"), ("2026", "02"), ("2026", "03")}
    assert world.tables()["sales"]["Parameters"]["objectCount"] == "3"


def test_unlike_folders_are_tables_of_their_own_and_like_ones_partitions(world: Crawling) -> None:
    world.put("x/1/a.json", ndjson({"a": 1, "b": 1, "c": 1}))
    world.put("x/2/a.json", ndjson({"a": 1, "b": 1, "c": 1}))
    world.put("y/1/a.json", ndjson({"d": 1, "e": 1, "f": 1}))
    world.crawl(world.make("folders"))
    assert set(world.tables()) == {"x", "y"}
    assert [key["Name"] for key in world.tables()["x"]["PartitionKeys"]] == ["partition_0"]
    assert set(world.partitions("x")) == {("1",), ("2",)}


def test_hidden_and_excluded_files_are_left_out(world: Crawling) -> None:
    world.put("a.json", ndjson({"a": 1}))
    for name in ("_SUCCESS", ".crc", "_temporary/b.json", "skip/c.json", "d.tmp"):
        world.put(name, ndjson({"z": 1}))
    target = {"Path": world.url(), "Exclusions": ["skip/**", "*.{tmp,bak}"]}
    world.crawl(world.make("exclusions", Targets={"S3Targets": [target]}))
    assert world.columns("sales") == {"a": "int"}
    assert list(world.tables()) == ["sales"]
