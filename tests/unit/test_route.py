"""Object keys find their slot, or a refusal that says why not."""

from pathlib import Path

import pytest

from lakehouse.contract.load import load_pipeline, pipelines
from lakehouse.contract.model import Place, RefusedPlace
from lakehouse.contract.patterns import path_regex
from lakehouse.contract.route import place_of
from lakehouse.names import slot_id

KINDS = load_pipeline(Path(__file__).parents[1] / "gate" / "pipelines" / "kinds")
ALL = pipelines() | {"kinds": KINDS}


@pytest.mark.parametrize(
    ("key", "dataset", "batch"),
    [
        ("bronze/activity/users.json", "users", "default"),
        ("bronze/activity/users.csv.gz", "users", "default"),
        ("bronze/activity/users/part.ndjson", "users", "default"),
        ("bronze/activity/users/2026-01-31/users.jsonl.gz", "users", "2026-01-31"),
        ("bronze/activity/events/b 1+2%20ü/a.b.json", "events", "b 1+2%20ü"),
        ("bronze/activity/orders/{batch}/[x]*.json", "orders", "{batch}"),
        ("bronze/activity/orders/b/line\nfeed.json", "orders", "b"),
        ("bronze/kinds/documents/date=2026-01-31/x.json", "documents", "2026-01-31"),
        ("bronze/carts/carts.csv", "carts", "default"),
        ("bronze/carts/carts/date=2024-02-29/carts-20240229T120000Z.csv.gz", "carts", "2024-02-29"),
        ("bronze/transactions/transactions/date=2026-11-21/20261121T000500Z.json", "transactions", "2026-11-21"),
        ("bronze/shipping/shipments/shipments-20261121T000000Z.json", "shipments", "shipments-20261121T000000Z"),
        (
            "bronze/sales/transactions/year=2026/month=11/day=21/transactions_2026-11-21.csv",
            "transactions",
            "2026-11-21",
        ),
    ],
)
def test_key_finds_its_slot(key: str, dataset: str, batch: str) -> None:
    pipeline = key.split("/")[1]
    assert place_of(key, ALL) == Place(pipeline, dataset, batch, key, slot_id(pipeline, dataset, batch, key))


SALES = "bronze/sales/transactions/year={}/month={}/day={}/transactions_{}.csv"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("bronze/transactions/transactions/date=2026-02-29/x.json", "found date '2026-02-29', expected a day of the"),
        ("bronze/transactions/transactions/date=2026-13-01/x.json", "found date '2026-13-01', expected a day of the"),
        ("bronze/transactions/transactions/date=0000-01-01/x.json", "found date '0000-01-01', expected a day of the"),
        ("bronze/transactions/transactions/date=2026-1-1/x.json", "found date '2026-1-1', expected yyyy-MM-dd"),
        ("bronze/transactions/transactions/date=20260101/x.json", "found date '20260101', expected yyyy-MM-dd"),
        ("bronze/transactions/transactions/date=2026-W01-1/x.json", "found date '2026-W01-1', expected yyyy-MM-dd"),
        ("bronze/transactions/transactions/date=٢٠٢٦-٠١-٠١/x.json", "expected yyyy-MM-dd"),
        ("bronze/carts/carts/date=today/x.csv", "for carts/date={date}/{file}.{ext} of dataset 'carts': found date"),
        (SALES.format("2026", "02", "30", "2026-02-30"), "found date '2026-02-30', expected a day of the calendar"),
        (SALES.format("2026", "02", "30", "2026-02-28"), "found year/month/day '2026-02-30', expected a day"),
        (SALES.format("2026", "2", "03", "2026-02-03"), "found month '2', expected 2 digits"),
        (SALES.format("26", "02", "03", "2026-02-03"), "found year '26', expected 4 digits"),
        (SALES.format("2026", "02", "3", "2026-02-03"), "found day '3', expected 2 digits"),
        (SALES.format("2026", "02", "03", "2026-02-04"), "found the days '2026-02-04' and '2026-02-03', expected the"),
    ],
)
def test_key_that_names_no_day_is_refused(key: str, said: str) -> None:
    found = place_of(key, ALL)
    assert isinstance(found, RefusedPlace)
    assert found.reason == "unknown_place"
    assert said in found.message


def test_days_are_found_beside_other_placeholders() -> None:
    assert path_regex("x-{date}-{file}.{ext}").fullmatch("x-2026-01-31-a-b.json").groupdict() == {  # type: ignore[union-attr]
        "date": "2026-01-31",
        "file": "a-b",
        "ext": "json",
    }


def test_marker_closes_the_batch_it_lies_in() -> None:
    key = "bronze/kinds/small/b1/_SUCCESS"
    assert place_of(key, ALL) == Place("kinds", "small", "b1", key, slot_id("kinds", "small", "b1", key), marker=True)
    assert isinstance(place_of("bronze/activity/users/b1/_SUCCESS", ALL), RefusedPlace)


@pytest.mark.parametrize(
    ("key", "reason", "said"),
    [
        ("silver/activity/users.json", "not_bronze", "expected bronze/<pipeline>/<file>"),
        ("bronze/users.json", "not_bronze", "expected bronze/<pipeline>/<file>"),
        ("bronze/activity/users/", "folder_placeholder", "a folder's placeholder"),
        ("bronze/nothing/users.json", "unknown_pipeline", "expected one of activity"),
        ("bronze/activity/userz.json", "unknown_place", "users/{batch}/{file}.{ext}"),
        ("bronze/activity/users.parquet", "unknown_place", "users.{ext}"),
        ("bronze/activity/users.JSON", "unknown_place", "users.{ext}"),
        ("bronze/activity/users.json.zip", "unknown_place", "users.{ext}"),
        ("bronze/activity/users/a/b/c.json", "unknown_place", "users.{ext}"),
        ("bronze/activity/users//c.json", "unknown_place", "users.{ext}"),
        ("bronze/activity/xusers.json", "unknown_place", "users.{ext}"),
    ],
)
def test_key_that_fits_nothing_is_refused(key: str, reason: str, said: str) -> None:
    found = place_of(key, ALL)
    assert isinstance(found, RefusedPlace)
    assert (found.key, found.reason) == (key, reason)
    assert said in found.message
    assert repr(key) in found.message
