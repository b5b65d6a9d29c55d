"""Make a pipeline's gold again by plain spark-submit, on this machine, from what silver holds now, and publish it.

    source .lake/env
    AWS_PROFILE=admin .venv/bin/python -m scripts.spark_submit_gold activity

AWS is reached as the environment says (`AWS_*`, `LAKE_*`): the embedded one while `lake up` runs, or an account.
`lake backfill PIPELINE --from DAY --to DAY --spark-submit` does the same for a range of batches.
"""

import argparse
import json
import os

import boto3

from cli.spark_submit import SparkSubmit
from lakehouse.contract.load import pipelines
from lakehouse.settings import Settings


def main() -> None:
    """Start a run of its own, run the job, publish. Raises what a part of it raises; gold stays as it was then."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipeline", choices=sorted(pipelines()))
    parser.add_argument("--batch", default="default", help="the batch under which the ledger keeps the run")
    arguments = parser.parse_args()
    submit = SparkSubmit(boto3.Session(), Settings.from_env(), os.environ.get("AWS_ENDPOINT_URL", ""))
    run = submit.run(pipelines()[arguments.pipeline], arguments.batch)
    print(f"{run.run_id}: {run.status}, from silver versions {json.dumps(dict(run.versions))}")


if __name__ == "__main__":
    main()
