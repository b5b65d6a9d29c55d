"""The steps of a run against the deployed stack, each under its own role: commit, both engines, spark-submit."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError
from glue_job import wait_for_run
from shop_world import SHOP, Shop, sale

from lakehouse import names
from lakehouse.contract.load import pipelines
from lakehouse.contract.model import Place
from lakehouse.engines.checksum import checksum
from lakehouse.engines.duckdb_run import run_duckdb
from lakehouse.engines.former import former_files
from lakehouse.engines.silver_cache import SilverCache
from lakehouse.errors import ContractError, EngineError
from lakehouse.gate.decide import file_record
from lakehouse.gate.judge import judge
from lakehouse.gate.objects import ObjectVersion
from lakehouse.ledger.items import DatasetBalance, GoldResult, SlotInForce, now
from lakehouse.ledger.store import Ledger
from lakehouse.plan import RunPlan, RunRequest, choose_engine, first_tables
from lakehouse.publish.catalog import Catalog
from lakehouse.silver.commit import commit_dataset, commit_run
from lakehouse.silver.table import SilverStore, pinned
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
    ledger = Ledger(lake.client("dynamodb"), lake.settings.ledger_table)
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
        place = Place("activity", dataset.name, BATCH, key, names.slot_id("activity", dataset.name, BATCH, key))
        version = ObjectVersion(key, "v", "e", judged.bytes, now())
        ledger.table.put(file_record(place, version, judged, dataset.columns, file_id, size, 0.0, now()))
        found[place.slot_id] = entry
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
    former = former_files(Ledger(lake.as_role("gold", "dynamodb"), lake.settings.ledger_table), PIPELINE, BATCH)
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
    rows = {entry.dataset: entry.rows for entry in slots.values()}
    assert run.balance == {name: DatasetBalance(count, count, 0, 0) for name, count in rows.items()}


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
    marked = {name: version + 1 for name, version in plan.versions.items()}
    assert outcomes == {
        "old": ("duckdb", True, "superseded", {}),
        "new": ("duckdb", False, "committed", marked),
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
        "--rows": json.dumps(dict(plan.rows)),
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
    newest, _ = pinned(store_of(lake, "gold"), PIPELINE.datasets)
    assert dict(pointer.versions) == newest
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
        "--rows": json.dumps(dict(plan.rows)),
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


FILES = {
    "carts": (
        "carts/date=2027-01-01/a.csv",
        "cart_id,customer_id,product_id,product_amount,product_price\n1,2,3,4,$1.50\n",
    ),
    "transactions": (
        "transactions/date=2027-01-01/a.json",
        '{"transaction_id": "t1", "timestamp": "2027-01-01T10:00:00Z", "customer_id": "c", "product_id": "p", '
        '"product_name": "n", "category": "c", "quantity": 2, "price": 1.50, "total_amount": 3.00}\n',
    ),
}


@pytest.mark.parametrize("name", ["carts", "transactions"])
def test_the_glue_job_makes_all_that_duckdb_makes(name: str, lake: Lake, tmp_path: Path) -> None:
    """CSV files, tables that follow others, partitions, each engine under its own role."""
    pipeline = pipelines()[name]
    path, content = FILES[name]
    shop = Shop(lake, tmp_path, pipeline)
    place = shop.bring(path, content)
    plan = replace(shop.commit(place.batch, f"{name}-engines"), engine="spark")
    by_duckdb = shop.make(plan, "gold", *pipeline.gold)
    job = lake.named(f"{name}-gold")
    arguments = {"--pipeline": name, "--batch": plan.batch, "--run_id": plan.run_id}
    arguments |= {"--versions": json.dumps(dict(plan.versions)), "--slots": json.dumps(dict(plan.slots))}
    arguments["--rows"] = json.dumps(dict(plan.rows))
    run = lake.client("glue").start_job_run(JobName=job, Arguments=arguments)["JobRunId"]
    ended = wait_for_run(lake.aws, job, run, seconds=240)
    assert ended["JobRunState"] == "SUCCEEDED", ended.get("ErrorMessage")
    record = shop.ledger.run(name, plan.batch, plan.run_id)
    assert record is not None
    assert set(record.gold) == set(by_duckdb) == {table.name for table in pipeline.gold}
    for table, made in by_duckdb.items():
        found = record.gold[table]
        assert (found.rows, list(found.partitions)) == (made.rows, list(made.partitions))
        places = [one.partitions.values() or [one] for one in (found, made)]
        for number, (spark, duckdb) in enumerate(zip(*places, strict=True)):
            folders = [tmp_path / f"{engine}-{table}-{number}" for engine in ("spark", "duckdb")]
            files = [gold_files(lake, one.location, to) for one, to in zip((spark, duckdb), folders, strict=True)]
            assert checksum(files[0]) == checksum(files[1])
        assert (made.csv is None) == (found.csv is None)
        if made.csv and found.csv:
            assert shop.text(made.csv) == shop.text(found.csv)
    shop.forget(plan.batch)


@pytest.mark.parametrize(("sales", "engine"), [(1, "duckdb"), (20, "spark")], ids=["below", "above"])
def test_the_size_of_the_files_chooses_the_engine(sales: int, engine: str, lake: Lake, tmp_path: Path) -> None:
    """`engine = "auto"`, by the bytes of all files in force in the batch. The made-up shop's threshold is 400 bytes."""
    shop, day = Shop(lake, tmp_path), f"2027-02-{sales:02}"
    size = sum(shop.bring_day(day, str(file), sale(f"{day}-{file}")) for file in range(sales))
    assert (size < SHOP.auto_spark_from_bytes) == (engine == "duckdb")
    plan = shop.commit(day, f"auto-{sales}")
    assert (plan.engine, plan.manifest_bytes) == (engine, size)
    run = shop.ledger.run("shop", day, plan.run_id)
    assert run is not None
    assert (run.engine, run.manifest_bytes) == (engine, size)
    shop.forget(day)


@pytest.mark.parametrize(("size", "engine"), [(0, "duckdb"), (399, "duckdb"), (400, "spark"), (10**12, "spark")])
def test_the_threshold_itself_goes_to_spark(size: int, engine: str) -> None:
    assert choose_engine(SHOP, size) == engine
    assert choose_engine(SHOP, size, "duckdb") == "duckdb"
    assert choose_engine(SHOP, size, "spark") == "spark"
    assert choose_engine(replace(SHOP, engine="duckdb"), size, "auto") == engine
    with pytest.raises(ContractError, match="Unknown engine 'flink'"):
        choose_engine(SHOP, size, "flink")
