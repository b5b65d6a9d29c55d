"""The generator of the activity pipeline: same arguments, same bytes; every line in its ranges."""

import hashlib
import importlib.util
import json
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest


def _generator() -> ModuleType:
    path = Path(__file__).parents[2] / "pipelines" / "activity" / "generate.py"
    spec = importlib.util.spec_from_file_location("activity_generate", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generator = _generator()


def _rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line, parse_float=Decimal) for line in path.read_text().splitlines()]


def test_same_seed_gives_the_same_bytes_on_every_machine_and_release(tmp_path: Path) -> None:
    files = generator.generate(tmp_path, 1000, 7)
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for name, path in files.items()}
    assert digests == {"users": "58a1380bd03d2c38", "events": "6360ad122f978502", "orders": "943c26b4a8fc0cf5"}


def test_another_seed_gives_other_rows(tmp_path: Path) -> None:
    one = generator.generate(tmp_path / "one", 100, 1)
    two = generator.generate(tmp_path / "two", 100, 2)
    assert all(one[name].read_bytes() != two[name].read_bytes() for name in one)


def test_every_dataset_has_all_its_rows_numbered_in_order_across_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator, "BLOCK_ROWS", 100)
    files = generator.generate(tmp_path, 1001, 3)
    for name, path in files.items():
        ids = [row[f"{name[:-1]}_id"] for row in _rows(path)]
        assert ids == [f"{name[0]}_{number}" for number in range(1001)]
    amounts = [row["order_amount"] for row in _rows(files["orders"])]
    assert amounts[:100] != amounts[100:200]


def test_ids_amounts_and_words_stay_in_their_ranges_and_reach_both_ends(tmp_path: Path) -> None:
    rows = 20_000
    files = generator.generate(tmp_path, rows, 11)
    users, events, orders = (_rows(files[name]) for name in ("users", "events", "orders"))
    for found, prefix, top in (
        ([row["user_id"] for row in events + orders], "u_", rows // 5),
        ([row["product_id"] for row in events + orders], "p_", rows // 20),
        ([row["session_id"] for row in events], "s_", rows // 2),
    ):
        numbers = {int(str(value).removeprefix(prefix)) for value in found}
        assert min(numbers) >= 1
        assert max(numbers) <= top
        assert len(numbers) > 0.8 * top
    amounts = [row["order_amount"] for row in orders]
    assert all(isinstance(amount, Decimal) and amount.as_tuple().exponent == -2 for amount in amounts)
    assert Decimal("10.00") <= min(amounts) < Decimal("20.00")
    assert Decimal("29990.00") < max(amounts) <= Decimal("30000.00")
    assert abs(sum(amounts) / rows - Decimal("15005")) < 200
    assert {row["country"] for row in users} == {"IN", "US", "EU", "AU"}
    assert {row["device_type"] for row in users + events} == {"mobile", "PC", "tablet"}
    assert {row["marketing_source"] for row in users} == {"google_ads", "instagram_reels", "youtube"}
    assert {row["event_type"] for row in events} == {"product_view", "product_purchase"}
    assert {row["payment_status"] for row in orders} == {"success", "failed", "in_progress"}
    assert {row["currency"] for row in orders} == {"USD"}
    assert {row["signup_date"][:4] for row in users} == {"2022", "2023", "2024"}
    assert {row["event_timestamp"][:4] for row in events} == {"2025"}


def test_one_row_a_file_refers_to_the_only_user_there_is(tmp_path: Path) -> None:
    files = generator.generate(tmp_path, 1, 1)
    assert [_rows(path)[0]["user_id"] for path in files.values()] == ["u_0", "u_0", "u_0"]


def test_dirty_breaks_about_that_share_of_lines_and_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    clean = generator.generate(tmp_path / "clean", 5000, 7)
    dirty = generator.generate(tmp_path / "dirty", 5000, 7, dirty=0.02)
    for name in clean:
        pairs = list(zip(clean[name].read_text().splitlines(), dirty[name].read_text().splitlines(), strict=True))
        changed = [line for was, line in pairs if was != line]
        assert 60 < len(changed) < 140
        assert len({line[-12:] for line in changed}) > 3


def test_progress_counts_every_row_once(tmp_path: Path) -> None:
    told: list[int] = []
    generator.generate(tmp_path, 250_000, 7, told.append)
    assert sum(told) == 750_000
    assert len(told) == 9


def test_a_crash_leaves_no_file_that_looks_complete(tmp_path: Path) -> None:
    def stop(rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generator.generate(tmp_path, 10, 7, stop)
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.parametrize(("rows", "seed", "dirty"), [(0, 1, 0.0), (10, -1, 0.0), (10, 1, 1.5), (10, 1, -0.1)])
def test_arguments_out_of_range_are_refused(tmp_path: Path, rows: int, seed: int, dirty: float) -> None:
    with pytest.raises(ValueError, match="expected"):
        generator.generate(tmp_path, rows, seed, dirty=dirty)
