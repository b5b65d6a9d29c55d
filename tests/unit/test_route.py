"""Object keys find their slot, or a refusal that says why not."""

from pathlib import Path

import pytest

from lakehouse.contract.load import load_pipeline, pipelines
from lakehouse.contract.model import Place, RefusedPlace
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
    ],
)
def test_key_finds_its_slot(key: str, dataset: str, batch: str) -> None:
    pipeline = key.split("/")[1]
    assert place_of(key, ALL) == Place(pipeline, dataset, batch, key, slot_id(pipeline, dataset, batch, key))


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
