"""Silver files are fetched once a container, within a limit, and never half."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from shop_world import SHOP

from lakehouse.engines import silver_cache
from lakehouse.engines.silver_cache import SilverCache
from lakehouse.errors import EngineError
from lakehouse.silver.slots import SlotFile
from localaws import EmbeddedAws

SALES, BUCKET = SHOP.dataset("sales"), "silver-cache"
Files = Callable[..., list[SlotFile]]


class Counting:
    """An S3 client that counts downloads, and dies during one if it is told to."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.downloads: list[str] = []
        self.dies = False

    def download_file(self, bucket: str, key: str, path: str) -> None:
        self.downloads.append(key.rpartition("/")[2])
        if self.dies:
            Path(path).write_bytes(b"ha")
            raise ConnectionError("the container was killed")
        self.client.download_file(bucket, key, path)


@pytest.fixture(scope="module")
def s3(aws: EmbeddedAws) -> Any:
    client = aws.client("s3")
    client.create_bucket(Bucket=BUCKET)
    for name in "abcd":
        client.put_object(Bucket=BUCKET, Key=f"silver/shop/sales/data/{name}.parquet", Body=name.encode() * 100)
    return client


def files(names: str) -> list[SlotFile]:
    return [SlotFile("b", f"bronze/{name}", f"data/{name}.parquet", 1, 100) for name in names]


def test_what_was_fetched_is_there_for_the_next_invocation(s3: Any, tmp_path: Path) -> None:
    counting = Counting(s3)
    first = SilverCache(counting, BUCKET, tmp_path)  # type: ignore[arg-type]
    assert [path.read_bytes() for path in first.fetch(SALES, files("ba"))] == [b"b" * 100, b"a" * 100]
    first.trim()
    second = SilverCache(counting, BUCKET, tmp_path)  # type: ignore[arg-type]
    assert [path.read_bytes()[:1] for path in second.fetch(SALES, files("abc"))] == [b"a", b"b", b"c"]
    assert sorted(counting.downloads) == ["a.parquet", "b.parquet", "c.parquet"]
    assert (first.fetched, second.fetched) == (2, 1)


def test_a_day_of_runs_downloads_every_file_once(s3: Any, tmp_path: Path) -> None:
    counting, day = Counting(s3), "abcd"
    for run in range(1, len(day) + 1):
        cache = SilverCache(counting, BUCKET, tmp_path)  # type: ignore[arg-type]
        cache.fetch(SALES, files(day[:run]))
        cache.trim()
    assert [name[0] for name in counting.downloads] == list(day)


def test_an_invocation_that_was_killed_leaves_nothing_to_read(s3: Any, tmp_path: Path) -> None:
    counting = Counting(s3)
    counting.dies = True
    with pytest.raises(ConnectionError):
        SilverCache(counting, BUCKET, tmp_path).fetch(SALES, files("a"))  # type: ignore[arg-type]
    counting.dies = False
    assert len(list(tmp_path.rglob("*.part"))) == 1
    (path,) = SilverCache(counting, BUCKET, tmp_path).fetch(SALES, files("a"))  # type: ignore[arg-type]
    assert path.read_bytes() == b"a" * 100
    assert list(tmp_path.rglob("*.part")) == []


def test_a_file_of_another_size_is_fetched_again(s3: Any, tmp_path: Path) -> None:
    (path,) = SilverCache(s3, BUCKET, tmp_path).fetch(SALES, files("a"))
    path.write_bytes(b"torn")
    (again,) = SilverCache(s3, BUCKET, tmp_path).fetch(SALES, files("a"))
    assert again.read_bytes() == b"a" * 100


def test_beyond_the_limit_the_files_unused_for_longest_go(s3: Any, tmp_path: Path) -> None:
    cache = SilverCache(s3, BUCKET, tmp_path)
    for age, path in enumerate(cache.fetch(SALES, files("abc"))):
        os.utime(path, (age, age))
    cache.fetch(SALES, files("a"))
    cache.trim(limit_bytes=200)
    assert sorted(path.name for path in tmp_path.rglob("*.parquet")) == ["a.parquet", "c.parquet"]


def test_room_is_made_for_a_run_but_never_by_its_own_files(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SilverCache(s3, BUCKET, tmp_path).fetch(SALES, files("ab"))
    cache = SilverCache(s3, BUCKET, tmp_path)
    cache.fetch(SALES, files("b"))
    disk = silver_cache.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(silver_cache.shutil, "disk_usage", lambda _: disk._replace(free=150))
    with pytest.raises(EngineError, match="expected 200"):
        cache.fetch(SALES, files("c"))
    assert [path.name for path in tmp_path.rglob("*.parquet")] == ["b.parquet"]


def test_a_table_that_cannot_fit_says_so(s3: Any, tmp_path: Path) -> None:
    huge = [replace(files("a")[0], bytes=10**15)]
    with pytest.raises(EngineError, match="engine = 'spark'"):
        SilverCache(s3, BUCKET, tmp_path).fetch(SALES, huge)


def test_what_a_table_holds_no_more_is_forgotten_by_the_next_run(s3: Any, tmp_path: Path) -> None:
    SilverCache(s3, BUCKET, tmp_path).fetch(SALES, files("abc"))
    cache = SilverCache(s3, BUCKET, tmp_path)
    cache.fetch(SALES, files("ac"))
    cache.trim()
    assert sorted(path.name for path in tmp_path.rglob("*.parquet")) == ["a.parquet", "c.parquet"]
