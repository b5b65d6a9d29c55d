"""What is uploaded: the same bytes for the same files, nothing but them, and enough to run from."""

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from deploy.artifacts import build_artifacts
from deploy.config import ROOT
from deploy.functions import KINDS
from lakehouse.errors import ContractError


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the parts that are shipped."""
    for folder in ("lambda", "glue", "lakehouse", "pipelines"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def entries(data: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(data)).namelist()


def test_same_files_same_bytes_whatever_their_dates_and_leftovers(checkout: Path) -> None:
    before = build_artifacts(root=checkout)
    for number, path in enumerate(sorted(checkout.rglob("*.py"), reverse=True)):
        os.utime(path, (number, number))
        path.chmod(0o600)
    (checkout / "lakehouse" / "__pycache__").mkdir()
    (checkout / "lakehouse" / "__pycache__" / "x.pyc").write_bytes(b"x")
    (checkout / "lakehouse" / "legacy.pyc").write_bytes(b"x")
    (checkout / "pipelines" / ".DS_Store").write_bytes(b"x")
    assert [a.key for a in build_artifacts(root=checkout)] == [a.key for a in before]


def test_one_changed_byte_changes_the_keys_of_what_holds_it(checkout: Path) -> None:
    before = build_artifacts(root=checkout)
    handler = checkout / "lambda" / "gate.py"
    handler.write_text(handler.read_text() + "\n")
    after = build_artifacts(root=checkout)
    assert after.functions.key != before.functions.key
    assert (after.glue_modules.key, after.glue_script.key) == (before.glue_modules.key, before.glue_script.key)


def test_the_zips_hold_handlers_lakehouse_and_pipelines_and_nothing_else() -> None:
    artifacts = build_artifacts()
    functions, modules = entries(artifacts.functions.data), entries(artifacts.glue_modules.data)
    assert functions == sorted(functions)
    assert {f"{who}.py" for who in KINDS} == {name for name in functions if "/" not in name}
    assert {name.split("/")[0] for name in modules} == {"lakehouse", "pipelines"}
    assert set(modules) < set(functions)
    assert "pipelines/activity/pipeline.toml" in modules
    assert "lakehouse/workflow.asl.json" in modules
    assert not [name for name in functions if "__pycache__" in name or "test" in name or name.endswith(".pyc")]


def test_other_pipelines_take_the_place_of_the_checkouts(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "pipelines" / "activity", tmp_path / "sixth")
    names = entries(build_artifacts(tmp_path).functions.data)
    assert "pipelines/sixth/pipeline.toml" in names
    assert "pipelines/activity/pipeline.toml" not in names


@pytest.mark.parametrize("who", KINDS)
def test_handler_runs_from_the_zip_alone(tmp_path: Path, who: str) -> None:
    """Imported in a process that has the third-party packages and the zip, and nothing of the checkout."""
    package = tmp_path / "functions.zip"
    package.write_bytes(build_artifacts().functions.data)
    code = (
        "import sys, json; sys.path.insert(0, sys.argv[1]); "
        f"import {who}, lakehouse.contract.load as contracts; "
        "print(json.dumps([sorted(contracts.pipelines()), callable("
        f"{who}.handler), {who}.__file__]))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(package)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    names, is_callable, file = json.loads(done.stdout)
    assert ("activity" in names, is_callable) == (True, True)
    assert file.startswith(str(package))


def test_a_checkout_without_handlers_or_script_is_refused(checkout: Path) -> None:
    (checkout / "glue" / "gold.py").unlink()
    with pytest.raises(ContractError, match=r"lacks glue/gold\.py"):
        build_artifacts(root=checkout)
    shutil.rmtree(checkout / "lambda")
    with pytest.raises(ContractError, match=r"lacks lambda/\*\.py"):
        build_artifacts(root=checkout)
