"""Which function has which layer, what a layer is made of, and what Lambda takes."""

import hashlib
import io
import re
import zipfile
from pathlib import Path

import pytest

from deploy import archive
from deploy.functions import KINDS
from deploy.layers import LAYERS, LAYERS_OF, LIMIT_UNPACKED_BYTES, LayerError, check_sizes
from deploy.wheels import LOCKS, build_layer, pinned_for

LOCK = """\
one==1.0 ; python_full_version < '3.12' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via somebody
one==2.0 ; python_full_version >= '3.12' \\
    --hash=sha256:cc
two==3.0 ; sys_platform == 'win32' \\
    --hash=sha256:dd
three==4.0 \\
    --hash=sha256:ee
"""


def test_every_layer_has_a_lock_and_a_user_and_every_user_is_a_function() -> None:
    assert {path.stem for path in LOCKS.glob("*.txt")} == {path.stem for path in LOCKS.glob("*.in")} == set(LAYERS)
    assert {layer for layers in LAYERS_OF.values() for layer in layers} == set(LAYERS)
    assert LAYERS_OF.keys() <= set(KINDS)


def test_locks_are_hash_pinned_at_the_lakes_versions_and_name_no_index() -> None:
    lake = (LOCKS.parent / "lake.txt").read_text()
    for path in LOCKS.glob("*.txt"):
        pinned = pinned_for(path.read_text(), "3.12")
        assert "://" not in path.read_text()
        for line in pinned.splitlines():
            requirement, *hashes = line.split(" --hash=")
            assert hashes, line
            assert f"{requirement} " in lake, f"{path.name}: {requirement} is not what lake.txt has"


@pytest.mark.parametrize(("python", "version"), [("3.11", "one==1.0"), ("3.12", "one==2.0")])
def test_a_lock_is_read_for_lambdas_python_and_platform_and_not_for_this_machines(python: str, version: str) -> None:
    lines = pinned_for(LOCK, python).splitlines()
    assert [line.split(" ")[0] for line in lines] == [version, "three==4.0"]
    assert lines[-1] == "three==4.0 --hash=sha256:ee"


def test_a_function_too_large_or_with_too_many_layers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = dict.fromkeys(LAYERS, 10)
    assert check_sizes(5, sizes)["gold"] == 25
    assert check_sizes(5, sizes)["publish"] == 5
    largest = LIMIT_UNPACKED_BYTES - 20
    assert check_sizes(largest, sizes)["gold"] == LIMIT_UNPACKED_BYTES
    with pytest.raises(LayerError, match=r"'gold' with its layers \['delta', 'duckdb'\] is 262,144,001 bytes"):
        check_sizes(largest + 1, sizes)
    monkeypatch.setattr("deploy.layers.LAYERS_OF", {"gate": ("arrow",) * 6})
    with pytest.raises(LayerError, match="'gate' has 6 layers; Lambda takes 5"):
        check_sizes(5, sizes)


def test_a_layer_is_built_twice_to_the_same_bytes_without_tests_stubs_and_lists(tmp_path: Path) -> None:
    """With other dates, other folders and another order of the same files."""
    once, again = (build_layer("faker", cache=tmp_path / name) for name in ("one", "two"))
    data = once.read_bytes()
    assert hashlib.sha256(data).digest() == hashlib.sha256(again.read_bytes()).digest()
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.testzip() is None
        names = opened.namelist()
        assert {entry.date_time for entry in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.external_attr >> 16 for entry in opened.infolist()} == {0o100644}
        assert b"class Faker" in opened.read("python/faker/proxy.py")
    assert names == sorted(names)
    assert {name.split("/")[0] for name in names} == {"python"}
    assert not [name for name in names if name.endswith((".pyi", ".pyc", "RECORD")) or "/tests/" in name]
    assert [name for name in names if name.endswith("METADATA")]


def test_a_layer_without_a_lock_or_with_a_wrong_hash_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LayerError, match=r"faker\.txt is missing: run `make lock`"):
        build_layer("faker", locks=tmp_path, cache=tmp_path)
    lock = (LOCKS / "faker.txt").read_text()
    (tmp_path / "faker.txt").write_text(re.sub(r"sha256:[0-9a-f]{8}", "sha256:00000000", lock))
    with pytest.raises(LayerError, match="pip cannot get the wheels of layer 'faker'"):
        build_layer("faker", locks=tmp_path, cache=tmp_path)
    assert not list(tmp_path.glob("*.zip"))


def test_an_entry_taken_over_packed_is_the_entry(tmp_path: Path) -> None:
    source = tmp_path / "source.zip"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("a.txt", "text " * 1000)
    with zipfile.ZipFile(source) as opened:
        packed = archive.packed_entry(opened, opened.getinfo("a.txt"))
    buffer = io.BytesIO()
    archive.write_zip(buffer, {"z.txt": b"plain", "b.txt": packed})
    with zipfile.ZipFile(buffer) as opened:
        assert opened.namelist() == ["b.txt", "z.txt"]
        assert opened.testzip() is None
        assert opened.read("b.txt") == b"text " * 1000
        assert opened.getinfo("b.txt").compress_size < 1000
