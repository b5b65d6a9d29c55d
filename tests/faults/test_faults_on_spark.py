"""The Glue job meets every kind of fault, Spark's S3 client included, and its repeat makes gold all the same."""

import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from pyspark.sql import SparkSession

from tests.faults import tally
from tests.faults.driver import Driver
from tests.faults.network import CRASHES, KINDS, Attempt
from tests.faults.scenarios import ONE, SOLD, STALL, all_is_well, step_until
from tests.faults.tally import FULL
from tests.faults.world import Cloud, Event, World, glue_script

PLACES = (0, 50, 95) if FULL else (40,)
"""Percent of the way through a job."""
CLEAN_CALLS: dict[str, int] = {}


def job(world: World, spark: SparkSession) -> Any:
    """glue/gold.py in this process's Spark, which reaches the lake's bucket with the container's key."""
    container, conf = world.cloud.container(0), spark.sparkContext._jsc.hadoopConfiguration()
    options = {
        "access.key": container.access_key_id,
        "secret.key": container.secret_access_key,
        "attempts.maximum": "2",
        "retry.limit": "2",
        "retry.interval": "10ms",
        "retry.throttle.limit": "2",
        "retry.throttle.interval": "10ms",
    }
    for name, value in options.items():
        conf.set(f"fs.s3a.bucket.{world.bucket}.{name}", value)

    def run(event: Event, _context: object) -> Event:
        given = {name: event[name] for name in ("pipeline", "batch", "run_id")}
        given |= {name: json.dumps(event[name]) for name in ("versions", "slots", "rows")}
        given |= {"lake_bucket": world.bucket, "lake_ledger_table": world.settings.ledger_table}
        given |= {"lake_tokens_secret": world.settings.tokens_secret}
        arguments = [part for name, value in given.items() for part in (f"--{name}", value)]
        with mock.patch.object(sys, "argv", ["gold.py", *arguments]):
            glue_script("gold").main()
        return event

    return run


def play(cloud: Cloud, folder: Path, spark: SparkSession, keys: list[str], attempt: Attempt) -> Attempt:
    driver = Driver(World(cloud, folder))
    driver.spark = True
    driver.world.jobs["gold_on_spark"] = job(driver.world, spark)
    with driver.world.open():
        step_until(driver, "gold", *keys)
        execution = list(driver.executions.values())[-1]
        driver.step(execution, attempt)
        all_is_well(driver)
    driver.world.remove()
    return attempt


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("keys", [[SOLD], STALL] if FULL else [STALL], ids=lambda keys: keys[0].split("/")[1])
def test_the_job_repeats_after_a_fault(
    cloud: Cloud, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, kind: str, keys: list[str]
) -> None:
    assert ONE in keys[0]
    if keys[0] not in CLEAN_CALLS:
        CLEAN_CALLS[keys[0]] = len(play(cloud, tmp_path_factory.mktemp("lake"), spark, keys, Attempt()).calls)
    for percent in PLACES if keys is STALL else PLACES[::2]:
        attempt = Attempt({percent * CLEAN_CALLS[keys[0]] // 100: kind})
        play(cloud, tmp_path_factory.mktemp("lake"), spark, keys, attempt)
        assert attempt.faults, f"no request of number {attempt.plan}"
        tally.add("on_spark")
        tally.add("faults", len(attempt.faults))
        tally.add("crashes", kind in CRASHES)
        for call in attempt.faults:
            tally.note(f"boundary:{kind}", call.boundary)
