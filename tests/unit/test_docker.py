"""What stands around Glue's image and can be looked at without a container engine."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from localaws.spark_env import DELTA_CONF, MAGIC_COMMITTER

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
IMAGE = "public.ecr.aws/glue/aws-glue-libs:5.1"


def loaded(name: str) -> ModuleType:
    """A script of docker/ that runs in Glue's image and belongs to no package."""
    spec = importlib.util.spec_from_file_location(f"docker_{name}", DOCKER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BASE, RUNNER = loaded("base"), loaded("job_runner")
AWS = (DOCKER / "aws.Dockerfile").read_text()


def test_both_files_build_on_aws_own_image_unless_told_otherwise() -> None:
    assert f"ARG BASE={IMAGE}\nFROM ${{BASE}} AS job\n" in (DOCKER / "Dockerfile").read_text()
    composed = yaml.safe_load((DOCKER / "compose.yml").read_text())
    assert composed["services"]["glue"]["build"]["args"]["BASE"] == f"${{BASE:-{IMAGE}}}"


def test_no_container_publishes_a_port_or_may_do_more_than_it_needs() -> None:
    for name, service in yaml.safe_load((DOCKER / "compose.yml").read_text())["services"].items():
        assert "ports" not in service, name
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"]), name


def test_the_versions_are_those_of_the_lock_and_the_jars() -> None:
    assert f"\npyspark=={BASE.SPARK} " in (ROOT / "requirements" / "lake.txt").read_text()
    assert f"io.delta:delta-spark_2.12:{BASE.DELTA} " in (ROOT / "requirements" / "jars.txt").read_text()


@pytest.fixture
def jars(tmp_path: Path) -> Callable[..., Path]:
    def made(*names: str) -> Path:
        for name in names:
            (tmp_path / "lib").mkdir(exist_ok=True)
            (tmp_path / "lib" / name).touch()
        return tmp_path

    return made


def test_deltas_jars_are_found_under_awss_names_behind_a_link_and_under_mavens(jars: Callable[..., Path]) -> None:
    aws = jars("delta-spark_2.12-3.3.2-amzn-0.jar", "delta-storage-3.3.2-amzn-0.jar", "delta-iceberg_2.12-3.3.2.jar")
    (aws / "lib" / "delta-spark.jar").symlink_to("delta-spark_2.12-3.3.2-amzn-0.jar")
    found = [jar.name for jar in BASE.delta_jars([aws])]
    assert found == ["delta-spark_2.12-3.3.2-amzn-0.jar", "delta-storage-3.3.2-amzn-0.jar"]


def test_other_versions_of_delta_do_not_do(jars: Callable[..., Path]) -> None:
    with pytest.raises(LookupError, match=r"delta-spark_2\.12 3\.3\.2 is nowhere.*delta-spark_2\.12-3\.3\.0\.jar"):
        BASE.delta_jars([jars("delta-spark_2.12-3.3.0.jar", "delta-storage-3.3.0.jar")])


def test_another_glue_is_not_taken_for_ours() -> None:
    java, spark = 'openjdk version "17.0.15" 2025-04-15', "version 3.5.6-amzn-1"
    assert list(BASE.wrong_versions((3, 11), java, spark)) == []
    wrong = list(BASE.wrong_versions((3, 13), 'openjdk version "21.0.1"', "version 4.1.1"))
    assert [line.split()[0] for line in wrong] == ["Python", "Java", "Spark"]


def test_the_image_sets_for_delta_what_the_job_has_in_the_account(tmp_path: Path) -> None:
    (tmp_path / "delta-jars").write_text("/d/a.jar,/d/b.jar\n")
    endpoint = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_REGION": "us-east-1", "AWS_SECRET_ACCESS_KEY": "s3cr"}
    line = RUNNER.command({"arguments": ["--pipeline", "p"], "environment": endpoint}, tmp_path)
    conf = dict(part.split("=", 1) for before, part in pairwise(line) if before == "--conf")
    assert DELTA_CONF.items() <= conf.items()
    assert conf["spark.hadoop.fs.s3a.endpoint"] == "http://127.0.0.1:4566"
    assert line[line.index("--jars") + 1] == "/d/a.jar,/d/b.jar"
    assert line[-3:] == [str(tmp_path / "glue" / "gold.py"), "--pipeline", "p"]
    assert "s3cr" not in " ".join(line)
    account = RUNNER.command({"arguments": [], "environment": {"AWS_REGION": "us-east-1"}}, tmp_path)
    assert "fs.s3a" not in " ".join(account).replace("org.apache.hadoop.fs.s3a", "")


def test_nothing_is_renamed_where_spark_can_do_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    (tmp_path / "delta-jars").write_text("d.jar")
    (tmp_path / "jars").mkdir()
    request = {"arguments": [], "environment": {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_REGION": "us-east-1"}}
    assert "commitProtocolClass" not in " ".join(RUNNER.command(request, tmp_path))
    (tmp_path / "jars" / "org.apache.spark_spark-hadoop-cloud_2.12-3.5.5.jar").touch()
    assert {f"{name}={value}" for name, value in MAGIC_COMMITTER.items()} <= set(RUNNER.command(request, tmp_path))


def test_the_container_of_the_embedded_aws_starts_what_is_there() -> None:
    """No installed package has its name: `docker` is one, and `python -m docker.…` would find that."""
    (found,) = re.findall(r'^ENTRYPOINT \["\.venv/bin/python", "-m", "([\w.]+)"\]$', AWS, re.MULTILINE)
    spec = importlib.util.find_spec(found)
    assert spec is not None
    assert Path(str(spec.origin)).is_relative_to(ROOT)


@pytest.mark.parametrize("code", [0, 3])
def test_a_request_is_answered_by_its_exit_code_and_log(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = tmp_path / "bin" / "spark-submit"
    submit.parent.mkdir()
    submit.write_text(
        f'#!/bin/sh\necho "$AWS_REGION ${{@: -1}}" | tail -c 20\nexit {code}\n'.replace("/bin/sh", "/bin/bash")
    )
    submit.chmod(0o755)
    (tmp_path / "delta-jars").write_text("d.jar")
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    request: dict[str, Any] = {"arguments": ["last"], "environment": {"AWS_REGION": "eu-west-1"}}
    (tmp_path / "r.json").write_text(json.dumps(request))
    assert RUNNER.run(tmp_path / "r.json", tmp_path) == code
    assert ((tmp_path / "r.exit").read_text(), (tmp_path / "r.log").read_text()) == (str(code), "eu-west-1 last\n")


def test_without_an_engine_the_command_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "docker").symlink_to("/bin/false")
    path = f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin"
    (tmp_path / "podman").symlink_to("/bin/false")
    done = subprocess.run([DOCKER / "engine.sh"], env={"PATH": path}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "No container engine answers" in done.stderr
    assert "make demo" in done.stderr


def test_what_the_dockerfile_copies_is_there() -> None:
    for file in ("Dockerfile", "stand-in.Dockerfile", "aws.Dockerfile"):
        for line in re.findall(r"^COPY (?:--\S+ )?(.*) \S+$", (DOCKER / file).read_text(), re.MULTILINE):
            for source in line.split():
                assert source.startswith(".venv/jars") or (ROOT / source).exists(), source


def test_the_workflow_runs_the_commands_of_the_readme() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    run = {step["run"] for job in jobs.values() for step in job["steps"] if "run" in step}
    assert {"make check", "make test", "make security", "make docker-test"} <= run
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {line.split()[1] for line in run} <= set(targets)


def test_the_job_script_in_the_image_is_the_one_that_ships() -> None:
    assert "COPY glue /opt/lakegate/glue\n" in (DOCKER / "Dockerfile").read_text()
    assert sys.version_info >= BASE.PYTHON
