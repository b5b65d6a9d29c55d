"""A Glue script as AWS's documentation writes them. Run by the embedded AWS and by plain spark-submit."""

import json
import sys

import greeting
from awsglue.context import GlueContext
from awsglue.dynamicframe import DynamicFrame
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext

args = getResolvedOptions(sys.argv, ["JOB_NAME", "table"])
glue = GlueContext(SparkContext.getOrCreate())
spark = glue.spark_session
job = Job(glue)
job.init(args["JOB_NAME"], args)

rows = spark.sql("select 1 as a union all select 2 union all select 3")
DynamicFrame.fromDF(rows, glue, "rows").toDF().write.format("delta").mode("overwrite").save(args["table"])
glue.get_logger().info("three rows")
count = spark.read.format("delta").load(args["table"]).count()
result = {
    "job": args["JOB_NAME"],
    "run": args["JOB_RUN_ID"],
    "rows": count,
    "word": greeting.WORD,
    "initialized": job.isInitialized(),
}
print(json.dumps(result))
job.commit()
