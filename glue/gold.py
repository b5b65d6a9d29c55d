"""A run's gold by Spark. As a Glue job it is given `--JOB_NAME`; without it, it runs by plain spark-submit:

spark-submit glue/gold.py --pipeline activity --batch default --run_id … --versions '{"users": 3, …}' …
"""

import json
import sys

from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from pyspark.sql import SparkSession

from lakehouse import runs
from lakehouse.aws import client
from lakehouse.contract.load import pipelines
from lakehouse.engines.former import former_files
from lakehouse.engines.spark_run import run_spark
from lakehouse.ledger.store import Ledger
from lakehouse.tokens import read_secret, with_key

SETTINGS = ["lake_bucket", "lake_ledger_table", "lake_tokens_secret"]
OPTIONS = ["pipeline", "batch", "run_id", "versions", "slots", "rows", *SETTINGS]


def main() -> None:
    """Read silver at the given versions, write every gold table of the pipeline, record it in the ledger."""
    in_glue = "--JOB_NAME" in sys.argv
    options = getResolvedOptions(sys.argv, [*OPTIONS, "JOB_NAME"] if in_glue else OPTIONS)
    context = GlueContext(SparkContext.getOrCreate()) if in_glue else None
    spark = context.spark_session if context else SparkSession.builder.getOrCreate()
    job = Job(context) if context else None
    if job:
        job.init(options["JOB_NAME"], options)
    run_id, secret = options["run_id"], options["lake_tokens_secret"]
    pipeline = with_key(pipelines()[options["pipeline"]], lambda: read_secret(client("secretsmanager"), secret))
    versions, slots, rows = (json.loads(options[name]) for name in ("versions", "slots", "rows"))
    ledger, batch = Ledger(client("dynamodb"), options["lake_ledger_table"]), options["batch"]
    former = former_files(ledger, pipeline, batch)
    root = f"s3://{options['lake_bucket']}"
    gold = run_spark(spark, pipeline, batch, run_id, versions, slots, rows, former, root)
    runs.gold_written(ledger, pipeline.name, batch, run_id, gold)
    if job:
        job.commit()


if __name__ == "__main__":
    main()
