"""Make a pipeline's gold again by plain spark-submit, on this machine, from what silver holds now, and publish it.

    source .lake/env
    AWS_PROFILE=admin .venv/bin/python -m scripts.spark_submit_gold activity

AWS is reached as the environment says (`AWS_*`, `LAKE_*`): the embedded one while `lake up` runs, or an account. The
job is `glue/gold.py`, unchanged: what AWS Glue adds (`--JOB_NAME`) is left out.
"""

import argparse
import json
import os
import subprocess
import uuid
from pathlib import Path

import boto3

from lakehouse import notify, runs
from lakehouse.aws import client
from lakehouse.contract.load import pipelines
from lakehouse.contract.model import Pipeline
from lakehouse.ledger.store import Ledger
from lakehouse.plan import RunPlan
from lakehouse.publish.announce import announce
from lakehouse.publish.catalog import Catalog
from lakehouse.publish.run import finish_run
from lakehouse.settings import Settings
from lakehouse.silver.table import SilverStore, pinned
from localaws.spark_env import DELTA_CONF, AwsAccess, local_conf, spark_environment, spark_submit_command

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Start a run of its own, run the job, publish. Raises what a part of it raises; gold stays as it was then."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipeline", choices=sorted(pipelines()))
    parser.add_argument("--batch", default="default", help="the batch under which the ledger keeps the run")
    arguments = parser.parse_args()
    settings, session = Settings.from_env(), boto3.Session()
    ledger = Ledger(client("dynamodb"), settings.ledger_table)
    pipeline = pipelines()[arguments.pipeline]
    store = SilverStore.on_s3(settings.bucket, session, os.environ)
    plan = start(pipeline, arguments.batch, store, ledger)
    submit(plan, settings, AwsAccess.of(session, os.environ.get("AWS_ENDPOINT_URL", "")))
    outcome = finish_run(
        pipeline,
        plan,
        Catalog(client("glue"), settings.gold_database),
        ledger,
        lambda published: announce(client("events"), settings.event_source, published),
        lambda message: notify.send(client("sns"), settings.topic_arn, message),
    )
    print(f"{plan.run_id}: {outcome}, from silver versions {json.dumps(dict(plan.versions))}")


def start(pipeline: Pipeline, batch: str, store: SilverStore, ledger: Ledger) -> RunPlan:
    """A run that commits nothing: gold of the newest silver."""
    run_id = f"{pipeline.name}-backfill-{uuid.uuid4().hex}"
    found, slots = pinned(store, pipeline.datasets)
    state = ledger.batch(pipeline.name, batch)
    runs.started(ledger, pipeline.name, batch, run_id, state.generation, "backfill")
    runs.committed(ledger, pipeline.name, batch, run_id, "spark", found, 0)
    return RunPlan(pipeline.name, batch, run_id, "spark", found, 0, slots=slots)


def submit(plan: RunPlan, settings: Settings, access: AwsAccess) -> None:
    """Run the job to its end.

    Raises:
        subprocess.CalledProcessError: it failed; its output is above.
    """
    arguments = ["--pipeline", plan.pipeline, "--batch", plan.batch, "--run_id", plan.run_id]
    arguments += ["--versions", json.dumps(dict(plan.versions)), "--slots", json.dumps(dict(plan.slots))]
    arguments += ["--lake_bucket", settings.bucket, "--lake_ledger_table", settings.ledger_table]
    command = spark_submit_command(ROOT / "glue" / "gold.py", arguments, {**local_conf(access), **DELTA_CONF})
    environment = {**os.environ, **spark_environment(access)}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), environment.get("PYTHONPATH", "")])
    subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    main()
