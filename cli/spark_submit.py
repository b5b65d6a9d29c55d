"""Gold by plain spark-submit on this machine, started, run and published from here.

The job is `glue/gold.py`, unchanged: what AWS Glue adds (`--JOB_NAME`) is left out. It writes gold, so it needs more
rights than an operator has.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3

from cli.home import ROOT
from lakehouse import notify, runs
from lakehouse.contract.model import Pipeline
from lakehouse.ledger.items import RunRecord
from lakehouse.ledger.store import Ledger
from lakehouse.plan import RunPlan
from lakehouse.publish.announce import announce
from lakehouse.publish.catalog import Catalog
from lakehouse.publish.run import finish_run
from lakehouse.repair.own_run import start_own_run
from lakehouse.settings import Settings
from lakehouse.silver.table import SilverStore
from localaws.spark_env import DELTA_CONF, AwsAccess, local_conf, spark_environment, spark_submit_command


@dataclass(frozen=True)
class SparkSubmit:
    """Where runs are made by spark-submit, and as whom."""

    session: boto3.Session
    settings: Settings
    endpoint_url: str = ""
    """Empty: AWS itself."""
    quiet: bool = False
    """What Spark prints is shown only where it fails."""

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger."""
        return Ledger(self._client("dynamodb"), self.settings.ledger_table)

    def run(self, pipeline: Pipeline, batch: str) -> RunRecord:
        """One run from newest silver to published gold, as the ledger has it at its end.

        Raises what a part of it raises; gold stays as it was then.
            subprocess.CalledProcessError: the job failed; the run is recorded as failed.
        """
        env = {"AWS_ENDPOINT_URL": self.endpoint_url} if self.endpoint_url else {}
        store = SilverStore.on_s3(self.settings.bucket, self.session, env)
        plan = start_own_run(pipeline, batch, store, self.ledger)
        try:
            self.submit(plan)
        except subprocess.CalledProcessError as error:
            why = f"spark-submit ended with {error.returncode}"
            runs.failed(self.ledger, plan.pipeline, plan.batch, plan.run_id, why)
            raise
        finish_run(
            pipeline,
            plan,
            Catalog(self._client("glue"), self.settings.gold_database),
            self.ledger,
            lambda published: announce(self._client("events"), self.settings.event_source, published),
            lambda message: notify.send(self._client("sns"), self.settings.topic_arn, message),
        )
        ended = self.ledger.run(plan.pipeline, plan.batch, plan.run_id)
        assert ended is not None, "start_own_run recorded it"
        return ended

    def arguments(self, plan: RunPlan) -> list[str]:
        """What `glue/gold.py` is given for a run."""
        arguments = ["--pipeline", plan.pipeline, "--batch", plan.batch, "--run_id", plan.run_id]
        arguments += ["--versions", json.dumps(dict(plan.versions)), "--slots", json.dumps(dict(plan.slots))]
        arguments += ["--rows", json.dumps(dict(plan.rows))]
        arguments += ["--lake_bucket", self.settings.bucket, "--lake_ledger_table", self.settings.ledger_table]
        arguments += ["--lake_tokens_secret", self.settings.tokens_secret]
        return arguments

    def submit(self, plan: RunPlan) -> None:
        """Run the job. Raises subprocess.CalledProcessError: it failed."""
        access = AwsAccess.of(self.session, self.endpoint_url)
        conf = {**local_conf(access), **DELTA_CONF}
        command = spark_submit_command(ROOT / "glue" / "gold.py", self.arguments(plan), conf)
        environment = {**os.environ, **spark_environment(access)}
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), environment.get("PYTHONPATH", "")])
        subprocess.run(command, env=environment, check=True, capture_output=self.quiet)

    def _client(self, service: str) -> Any:
        # boto3's stubs know each service by a literal name only
        session: Any = self.session
        return session.client(service, endpoint_url=self.endpoint_url or None)
