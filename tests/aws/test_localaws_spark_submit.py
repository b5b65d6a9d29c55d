"""Spark on this machine without Glue: plain spark-submit, its settings, its memory, its start."""

import json
import os
import resource
import subprocess
from pathlib import Path

import pytest

from localaws import EmbeddedAws, class_archive
from localaws.java import find_java, major
from localaws.spark_env import DELTA_CONF, AwsAccess, jars_dir, local_conf, spark_environment, spark_submit_command


def test_a_glue_script_runs_by_plain_spark_submit(aws: EmbeddedAws, tmp_path: Path) -> None:
    aws.client("s3").create_bucket(Bucket="submitted")
    access = AwsAccess.of(aws.session(), aws.endpoint_url)
    module = tmp_path / "greeting.py"
    module.write_text("WORD = 'hello'")
    arguments = ["--JOB_NAME", "by-hand", "--JOB_RUN_ID", "1", "--table", "s3://submitted/t"]
    script = Path(__file__).with_name("glue_script.py")
    command = spark_submit_command(script, arguments, conf=local_conf(access) | DELTA_CONF, py_files=[module])
    done = subprocess.run(
        command,
        env={"PATH": os.environ["PATH"], **spark_environment(access)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    assert result == {"job": "by-hand", "run": "1", "rows": 3, "word": "hello", "initialized": True}
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 3 * 1024**2  # KB


def test_credentials_never_stand_on_the_command_line(aws: EmbeddedAws) -> None:
    access = AwsAccess.of(aws.session(), aws.endpoint_url)
    command = " ".join(spark_submit_command("s.py", conf=local_conf(access)))
    assert access.secret_access_key not in command
    assert access.access_key_id not in command


def test_without_an_endpoint_the_settings_reach_aws_itself() -> None:
    conf = local_conf(AwsAccess("eu-west-1", "key", "secret", "token"))
    assert not [name for name in conf if name.startswith("spark.hadoop.fs.s3a.endpoint")]
    assert "spark.hadoop.fs.s3a.path.style.access" not in conf


@pytest.mark.parametrize(("version", "number"), [("17.0.15", 17), ("1.8.0_402", 8), ("25", 25), ("", None)])
def test_javas_major_version(version: str, number: int | None) -> None:
    assert major(version) == number


def test_the_class_archive_belongs_to_one_java_and_one_set_of_jars(tmp_path: Path) -> None:
    jars = sorted(str(jar) for jar in jars_dir().glob("*.jar"))
    assert len(jars) >= 9
    here = class_archive.archive_path(find_java(), jars)
    assert here == class_archive.archive_path(find_java(), jars)
    assert here != class_archive.archive_path(find_java(), jars[1:])
    assert class_archive.flags(tmp_path, jars) == ()
