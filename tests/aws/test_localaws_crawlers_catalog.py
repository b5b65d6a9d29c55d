"""Crawlers and the catalog: policies for what changed or went, Delta and catalog targets, what others wrote."""

import json
from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from crawling import Crawling, client, ndjson, new_world, parquet, prepare
from deltalake import write_deltalake

from localaws import EmbeddedAws


@pytest.fixture(scope="module", autouse=True)
def prepared(aws: EmbeddedAws) -> None:
    prepare(aws)


@pytest.fixture
def world(aws: EmbeddedAws) -> Crawling:
    return new_world(aws, "sales")


def policy(update: str, delete: str) -> dict[str, Any]:
    return {"SchemaChangePolicy": {"UpdateBehavior": update, "DeleteBehavior": delete}}


def output(**behaviours: str) -> str:
    made = {name: {"AddOrUpdateBehavior": behaviour} for name, behaviour in behaviours.items()}
    return json.dumps({"Version": 1.0, "CrawlerOutput": made})


@pytest.mark.parametrize(
    ("settings", "columns"),
    [
        ({}, {"b": "double", "c": "int", "d": "int"}),
        (policy("LOG", "LOG"), {"a": "int", "b": "int", "c": "int"}),
        ({"Configuration": output(Tables="MergeNewColumns")}, {"a": "int", "b": "int", "c": "int", "d": "int"}),
    ],
    ids=["update", "log", "merge-new-columns"],
)
def test_a_changed_schema_follows_the_policy(
    world: Crawling, settings: dict[str, Any], columns: dict[str, str]
) -> None:
    world.put("a.json", ndjson({"a": 1, "b": 1, "c": 1}))
    name = world.make(f"changes-{world.database}", **settings)
    world.crawl(name)
    world.put("a.json", ndjson({"b": 1.5, "c": 1, "d": 1}))
    world.crawl(name)
    assert world.columns("sales") == columns


def test_a_crawl_that_finds_nothing_new_writes_nothing(world: Crawling) -> None:
    world.put("day=1/a.json", ndjson({"a": 1}))
    name = world.make("nothing-new")
    world.crawl(name)
    before = (world.tables()["sales"]["VersionId"], world.partitions("sales"))
    world.crawl(name)
    assert (world.tables()["sales"]["VersionId"], world.partitions("sales")) == before
    metrics = client(world.aws, "glue").get_crawler_metrics(CrawlerNameList=[name])["CrawlerMetricsList"][0]
    assert (metrics["TablesCreated"], metrics["TablesUpdated"], metrics["TablesDeleted"]) == (0, 0, 0)


@pytest.mark.parametrize("delete", ["DELETE_FROM_DATABASE", "DEPRECATE_IN_DATABASE", "LOG"])
def test_what_is_gone_is_deleted_deprecated_or_logged(world: Crawling, delete: str) -> None:
    world.put("x/day=1/a.json", ndjson({"a": 1, "b": 1}))
    world.put("x/day=2/a.json", ndjson({"a": 1, "b": 1}))
    world.put("y/z.json", ndjson({"q": 1}))
    name = world.make(f"gone-{delete}", **policy("UPDATE_IN_DATABASE", delete))
    world.crawl(name)
    assert set(world.tables()) == {"x", "y"}
    world.delete("x/day=2/a.json")
    world.delete("y/z.json")
    world.put("w/z.json", ndjson({"k": 1}))
    last = world.crawl(name)
    assert last["Status"] == "SUCCEEDED", last
    tables, partitions = world.tables(), world.partitions("x")
    assert set(tables) == ({"x", "w"} if delete == "DELETE_FROM_DATABASE" else {"x", "y", "w"})
    assert set(partitions) == ({("1",)} if delete == "DELETE_FROM_DATABASE" else {("1",), ("2",)})
    if delete != "DELETE_FROM_DATABASE":
        marked = delete == "DEPRECATE_IN_DATABASE"
        assert ("DEPRECATED_BY_CRAWLER" in tables["y"]["Parameters"]) is marked
        assert ("DEPRECATED_BY_CRAWLER" in partitions["2",]["Parameters"]) is marked


def test_a_deprecated_table_that_comes_back_is_a_table_again(world: Crawling) -> None:
    world.put("x/a.json", ndjson({"a": 1}))
    world.put("y/z.json", ndjson({"q": 1}))
    name = world.make("comes-back")
    world.crawl(name)
    world.delete("y/z.json")
    world.put("w/z.json", ndjson({"k": 1}))
    world.crawl(name)
    world.put("y/z.json", ndjson({"q": 1}))
    world.crawl(name)
    assert "DEPRECATED_BY_CRAWLER" not in world.tables()["y"]["Parameters"]


def test_only_new_folders_are_crawled_where_the_recrawl_policy_says_so(world: Crawling) -> None:
    world.put("day=1/a.json", ndjson({"a": 1}))
    recrawl = {"RecrawlPolicy": {"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"}}
    with pytest.raises(ClientError, match="LOG"):
        world.make("new-folders", **recrawl)
    name = world.make("new-folders", **recrawl, **policy("LOG", "LOG"))
    world.crawl(name)
    world.put("day=1/b.json", ndjson({"a": 1, "late": 1}))
    world.put("day=2/a.json", ndjson({"a": 1, "new": 1}))
    world.crawl(name)
    assert world.columns("sales") == {"a": "int"}
    assert set(world.partitions("sales")) == {("1",), ("2",)}
    assert world.partitions("sales")["1",]["Parameters"]["objectCount"] == "1"


def test_partitions_have_their_own_columns_or_inherit_the_tables(world: Crawling) -> None:
    world.put("day=1/a.json", ndjson({"a": 1, "b": 1}))
    world.put("day=2/a.json", ndjson({"a": 2**40, "b": 1, "c": 1}))
    world.crawl(world.make("own-columns"))
    own = world.partitions("sales")["1",]["StorageDescriptor"]["Columns"]
    assert own == [{"Name": "a", "Type": "int"}, {"Name": "b", "Type": "int"}]
    world.crawl(world.make("inherited-columns", Configuration=output(Partitions="InheritFromTable")))
    inherited = world.partitions("sales")["1",]["StorageDescriptor"]["Columns"]
    assert inherited == world.tables()["sales"]["StorageDescriptor"]["Columns"]
    assert world.columns("sales") == {"a": "bigint", "b": "int", "c": "int"}


@pytest.mark.parametrize(
    ("grouping", "tables"),
    [
        ({}, {"year_2017", "year_2018"}),
        ({"TableGroupingPolicy": "CombineCompatibleSchemas"}, {"sales"}),
        ({"TableGroupingPolicy": "CombineCompatibleSchemas", "TableLevelConfiguration": 2}, {"w"}),
    ],
    ids=["similar", "combined", "level"],
)
def test_the_grouping_decides_where_tables_begin(world: Crawling, grouping: dict[str, Any], tables: set[str]) -> None:
    """The first two are the examples of AWS's own page on CombineCompatibleSchemas."""
    world.put("year=2017/data1.json", ndjson({"A": 1, "B": 2}))
    world.put("year=2018/data2.json", ndjson({"C": 3, "D": 4}))
    configuration = json.dumps({"Version": 1.0, "Grouping": grouping})
    world.crawl(world.make(f"grouping-{world.database}", Configuration=configuration))
    found = {name.rstrip("0123456789") if name.startswith("w") else name for name in world.tables()}
    assert found == tables


def test_a_name_that_is_taken_by_another_place_gets_a_hash(world: Crawling) -> None:
    world.put("a.json", ndjson({"a": 1}))
    other = {"Location": "s3://elsewhere/sales/", "Columns": []}
    client(world.aws, "glue").create_table(
        DatabaseName=world.database, TableInput={"Name": "sales", "StorageDescriptor": other}
    )
    world.crawl(world.make("taken"))
    names = sorted(world.tables())
    assert names[0] == "sales"
    assert names[1].startswith("sales_")
    assert len(names[1]) == len("sales_") + 32


def delta_table(world: Crawling, rows: pa.Table, **options: Any) -> str:
    """Write a Delta table to a local folder, and from there below the include path; its address."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        write_deltalake(folder, rows, **options)
        for file in Path(folder).rglob("*"):
            if file.is_file():
                world.put(f"orders/{file.relative_to(folder)}", file.read_bytes())
    return world.url("orders/")


def test_a_native_delta_table_has_the_columns_of_its_log(world: Crawling) -> None:
    rows = pa.table({"id": pa.array([1], pa.int64()), "at": pa.array([0], pa.timestamp("us", "UTC")), "day": ["x"]})
    url = delta_table(world, rows, partition_by=["day"])
    target = {"DeltaTables": [url], "CreateNativeDeltaTable": True, "WriteManifest": False}
    name = world.make("delta", Targets={"DeltaTargets": [target]}, TablePrefix="p_")
    assert world.crawl(name)["Status"] == "SUCCEEDED"
    table = world.tables()["p_orders"]
    assert world.columns("p_orders") == {"id": "bigint", "at": "timestamp"}
    assert table["PartitionKeys"] == [{"Name": "day", "Type": "string"}]
    assert table["Parameters"]["table_type"] == "DELTA"
    assert table["StorageDescriptor"]["SerdeInfo"]["Parameters"]["path"] == url
    declared = {**table["StorageDescriptor"], "Columns": [{"Name": "id", "Type": "bigint", "Comment": "Who"}]}
    parameters = {**table["Parameters"], "owner": "us"}
    described = {"Name": "p_orders", "StorageDescriptor": declared, "Parameters": parameters}
    client(world.aws, "glue").update_table(DatabaseName=world.database, TableInput=described)
    assert world.crawl(name)["Status"] == "SUCCEEDED"
    table = world.tables()["p_orders"]
    assert table["StorageDescriptor"]["Columns"][0] == {"Name": "id", "Type": "bigint", "Comment": "Who"}
    assert [column["Name"] for column in table["StorageDescriptor"]["Columns"]] == ["id", "at"]
    assert (table["Parameters"]["owner"], table["PartitionKeys"]) == ("us", [{"Name": "day", "Type": "string"}])
    missing = {**target, "DeltaTables": [world.url("none/")]}
    last = world.crawl(world.make("no-delta", Targets={"DeltaTargets": [missing]}))
    assert last["Status"] == "FAILED"
    assert "No Delta table" in last["ErrorMessage"]


def gold_table(world: Crawling, location: str, keys: list[str]) -> None:
    descriptor = {
        "Columns": [{"Name": "id", "Type": "int", "Comment": "Who"}],
        "Location": location,
        "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
    }
    table = {
        "Name": "gold",
        "StorageDescriptor": descriptor,
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in keys],
        "Parameters": {"lake_run": "r1"},
    }
    client(world.aws, "glue").create_table(DatabaseName=world.database, TableInput=table)


def catalog_target(world: Crawling, table: str = "gold") -> dict[str, Any]:
    return {"CatalogTargets": [{"DatabaseName": world.database, "Tables": [table]}]}


def test_a_catalog_target_is_refreshed_and_keeps_what_others_wrote(world: Crawling) -> None:
    world.put("run=7/part-0.parquet", parquet(id=pa.array([1, 2], pa.int32()), name=["a", "b"]))
    gold_table(world, world.url("run=7/"), [])
    with pytest.raises(ClientError, match="DeleteBehavior"):
        world.make("gold-bad", Targets=catalog_target(world))
    name = world.make("gold", Targets=catalog_target(world), **policy("UPDATE_IN_DATABASE", "LOG"))
    assert world.crawl(name)["Status"] == "SUCCEEDED"
    table = world.tables()["gold"]
    assert table["StorageDescriptor"]["Columns"] == [
        {"Name": "id", "Type": "int", "Comment": "Who"},
        {"Name": "name", "Type": "string"},
    ]
    assert (table["Parameters"]["lake_run"], table["Parameters"]["recordCount"]) == ("r1", "2")
    assert table["StorageDescriptor"]["Location"] == world.url("run=7/")
    assert list(world.tables()) == ["gold"]
    last = world.crawl(
        world.make("gold-none", Targets=catalog_target(world, "none"), **policy("UPDATE_IN_DATABASE", "LOG"))
    )
    assert (last["Status"], "does not exist" in last["ErrorMessage"]) == ("FAILED", True)


def test_a_catalog_target_with_partitions_is_read_at_their_places(world: Crawling) -> None:
    gold_table(world, world.url("root/"), ["day"])
    for day in ("1", "2"):
        world.put(f"run=r{day}/day={day}/part-0.parquet", parquet(id=pa.array([1], pa.int32()), note=["x"]))
        descriptor = {"Location": world.url(f"run=r{day}/day={day}/"), "Columns": [{"Name": "id", "Type": "int"}]}
        value = {"Values": [day], "StorageDescriptor": descriptor, "Parameters": {"lake_run": "r1"}}
        client(world.aws, "glue").create_partition(DatabaseName=world.database, TableName="gold", PartitionInput=value)
    logged = world.make("gold-logged", Targets=catalog_target(world), **policy("LOG", "LOG"))
    before = (world.tables(), world.partitions("gold"))
    assert world.crawl(logged)["Status"] == "SUCCEEDED"
    assert (world.tables(), world.partitions("gold")) == before
    world.crawl(world.make("gold-parts", Targets=catalog_target(world), **policy("UPDATE_IN_DATABASE", "LOG")))
    assert world.columns("gold") == {"id": "int", "note": "string"}
    partition = world.partitions("gold")["2",]
    assert partition["StorageDescriptor"]["Location"] == world.url("run=r2/day=2/")
    assert (partition["Parameters"]["lake_run"], partition["Parameters"]["recordCount"]) == ("r1", "1")
    assert world.tables()["gold"]["Parameters"]["objectCount"] == "2"
