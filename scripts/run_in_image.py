"""`python -m scripts.run_in_image PIPELINE FOLDER`: gold made by a Glue job in Glue's image, against this lake.

Runs beside the embedded AWS. It brings sample files, which the gate judges and a first run commits, here on DuckDB;
then it starts a run of its own, whose job the container of Glue's image finds in FOLDER (see docker/job_runner.py),
publishes the gold and shows it.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cli.home import ROOT
from cli.lake import session
from cli.screen import Screen
from cli.spark_submit import SparkSubmit
from cli.up import bring_up
from lakehouse.ledger.items import RunRecord
from lakehouse.plan import RunPlan
from localaws.spark_env import AwsAccess

ROWS = 2000
TIMEOUT_SECONDS = 900
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class ImageSubmit(SparkSubmit):
    """The same runs, with the job in another container that shares a folder and the loopback network with this one."""

    folder: Path = Path("/jobs")

    def submit(self, plan: RunPlan) -> None:
        access = AwsAccess.of(self.session, self.endpoint_url)
        request = self.folder / f"{plan.run_id}.json"
        written = request.with_suffix(".new")
        written.write_text(json.dumps({"arguments": self._job_arguments(plan), "environment": environment(access)}))
        written.rename(request)
        code = wait_for(request.with_suffix(".exit"), TIMEOUT_SECONDS)
        if code != 0:
            print(request.with_suffix(".log").read_text()[-5000:], file=sys.stderr)
            raise subprocess.CalledProcessError(code, "spark-submit in Glue's image")

    def _job_arguments(self, plan: RunPlan) -> list[str]:
        """With the job's name, as Glue gives it: the job then begins and commits by the image's own Glue library."""
        return ["--JOB_NAME", plan.pipeline, "--JOB_RUN_ID", plan.run_id, *self.arguments(plan)]


def environment(access: AwsAccess) -> dict[str, str]:
    """As whom and where the job reaches AWS."""
    return {
        "AWS_REGION": access.region,
        "AWS_DEFAULT_REGION": access.region,
        "AWS_ACCESS_KEY_ID": access.access_key_id,
        "AWS_SECRET_ACCESS_KEY": access.secret_access_key,
        "AWS_ENDPOINT_URL": access.endpoint_url,
    }


def wait_for(path: Path, seconds: float) -> int:
    """The exit code that a file is written with.

    Raises:
        TimeoutError: it was not there in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if path.is_file():
            return int(path.read_text())
        time.sleep(_POLL_SECONDS)
    raise TimeoutError(f"{path} was not written in {seconds:g} s: does the container of Glue's image run?")


def compare(first: RunRecord, second: RunRecord) -> None:
    """Print each gold table of the second run.

    Raises:
        SystemExit: it has other rows than the first run's.
    """
    for name, made in second.gold.items():
        before = first.gold[name]
        if (made.rows, made.totals) != (before.rows, before.totals):
            raise SystemExit(f"{name}: {made.rows} rows {made.totals}, and DuckDB made {before.rows} {before.totals}")
        print(f"{name}: {made.rows} rows by {made.engine} in Glue's image, the same as by {before.engine}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pipeline")
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    lake = bring_up(Screen())
    pipeline = lake.pipeline(given.pipeline)
    _lake("demo", pipeline.name, "--rows", str(ROWS), "--engine", "duckdb")
    first = max((run for run in lake.ledger.runs(pipeline.name) if run.gold), key=lambda run: run.gold_at or "")
    admin = session(lake.home, lake.region, "admin")
    submit = ImageSubmit(admin, lake.settings, lake.server.endpoint_url, folder=given.folder)
    second = submit.run(pipeline, first.batch)
    compare(first, second)
    print(f"{second.run_id}: {second.status}")
    for table in pipeline.gold:
        _lake("query", f"select * from {table.name} limit 5")
    _lake("down")
    (given.folder / "stop").touch()


def _lake(*arguments: str) -> None:
    subprocess.run([sys.executable, ROOT / "cli" / "__main__.py", *arguments], check=True)


if __name__ == "__main__":
    main()
