"""The steps of a run against the deployed stack, each under its own role: commit, both engines, spark-submit."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError
from glue_job import wait_for_run

from lakehouse import names
from lakehouse.contract.load import pipelines
from lakehouse.engines.checksum import checksum
from lakehouse.engines.duckdb_run import run_duckdb
from lakehouse.engines.former import former_files
from lakehouse.engines.silver_cache import SilverCache
from lakehouse.errors import EngineError
from lakehouse.gate.judge import judge
from lakehouse.ledger.items import GoldResult, SlotInForce
from lakehouse.ledger.store import Ledger
from lakehouse.plan import RunPlan, RunRequest, first_tables
from lakehouse.publish.catalog import Catalog
from lakehouse.silver.commit import commit_dataset, commit_run
from lakehouse.silver.table import SilverStore
from localaws import roles
from tests.lake import SERVICES, Lake
from tests.sql.cases import ROOT

BATCH = "engines +ü%20"
CASE = ROOT / "activity" / "user_activity" / "events_and_orders_do_not_multiply"
PIPELINE = pipelines()["activity"]


def session_of(lake: Lake, who: str) -> boto3.Session:
    """A session of a role, as the service that the role trusts gets it."""
    keys = roles.assume(lake.named(who), SERVICES.get(who, "lambda.amazonaws.com"), "test")
    return boto3.Session(keys.access_key_id, keys.secret_access_key, keys.session_token, region_name=lake.aws.region)


def store_of(lake: Lake, who: str) -> SilverStore:
    return SilverStore.on_s3(lake.bucket, session_of(lake, who), {"AWS_ENDPOINT_URL": lake.aws.endpoint_url})


@pytest.fixture(scope="module")
def slots(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> dict[str, SlotInForce]:
    """What the gate leaves of a small batch: typed files in the bucket, one slot each."""
    folder, found = tmp_path_factory.mktemp("silver"), {}
    for file in sorted((CASE / "input").iterdir()):
        dataset = PIPELINE.dataset(file.stem)
        key, file_id = f"bronze/activity/{dataset.name}/{BATCH}/a b.ndjson", names.digest("engines", dataset.name)
        with file.open("rb") as stream:
            judged = judge(stream, key, dataset, folder)
        assert judged.parquet is not None
        place = names.silver_prefix("activity", dataset.name) + names.silver_data_path(file_id)
        lake.client("s3").upload_file(str(judged.parquet), lake.bucket, place)
        size = judged.parquet.stat().st_size
        entry = SlotInForce(dataset.name, key, file_id, judged.rows_accepted, judged.bytes, size, revision=1)
        found[names.slot_id("activity", dataset.name, BATCH, key)] = entry
    return found


@pytest.fixture(scope="module")
def plan(lake: Lake, slots: dict[str, SlotInForce]) -> Iterator[RunPlan]:
    """The batch committed to silver by the role of the commit; gone from there afterwards."""
    state = None
    for slot, entry in slots.items():
        state = Ledger(lake.client("dynamodb"), lake.settings.ledger_table).put_in_force("activity", BATCH, slot, entry)
    assert state is not None
    request = RunRequest("activity", BATCH, "engines-test", state.generation, "hash")
    store = store_of(lake, "commit")
    ledger = Ledger(lake.as_role("commit", "dynamodb"), lake.settings.ledger_table)
    yield commit_run(PIPELINE, request, store, ledger)
    for dataset in PIPELINE.datasets:
        commit_dataset(store, dataset, BATCH, dict)


def gold_files(lake: Lake, location: str, folder: Path) -> list[Path]:
    """The Parquet files of a gold location, downloaded."""
    s3, prefix = lake.client("s3"), location.removeprefix(f"s3://{lake.bucket}/")
    folder.mkdir()
    found = s3.list_objects_v2(Bucket=lake.bucket, Prefix=prefix)["Contents"]
    assert all(entry["Key"].endswith(".parquet") for entry in found), [entry["Key"] for entry in found]
    for entry in found:
        s3.download_file(lake.bucket, entry["Key"], str(folder / Path(entry["Key"]).name))
    return sorted(folder.iterdir())


def run_on_duckdb(lake: Lake, plan: RunPlan, tmp_path: Path) -> dict[str, GoldResult]:
    """As the gold function does it, under its role."""
    former = former_files(Ledger(lake.as_role("gold", "dynamodb"), lake.settings.ledger_table), "activity", BATCH)
    cache = SilverCache(lake.as_role("gold", "s3"), lake.bucket, tmp_path / "cache")
    return run_duckdb(PIPELINE, plan, first_tables(PIPELINE), store_of(lake, "gold"), former, cache, 1024)


def on_duckdb(lake: Lake, plan: RunPlan, tmp_path: Path) -> list[Path]:
    result = run_on_duckdb(lake, plan, tmp_path)["user_activity"]
    files = gold_files(lake, result.location, tmp_path / "duckdb")
    assert result.bytes == sum(file.stat().st_size for file in files)
    return files


def test_commit_plans_the_run_and_records_it(lake: Lake, plan: RunPlan, slots: dict[str, SlotInForce]) -> None:
    assert (plan.pipeline, plan.batch, plan.engine, plan.overtaken) == ("activity", BATCH, "spark", False)
    assert set(plan.versions) == {"users", "events", "orders"}
    assert plan.manifest_bytes == sum(entry.bytes for entry in slots.values())
    run = Ledger(lake.client("dynamodb"), lake.settings.ledger_table).run("activity", BATCH, plan.run_id)
    assert run is not None
    assert (run.status, run.engine, dict(run.versions)) == ("committed", "spark", dict(plan.versions))


def test_a_batch_may_choose_its_engine_and_overtakes_the_runs_before(lake: Lake, plan: RunPlan) -> None:
    people = Ledger(lake.client("dynamodb"), lake.settings.ledger_table)
    ledger = Ledger(lake.as_role("commit", "dynamodb"), lake.settings.ledger_table)
    before = people.batch("activity", BATCH)
    chosen = people.renew("activity", BATCH, "duckdb")
    assert (chosen.generation, chosen.engine, chosen.slots) == (before.generation + 1, "duckdb", before.slots)
    outcomes = {}
    for run, generation in (("old", before.generation), ("new", chosen.generation)):
        request = RunRequest("activity", BATCH, f"engines-{run}", generation, "hash")
        made = commit_run(PIPELINE, request, store_of(lake, "commit"), ledger)
        found = people.run("activity", BATCH, made.run_id)
        assert found is not None
        outcomes[run] = (made.engine, made.overtaken, found.status, dict(made.versions))
    assert outcomes == {
        "old": ("duckdb", True, "superseded", dict(plan.versions)),
        "new": ("duckdb", False, "committed", dict(plan.versions)),
    }
    again = people.renew("activity", BATCH, None)
    assert (again.generation, again.engine) == (chosen.generation + 1, None)


def test_the_role_of_the_commit_cannot_touch_data_files(lake: Lake, plan: RunPlan) -> None:
    s3 = lake.as_role("commit", "s3")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=lake.bucket, Key="silver/activity/users/data/x.parquet", Body=b"")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=lake.bucket, Key="silver/activity/users/_delta_log/00000000000000000000.json")
    data = names.silver_prefix("activity", "users") + names.silver_data_path(names.digest("engines", "users"))
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.get_object(Bucket=lake.bucket, Key=data)


def test_duckdb_and_the_glue_job_write_the_same_gold(lake: Lake, plan: RunPlan, tmp_path: Path) -> None:
    by_duckdb = on_duckdb(lake, plan, tmp_path)
    job = lake.named("activity-gold")
    arguments = {
        "--pipeline": "activity",
        "--batch": BATCH,
        "--run_id": plan.run_id,
        "--versions": json.dumps(dict(plan.versions)),
        "--slots": json.dumps(dict(plan.slots)),
    }
    run = lake.client("glue").start_job_run(JobName=job, Arguments=arguments)["JobRunId"]
    ended = wait_for_run(lake.aws, job, run, seconds=240)
    assert ended["JobRunState"] == "SUCCEEDED", ended.get("ErrorMessage")

    record = Ledger(lake.client("dynamodb"), lake.settings.ledger_table).run("activity", BATCH, plan.run_id)
    assert record is not None
    result = record.gold["user_activity"]
    by_spark = gold_files(lake, result.location, tmp_path / "spark")
    assert (record.status, result.engine) == ("gold_written", "spark")
    assert result.location.startswith(f"s3://{lake.bucket}/gold/activity/user_activity/run={plan.run_id}/")
    assert result.bytes == sum(file.stat().st_size for file in by_spark)
    assert checksum(by_spark) == checksum(by_duckdb)
    rows = {row["user_id"]: row for file in by_duckdb for row in pq.read_table(file, partitioning=None).to_pylist()}
    assert result.rows == len(rows)
    assert (rows["u_1"]["total_events"], rows["u_1"]["total_orders"], str(rows["u_1"]["revenue"])) == (3, 3, "10.01")


def test_spark_submit_makes_and_publishes_gold(lake: Lake, plan: RunPlan, tmp_path: Path) -> None:
    by_duckdb = on_duckdb(lake, plan, tmp_path)
    keys = lake.aws.session().get_credentials()
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LAKE_", "SPARK_"))},
        **{f"LAKE_{name.upper()}": value for name, value in vars(lake.settings).items()},
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        "AWS_DEFAULT_REGION": lake.aws.region,
        "AWS_ENDPOINT_URL": lake.aws.endpoint_url,
        "AWS_CONFIG_FILE": str(aws_config(tmp_path)),
    }
    command = [sys.executable, "-m", "scripts.spark_submit_gold", "activity", "--batch", BATCH]
    checkout = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=checkout, env=env, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "published, from silver versions" in done.stdout
    pointer = Catalog(lake.client("glue"), lake.settings.gold_database).read("user_activity").pointer
    assert pointer is not None
    assert dict(pointer.versions) == dict(plan.versions)
    assert checksum(gold_files(lake, pointer.location, tmp_path / "spark")) == checksum(by_duckdb)


def aws_config(folder: Path) -> Path:
    """boto3 reaches S3 of an endpoint by path."""
    file = folder / "aws-config"
    file.write_text("[default]\ns3 =\n  addressing_style = path\n")
    return file


def test_broken_gold_fails_the_job_and_records_nothing(lake: Lake, plan: RunPlan) -> None:
    job = lake.named("activity-gold")
    arguments: dict[str, Any] = {
        "--pipeline": "activity",
        "--batch": BATCH,
        "--run_id": "engines-broken",
        "--versions": json.dumps({**plan.versions, "users": 999}),
        "--slots": json.dumps(dict(plan.slots)),
    }
    run = lake.client("glue").start_job_run(JobName=job, Arguments=arguments)["JobRunId"]
    ended = wait_for_run(lake.aws, job, run, seconds=240)
    assert ended["JobRunState"] == "FAILED"
    assert Ledger(lake.client("dynamodb"), lake.settings.ledger_table).run("activity", BATCH, "engines-broken") is None


def test_silver_that_does_not_fit_the_disk_is_refused(
    lake: Lake, plan: RunPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakehouse.engines.silver_cache.DISK_RESERVE", 10**12)
    with pytest.raises(EngineError, match="engine = 'spark'"):
        run_on_duckdb(lake, plan, tmp_path)
