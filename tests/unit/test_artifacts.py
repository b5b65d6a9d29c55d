"""What is uploaded: the same bytes for the same files, nothing but them, and enough to run from."""

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib import util
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


GLUES_OWN = ("pyspark", "py4j", "awsglue", "boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
"""What Glue 5.1 brings. https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-python-libraries.html"""


def test_the_glue_script_needs_its_modules_and_glues_own_packages_alone(tmp_path: Path) -> None:
    """Imported by a bare Python, as the job starts it: nothing is fetched when it starts."""
    artifacts, own = build_artifacts(), tmp_path / "own"
    (tmp_path / "gold.py").write_bytes(artifacts.glue_script.data)
    (tmp_path / "modules.zip").write_bytes(artifacts.glue_modules.data)
    own.mkdir()
    for name in GLUES_OWN:
        found = util.find_spec(name)
        assert found is not None
        assert found.origin is not None
        origin = Path(found.origin)
        if origin.name != "__init__.py":
            shutil.copy(origin, own)
            continue
        shutil.copytree(origin.parent, own / name, ignore=shutil.ignore_patterns("__pycache__", "jars", "*.zip"))
    code = (
        "import json, sys, sysconfig; sys.path[:0] = json.loads(sys.argv[1]); import gold; "
        "print(json.dumps([sorted({str(getattr(m, '__file__', None)) for m in list(sys.modules.values())} - {'None'}), "
        "sysconfig.get_paths()['stdlib']]))"
    )
    paths = json.dumps([str(tmp_path), str(tmp_path / "modules.zip"), str(own)])
    done = subprocess.run(
        [os.path.realpath(sys.executable), "-I", "-S", "-c", code, paths],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    files, stdlib = json.loads(done.stdout)
    assert f"{tmp_path}/modules.zip/lakehouse/engines/spark_run.py" in files
    outside = [file for file in files if not file.startswith((f"{tmp_path}/", f"{stdlib}/"))]
    assert not [file for file in [*outside, *files] if "site-packages" in file]
    assert outside == []


def test_a_checkout_without_handlers_or_script_is_refused(checkout: Path) -> None:
    (checkout / "glue" / "gold.py").unlink()
    with pytest.raises(ContractError, match=r"lacks glue/gold\.py"):
        build_artifacts(root=checkout)
    shutil.rmtree(checkout / "lambda")
    with pytest.raises(ContractError, match=r"lacks lambda/\*\.py"):
        build_artifacts(root=checkout)
