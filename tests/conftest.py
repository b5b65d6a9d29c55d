"""Shared fixtures: one embedded AWS and one Spark session for the whole test session (for each of its workers)."""

import atexit
import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings
from pyspark.sql import SparkSession

from deploy import deploy_stack, load_config, settings_of
from localaws import EmbeddedAws
from localaws.spark_env import DELTA_CONF, AwsAccess, local_conf, spark_environment
from tests.lake import Lake

settings.register_profile("tests", deadline=None)  # how long one example takes says how busy the machine is
settings.load_profile("tests")


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    """The embedded AWS on a free port, with a state folder of its own.

    Schedules go off only when a test lets time pass: some tests put its clock forward by days, and a sweep of its own
    accord would then take the runs of other tests for late ones.
    """
    with EmbeddedAws(tmp_path_factory.mktemp("aws") / "state") as running:
        running.clock.hold()
        yield running


@pytest.fixture(scope="session")
def lake(aws: EmbeddedAws) -> Lake:
    """The whole stack, deployed into the embedded AWS as `lake up` does it."""
    config = load_config("local")
    outputs = deploy_stack(aws.session(), config, endpoint_url=aws.endpoint_url)
    return Lake(aws, config, outputs, settings_of(outputs))


@pytest.fixture(scope="session")
def spark(aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A local Spark with Delta that reaches `s3://` of the embedded AWS as its administrator."""
    access = AwsAccess.of(aws.session(), aws.endpoint_url)
    folder = tmp_path_factory.mktemp("spark")
    for name, value in spark_environment().items():
        if name not in ("PYTHONPATH", "TZ"):
            os.environ[name] = value
    builder = SparkSession.builder.appName("tests")
    conf = (
        local_conf(access)
        | DELTA_CONF
        | {
            "spark.hadoop.fs.s3a.aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
            "spark.hadoop.fs.s3a.access.key": access.access_key_id,
            "spark.hadoop.fs.s3a.secret.key": access.secret_access_key,
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
            "spark.local.dir": str(folder / "local"),
        }
    )
    for name, value in conf.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    _end(session)


def pytest_collection_finish() -> None:
    """The emulator keeps much alive: Python would take a tenth of the time to look through it for garbage."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def pytest_unconfigure() -> None:
    """When the interpreter ends, DuckDB's binding takes the objects of its own module for leaks and lists them on
    standard error; everything of pytest has been said by then."""
    atexit.register(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 2))


def _end(session: SparkSession) -> None:
    """Stop Spark and its JVM, closing every pipe and socket of it."""
    gateway = session.sparkContext._gateway
    session.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(timeout=30)
