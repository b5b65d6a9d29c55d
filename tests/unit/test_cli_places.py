"""Which bronze place `lake put` chooses for a file: made-up pipelines, every way a name can be clear or unclear."""

from pathlib import PurePath

import pytest

from cli.errors import CliError
from cli.places import place_for
from lakehouse.contract.model import Column, Dataset, Pipeline

SHOP_PATHS = {
    name: (f"{name}.{{ext}}", f"{name}/{{file}}.{{ext}}", f"{name}/{{batch}}/{{file}}.{{ext}}")
    for name in ("people", "orders")
}


def _pipeline(name: str, paths: dict[str, tuple[str, ...]], batch: str = "{batch}") -> Pipeline:
    datasets = tuple(
        Dataset(name, dataset, "", patterns, ("ndjson",), (Column("id", "string"),), ("id",), batch)
        for dataset, patterns in paths.items()
    )
    return Pipeline(name, "", PurePath(name), "duckdb", datasets, ())  # type: ignore[arg-type]


SHOP = {"shop": _pipeline("shop", SHOP_PATHS)}
TWO = SHOP | {"outlet": _pipeline("outlet", {"orders": SHOP_PATHS["orders"]})}
DATED = {"tills": _pipeline("tills", {"sales": ("sales/day={date}/{file}.{ext}",)}, batch="{date}")}
SPLIT = {"tills": _pipeline("tills", {"sales": ("sales/y={y}/m={m}/{file}.{ext}",)}, batch="{y}-{m}")}


@pytest.mark.parametrize(
    ("path", "batch", "key"),
    [
        ("people.json", None, "bronze/shop/people.json"),
        ("/data/people.csv.gz", None, "bronze/shop/people.csv.gz"),
        ("people-2.ndjson", None, "bronze/shop/people/people-2.ndjson"),
        ("people/part 1+ü.json", None, "bronze/shop/people/part 1+ü.json"),
        ("people.json", "may", "bronze/shop/people/may/people.json"),
        ("orders_3.json", "2026-05", "bronze/shop/orders/2026-05/orders_3.json"),
        ("people.json", "default", "bronze/shop/people.json"),
    ],
)
def test_a_clear_name_has_one_place(path: str, batch: str | None, key: str) -> None:
    place = place_for(PurePath(path), SHOP, batch=batch)
    assert place.key == key
    assert place.batch == (batch or "default")
    assert place.dataset == key.split("/")[2].split(".")[0]


def test_the_dataset_can_be_said() -> None:
    assert place_for(PurePath("x.json"), SHOP, dataset="orders").key == "bronze/shop/orders/x.json"
    place = place_for(PurePath("people.json"), SHOP, dataset="orders", batch="b")
    assert (place.dataset, place.key) == ("orders", "bronze/shop/orders/b/people.json")


def test_a_name_of_two_pipelines_needs_the_pipeline() -> None:
    with pytest.raises(CliError, match=r"orders.json fits several datasets: shop/orders, outlet/orders") as caught:
        place_for(PurePath("orders.json"), TWO)
    assert "--pipeline" in caught.value.hint
    assert place_for(PurePath("orders.json"), TWO, pipeline="outlet").key == "bronze/outlet/orders.json"


@pytest.mark.parametrize("path", ["things.json", "peoples.json", "people.parquet", "people"])
def test_a_name_of_nothing_lists_the_patterns(path: str) -> None:
    with pytest.raises(CliError) as caught:
        place_for(PurePath(path), SHOP)
    assert "shop/people: people.{ext}, people/{file}.{ext}" in str(caught.value)


@pytest.mark.parametrize("batch", ["a/b", ""])
def test_a_batch_that_no_path_can_hold_is_refused(batch: str) -> None:
    with pytest.raises(CliError, match="fits no dataset"):
        place_for(PurePath("people.json"), SHOP, batch=batch)


def test_a_batch_made_of_placeholders_fills_them() -> None:
    assert place_for(PurePath("a.json"), DATED, batch="2026-01-31").key == "bronze/tills/sales/day=2026-01-31/a.json"
    assert place_for(PurePath("a.json"), SPLIT, batch="2026-01").key == "bronze/tills/sales/y=2026/m=01/a.json"
    with pytest.raises(CliError, match="fits no dataset"):
        place_for(PurePath("a.json"), DATED)


@pytest.mark.parametrize(
    ("pipeline", "dataset", "message"),
    [("shops", None, "Unknown pipeline 'shops'. Expected one of shop"), (None, "x", "Expected one of people, orders")],
)
def test_unknown_names_say_what_is_known(pipeline: str | None, dataset: str | None, message: str) -> None:
    with pytest.raises(CliError, match=message):
        place_for(PurePath("people.json"), SHOP, pipeline, dataset)
