"""What Glue makes of a job's arguments."""

import pytest

from localaws.glue_arguments import error_message, merge, parse_conf, read, spark_conf


def test_the_start_beats_the_defaults_and_fixed_arguments_beat_both() -> None:
    own = {"--JOB_NAME": "j"}
    assert merge({"--a": "1", "--b": "1", "--c": "1"}, {"--b": "2", "--c": "2"}, {"--c": "3"}, own) == {
        "--a": "1",
        "--b": "2",
        "--c": "3",
        "--JOB_NAME": "j",
    }


def test_several_settings_behind_one_conf() -> None:
    assert parse_conf("a=b --conf c=d=e --conf 'f=g h'") == {"a": "b", "c": "d=e", "f": "g h"}
    assert parse_conf("") == {}
    with pytest.raises(ValueError, match="--conf has 'nonsense' where name=value was expected"):
        parse_conf("a=b --conf nonsense")


def test_arguments_are_sorted_by_who_reads_them_and_the_script_gets_all() -> None:
    found = read({"--x": "", "--extra-py-files": "s3://b/a.zip, s3://b/c.py", "--datalake-formats": "iceberg,delta"})
    assert found.py_files == ("s3://b/a.zip", "s3://b/c.py")
    assert found.delta
    assert found.argv[:2] == ("--x", "")
    assert "--datalake-formats" in found.argv


def test_a_job_cannot_change_the_machines_size_and_adds_to_the_java_options() -> None:
    flags = "-XX:SharedArchiveFile=/a.jsa -Xa"
    local = {"spark.master": "local[2]", "spark.driver.extraJavaOptions": flags, "spark.sql.shuffle.partitions": "4"}
    job = {"spark.master": "yarn", "spark.driver.extraJavaOptions": "-Xb", "spark.sql.shuffle.partitions": "9"}
    assert spark_conf(local, job) == {
        "spark.master": "local[2]",
        "spark.driver.extraJavaOptions": "-Xa -Xb",
        "spark.sql.shuffle.partitions": "9",
    }


def test_the_last_exception_is_the_message() -> None:
    output = [
        "Traceback (most recent call last):",
        '  File "a.py", line 1, in <module>',
        "ValueError: first",
        "",
        "During handling of the above exception, another exception occurred:",
        "Traceback (most recent call last):",
        '  File "a.py", line 2, in <module>',
        "    boom()",
        "module.Error: second: with a colon",
        "more of its message",
    ]
    assert error_message(output, 1) == "module.Error: second: with a colon"
    assert error_message(["some output"], 137) == "Command failed with exit code 137"
