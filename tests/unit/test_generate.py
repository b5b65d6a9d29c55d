"""The generators of all pipelines: same arguments, same bytes; clean rows keep their contract, dirty ones break it."""

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lakehouse.contract.load import pipelines
from lakehouse.contract.model import Place
from lakehouse.contract.route import place_of
from lakehouse.gate.judge import Judgement, judge
from lakehouse.generate import Generate, load_generator

AT = datetime(2026, 11, 21, 0, 5, tzinfo=UTC)
GENERATED = ("carts", "sales", "shipping", "transactions")
FIRST_BYTES = {
    "carts": ("carts/date=2026-11-21/carts-20261121T000500Z.csv", "66ef54b23bfbdb8e"),
    "sales": ("transactions/year=2026/month=11/day=21/transactions_2026-11-21.csv", "7bfcba11e0f9bfb4"),
    "shipping": ("shipments/shipments-20261121T000500Z.json", "3147a69fe328a431"),
    "transactions": ("transactions/date=2026-11-21/20261121T000500Z.json", "d2b0466a41ecdf11"),
}
"""Key below bronze/<pipeline>/ and SHA-256 (16 digits) of 100 rows of seed 7."""


@pytest.fixture(params=GENERATED)
def pipeline(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def generator(pipeline: str) -> Generate:
    return load_generator(pipelines()[pipeline])


def made(pipeline: str, folder: Path, rows: int = 100, seed: int = 7, **more: Any) -> tuple[str, bytes]:
    """Key below bronze/<pipeline>/ and content of the only file."""
    (path,) = generator(pipeline)(folder, rows, seed, **({"at": AT} | more)).values()
    return path.relative_to(folder).as_posix(), path.read_bytes()


def judged(pipeline: str, key: str, data: bytes, workdir: Path) -> Judgement:
    """What the gate says, had the contract no limit of bad rows."""
    workdir.mkdir(exist_ok=True)
    known = pipelines()
    place = place_of(f"bronze/{pipeline}/{key}", known)
    assert isinstance(place, Place), place
    dataset = replace(known[pipeline].dataset(place.dataset), max_bad_share=Decimal(1))
    return judge(io.BytesIO(data), place.key, dataset, workdir)


def rows_of(data: bytes) -> list[dict[str, Any]]:
    text = data.decode()
    if text.startswith("["):
        return list(json.loads(text, parse_float=Decimal))
    if text.startswith("{"):
        return [json.loads(line, parse_float=Decimal) for line in text.splitlines()]
    return list(csv.DictReader(io.StringIO(text)))


def test_same_arguments_give_the_same_bytes_at_the_same_key_on_every_machine(pipeline: str, tmp_path: Path) -> None:
    key, data = made(pipeline, tmp_path)
    assert (key, hashlib.sha256(data).hexdigest()[:16]) == FIRST_BYTES[pipeline]
    assert made(pipeline, tmp_path / "again", at=AT.astimezone(timezone(timedelta(hours=-5)))) == (key, data)


def test_another_seed_and_another_moment_give_other_rows(pipeline: str, tmp_path: Path) -> None:
    _, data = made(pipeline, tmp_path / "one")
    _, seeded = made(pipeline, tmp_path / "two", seed=8)
    key, later = made(pipeline, tmp_path / "three", at=AT + timedelta(days=1))
    assert len({data, seeded, later}) == 3
    assert key != FIRST_BYTES[pipeline][0]


def test_every_clean_row_keeps_its_contract(pipeline: str, tmp_path: Path) -> None:
    key, data = made(pipeline, tmp_path / "out", rows=500)
    found = judged(pipeline, key, data, tmp_path / "gate")
    assert (found.verdict, found.rows_in, found.rows_accepted, found.by_reason) == ("accepted", 500, 500, {})


@pytest.mark.parametrize("rows", [1, 2])
def test_one_row_is_a_whole_file_too(pipeline: str, rows: int, tmp_path: Path) -> None:
    found = judged(pipeline, *made(pipeline, tmp_path / "out", rows=rows), tmp_path / "gate")
    assert (found.verdict, found.rows_accepted) == ("accepted", rows)


def test_dirty_breaks_that_share_of_rows_and_leaves_the_others_as_they_were(pipeline: str, tmp_path: Path) -> None:
    key, clean = made(pipeline, tmp_path / "clean", rows=2000)
    _, dirty = made(pipeline, tmp_path / "dirty", rows=2000, dirty=0.1)
    pairs = list(zip(clean.splitlines(), dirty.splitlines(), strict=True))
    changed = sum(was != line for was, line in pairs)
    assert 140 < changed < 260
    found = judged(pipeline, key, dirty, tmp_path / "gate")
    assert (found.rows_in, found.rows_quarantined) == (2000, changed)


REASONS = {
    "carts": {"bad_format", "below_min", "null_value", "wrong_field_count", "wrong_type"},
    "sales": {"unknown_reference", "pattern_mismatch", "null_value", "below_min", "bad_format", "not_in_values"},
    "shipping": {"bad_format", "not_in_values", "wrong_type", "below_min", "null_value"},
    "transactions": {"check_failed", "too_many_decimals", "below_min", "wrong_type", "null_value", "bad_format"},
}


def test_dirty_rows_are_refused_for_the_reasons_that_real_sources_give(pipeline: str, tmp_path: Path) -> None:
    found = judged(pipeline, *made(pipeline, tmp_path / "out", rows=300, dirty=1.0), tmp_path / "gate")
    assert found.rows_quarantined == 300
    assert set(found.by_reason) == REASONS[pipeline]


def test_progress_counts_every_row_once(pipeline: str, tmp_path: Path) -> None:
    told: list[int] = []
    generator(pipeline)(tmp_path, 10_001, 7, told.append)
    assert told == [10_000, 1]


def test_a_crash_leaves_no_file_that_looks_complete(pipeline: str, tmp_path: Path) -> None:
    def stop(rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generator(pipeline)(tmp_path, 10_000, 7, stop)
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".csv", ".json")]


@pytest.mark.parametrize(
    "wrong", [{"rows": 0}, {"seed": -1}, {"dirty": 1.5}, {"dirty": -0.1}, {"at": datetime(2026, 1, 1)}]
)
def test_arguments_out_of_range_are_refused(pipeline: str, wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected"):
        generator(pipeline)(tmp_path, **({"rows": 1, "seed": 1} | wrong))


def test_carts_reach_both_ends_of_their_ranges_and_write_prices_as_people_do(tmp_path: Path) -> None:
    _, data = made("carts", tmp_path, rows=3000)
    rows = rows_of(data)
    for name in ("cart_id", "customer_id", "product_id"):
        assert {int(row[name]) for row in rows} == set(range(11)), name
    assert {int(row["product_amount"]) for row in rows} == set(range(1, 21))
    prices = [row["product_price"] for row in rows]
    assert all(re.fullmatch(r"\$(\d{1,3}|\d{1,2},\d{3})\.\d\d", price) for price in prices)
    assert any("," in price for price in prices)
    assert "$0.00" not in prices


def test_ranges_of_carts_are_parameters(tmp_path: Path) -> None:
    ranges = {"carts": (5, 6), "customers": (1000, 1000), "products": (0, 2**31 - 1)}
    rows = rows_of(made("carts", tmp_path, **ranges)[1])
    assert {row["cart_id"] for row in rows} == {"5", "6"}
    assert {row["customer_id"] for row in rows} == {"1000"}
    assert len({row["product_id"] for row in rows}) == 100
    with pytest.raises(ValueError, match="products is 3 to 2"):
        made("carts", tmp_path, products=(3, 2))


def test_no_two_hours_of_carts_share_an_object_name(tmp_path: Path) -> None:
    keys = {made("carts", tmp_path, rows=1, at=AT + timedelta(hours=hour))[0] for hour in range(48)}
    assert len(keys) == 48
    assert sum("/date=2026-11-21/" in key for key in keys) == 24


def test_a_day_of_transactions_is_288_files_of_that_day_whose_ids_never_collide(tmp_path: Path) -> None:
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    keys, ids = set(), Counter[str]()
    for tick in range(288):
        at = midnight + tick * timedelta(minutes=5)
        key, data = made("transactions", tmp_path, rows=5, at=at)
        keys.add(key)
        rows = rows_of(data)
        ids.update(row["transaction_id"] for row in rows)
        moments = [datetime.fromisoformat(row["timestamp"]) for row in rows]
        assert all(max(midnight, at - timedelta(minutes=5)) <= moment <= at for moment in moments)
        assert moments == sorted(moments)
    assert len(keys) == 288
    assert {key.split("/")[1] for key in keys} == {"date=2026-11-21"}
    assert len(ids) == 288 * 5
    assert all(re.fullmatch(r"TXN-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", one) for one in ids)


def test_transactions_are_of_the_catalogue_and_their_totals_exact(tmp_path: Path) -> None:
    rows = rows_of(made("transactions", tmp_path, rows=1000)[1])
    products = {(row["product_id"], row["product_name"], row["category"], row["price"]) for row in rows}
    assert len(products) == len({one[0] for one in products}) == 7
    assert {(name, category) for _, name, category, _ in products} == {
        ("Laptop", "Electronics"),
        ("Wireless Mouse", "Electronics"),
        ("USB-C Cable", "Electronics"),
        ("T-Shirt", "Clothing"),
        ("Jeans", "Clothing"),
        ("Python Book", "Books"),
        ("AWS Book", "Books"),
    }
    assert {row["quantity"] for row in rows} == {1, 2, 3, 4, 5}
    assert all(row["total_amount"] == row["quantity"] * row["price"] for row in rows)


def test_shipments_stay_in_their_ranges_and_hours_never_share_an_id(tmp_path: Path) -> None:
    rows = rows_of(made("shipping", tmp_path, rows=3600)[1])
    assert len({row["destination_city"] for row in rows}) == 6
    for name, low, high in (("shipping_cost", 1000, 10000), ("shipping_distance", 10, 100), ("quantity", 1000, 10000)):
        found = [row[name] for row in rows]
        assert low <= min(found) < low + (high - low) / 50, name
        assert high - (high - low) / 50 < max(found) <= high, name
    assert all(re.fullmatch(r"2026/1[01]/\d\d", row["shipping_date"]) for row in rows)
    next_hour = rows_of(made("shipping", tmp_path, rows=3600, at=AT + timedelta(hours=1))[1])
    assert len({row["shipping_id"] for row in rows + next_hour}) == 7200


@pytest.mark.parametrize("year", [1999, 2069])
def test_shipments_of_years_whose_ids_do_not_fit_are_refused(year: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected 2000 to 2068"):
        made("shipping", tmp_path, at=datetime(year, 1, 1, tzinfo=UTC))


def test_sales_are_of_the_schedules_own_day_and_of_known_customers_and_products(tmp_path: Path) -> None:
    key, data = made("sales", tmp_path, rows=1000, at=datetime(2026, 2, 28, 6, tzinfo=UTC))
    rows = rows_of(data)
    assert key == "transactions/year=2026/month=02/day=28/transactions_2026-02-28.csv"
    assert {date.fromisoformat(row["transaction_date"]) for row in rows} == {date(2026, 2, 28)}
    assert {row["customer_id"] for row in rows} == {f"C{number}" for number in range(1, 11)}
    assert {row["product_id"] for row in rows} == {f"P{number}" for number in range(1, 21)}
    assert {int(row["quantity"]) for row in rows} == set(range(1, 11))
    assert len({row["transaction_id"] for row in rows}) == 1000


def test_days_of_sales_never_share_an_id(tmp_path: Path) -> None:
    days = [made("sales", tmp_path, at=AT + timedelta(days=day))[1] for day in range(3)]
    assert len({row["transaction_id"] for data in days for row in rows_of(data)}) == 300


def test_every_pipeline_with_a_generator_takes_the_same_arguments(tmp_path: Path) -> None:
    generators: dict[str, Callable[..., dict[str, Path]]] = {
        name: load_generator(one) for name, one in pipelines().items() if one.generator
    }
    assert set(generators) > set(GENERATED)
    for name, generate in generators.items():
        folder, told = tmp_path / name, list[int]()
        files = generate(folder, 10, 3, told.append, dirty=0.0, at=AT)
        for dataset, path in files.items():
            place = place_of(f"bronze/{name}/{path.relative_to(folder).as_posix()}", pipelines())
            assert isinstance(place, Place)
            assert (place.pipeline, place.dataset) == (name, dataset)
        assert sum(told) == 10 * len(files)


def test_carts_keep_their_id_to_silver(tmp_path: Path) -> None:
    key, data = made("carts", tmp_path / "out")
    silver = judged("carts", key, data, tmp_path / "gate").parquet
    assert silver
    assert pq.read_table(silver).column("cart_id").to_pylist() == [int(row["cart_id"]) for row in rows_of(data)]


def test_unknown_customers_and_products_can_be_traced_to_their_line(tmp_path: Path) -> None:
    key, data = made("sales", tmp_path / "out", dirty=1.0)
    refused = judged("sales", key, data, tmp_path / "gate").quarantine_rows
    assert refused
    rows = [json.loads(line) for line in refused.read_text().splitlines()]
    unknown = [row for row in rows if row["reason"] == "unknown_reference"]
    assert {row["column"] for row in unknown} == {"customer_id", "product_id"}
    lines = data.decode().splitlines()
    for row in unknown:
        assert row["raw"] == lines[row["line"] - 1]
        assert dict(zip(lines[0].split(","), row["raw"].split(","), strict=True))[row["column"]] in row["message"]
