"""What AWS Glue makes of a job's arguments. Pure: values in, values out."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

KEPT_CONF = ("spark.master", "spark.driver.memory", "spark.driver.host", "spark.driver.bindAddress")
"""What a job's `--conf` cannot change here: this machine's size and address."""


@dataclass(frozen=True)
class JobArguments:
    """A run's arguments, sorted by who reads them."""

    argv: tuple[str, ...]
    """What the script finds after its own name in `sys.argv`."""
    py_files: tuple[str, ...]
    """`--extra-py-files`: S3 addresses."""
    conf: Mapping[str, str]
    """`--conf` for Spark."""
    modules: tuple[str, ...]
    """`--additional-python-modules`: requirements such as `duckdb==1.4.0`."""
    delta: bool
    """`--datalake-formats` names delta: Glue puts Delta's jars on the class path."""


def merge(
    defaults: Mapping[str, str], given: Mapping[str, str], fixed: Mapping[str, str], own: Mapping[str, str]
) -> dict[str, str]:
    """A run's arguments: the job's defaults, Glue's own (`--JOB_NAME`), those of the start, the job's fixed ones."""
    return {**defaults, **own, **given, **fixed}


def read(arguments: Mapping[str, str]) -> JobArguments:
    """Sort merged arguments. The script gets all of them, as on Glue, also those that Glue itself reads."""
    argv = [text for name, value in arguments.items() for text in (name, str(value))]
    return JobArguments(
        argv=tuple(argv),
        py_files=_list(arguments.get("--extra-py-files", "")),
        conf=parse_conf(arguments.get("--conf", "")),
        modules=_list(arguments.get("--additional-python-modules", "")),
        delta="delta" in _list(arguments.get("--datalake-formats", "")),
    )


def parse_conf(text: str) -> dict[str, str]:
    """Spark settings of Glue's `--conf`: `a=b --conf c=d`, several behind one argument.

    Raises:
        ValueError: a part without `=`.
    """
    conf = {}
    for part in shlex.split(text):
        if part == "--conf":
            continue
        name, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"--conf has '{part}' where name=value was expected: {text}")
        conf[name] = value
    return conf


def spark_conf(local: Mapping[str, str], job: Mapping[str, str]) -> dict[str, str]:
    """This machine's Spark settings with the job's own on top; Java options are added to, not replaced.

    A job with Java options of its own starts without the class archive: Java 17 crashes when it has to combine one
    with a flight recording or an agent.
    """
    conf = {**local, **{name: value for name, value in job.items() if name not in KEPT_CONF}}
    options = "spark.driver.extraJavaOptions"
    if options in job:
        ours = [flag for flag in local.get(options, "").split() if not flag.startswith("-XX:SharedArchiveFile")]
        conf[options] = " ".join([*ours, job[options]])
    return conf


def error_message(output: Sequence[str], exit_code: int) -> str:
    """Glue's `ErrorMessage`: the last line of the last Python traceback, else the exit code."""
    last = ""
    inside = False
    for line in output:
        if line.startswith(("Traceback (most recent call last):", '  File "')):
            inside = True
        elif inside and line and not line.startswith((" ", "\t")):
            last, inside = line, False
    return last[:4000] or f"Command failed with exit code {exit_code}"


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
