"""Glue's image has what the job needs, and the job needs nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

HOME = Path(os.environ["LAKEGATE_HOME"])
ON_GLUE = f"""
import sys
sys.path.insert(0, "{HOME}/lakegate.zip")
sys.path.insert(0, "{HOME}/glue")
import gold
from lakehouse.contract.load import pipelines
print(len(pipelines()))
"""


def bare() -> dict[str, str]:
    """The image's environment without what the tests brought along."""
    brought = {"LAKEGATE_HOME"}
    kept = {name: value for name, value in os.environ.items() if name not in brought}
    kept["PYTHONPATH"] = os.environ.get("IMAGE_PYTHONPATH", "")
    return kept


def test_spark_is_that_of_glue_5_1_and_writes_delta(spark: SparkSession, tmp_path: Path) -> None:
    assert spark.version.startswith("3.5.6")
    spark.range(3).write.format("delta").save(str(tmp_path / "t"))
    assert spark.read.format("delta").load(str(tmp_path / "t")).count() == 3


def test_the_job_script_and_the_archive_need_no_package_beyond_the_image() -> None:
    done = subprocess.run([sys.executable, "-c", ON_GLUE], env=bare(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) >= 1


@pytest.mark.parametrize("package", ["deltalake", "duckdb", "sqlglot"])
def test_what_only_lambdas_have_is_not_in_reach_of_the_job(package: str) -> None:
    done = subprocess.run([sys.executable, "-c", f"import {package}"], env=bare(), capture_output=True, check=False)
    assert done.returncode != 0


def test_a_glue_job_begins_and_commits(tmp_path: Path) -> None:
    script = HOME / "source" / "tests" / "aws" / "glue_script.py"
    greeting = tmp_path / "greeting.py"
    greeting.write_text("WORD = 'hello'")
    jars = (HOME / "delta-jars").read_text().strip()
    conf = {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    }
    line = ["spark-submit", "--master", "local[2]", "--jars", jars, "--py-files", str(greeting)]
    line += [part for name, value in conf.items() for part in ("--conf", f"{name}={value}")]
    line += [str(script), "--JOB_NAME", "by-hand", "--JOB_RUN_ID", "1", "--table", str(tmp_path / "t")]
    done = subprocess.run(line, env=bare(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(next(text for text in done.stdout.splitlines() if text.startswith("{")))
    assert (result["rows"], result["initialized"]) == (3, True)
