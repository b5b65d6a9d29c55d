"""`lake forget` as a person uses it; afterwards nothing in the lake's folder on this disk speaks of that person."""

import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.e2e.lake_command import LakeCommand, free_port

WHO, HEADER = "1700017171", "cart_id,customer_id,product_id,product_amount,product_price\n"
OTHERS = "".join(f"{number},{number},7,1,$2.50\n" for number in range(1, 30))


@pytest.fixture(scope="module")
def lake_command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LakeCommand]:
    command = LakeCommand(tmp_path_factory.mktemp("cli") / "home", free_port())
    assert command("up").code == 0
    yield command
    command("down")


def on_disk(folder: Path, word: bytes) -> list[str]:
    """Files below a folder that hold a word, as they lie there or decoded."""
    found = []
    for path in (path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        plain = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        if data[:4] == b"PAR1":
            plain += str(pq.read_table(io.BytesIO(data)).to_pylist()).encode()
        if word in plain:
            found.append(str(path.relative_to(folder)))
    return found


def test_nothing_on_this_disk_speaks_of_who_was_forgotten(lake_command: LakeCommand, tmp_path: Path) -> None:
    carts = tmp_path / "carts.csv"
    for bad in ("", f"1,{WHO},7,99,$2.50\n"):
        carts.write_text(HEADER + f"1,{WHO},7,3,$2.50\n" + OTHERS + bad)
        assert lake_command("put", str(carts), "-p", "carts").code == 0
    theirs = tmp_path / "theirs.csv"
    theirs.write_text(HEADER + f"1,{WHO},7,3,$2.50\n")
    assert lake_command("put", str(theirs), "-p", "carts", "-d", "carts", "-b", "2026-01-31").code == 0
    assert len(lake_command.ok("query", "select * from promotions")["rows"]) == 30
    assert on_disk(lake_command.home, WHO.encode()) != []

    asked = lake_command("forget", "carts", "--key", WHO)
    assert (asked.code, "--yes" in asked.err, asked.out) == (1, True, "")
    dry = lake_command.ok("forget", "carts", "--key", WHO, "--dry-run")
    assert (dry["records"], dry["dry_run"]) == ({"carts": 4}, True)
    done = lake_command.ok("forget", "carts", "--key", WHO, "--yes")
    assert (done["left"], {place["hits"] for place in done["proof"]}) == ([], {0})
    assert len(lake_command.ok("query", "select * from promotions")["rows"]) == 29
    again = lake_command.ok("forget", "carts", "--key", WHO)
    assert (again["records"], again["bronze"]) == ({}, [])

    assert lake_command.ok("audit", "carts")["findings"] == []

    unknown = lake_command("forget", "nobody", "--key", WHO)
    assert (unknown.code, "Unknown pipeline 'nobody'" in unknown.err) == (1, True)
    assert lake_command("down").code == 0
    assert on_disk(lake_command.home, WHO.encode()) == []
