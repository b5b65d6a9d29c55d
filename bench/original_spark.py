"""(a) The job as the original project writes it, for comparison only: schema inference, join before sum.

    python -m bench.original_spark FOLDER OUTPUT

Its answer is wrong: an order counts once for every event of its user. It checks nothing, keeps nothing it refuses and
publishes nothing, and it reads and writes local files, so it is the quicker for all of that.
"""

import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812  (the field's name for it)

from localaws.java import find_java


def main(folder: Path, output: Path) -> None:
    """Read users.json, events.json, orders.json of `folder`; write one row per user to `output` as Parquet."""
    os.environ.setdefault("JAVA_HOME", str(find_java()))
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    users, events, orders = (spark.read.json(str(folder / f"{name}.json")) for name in ("users", "events", "orders"))
    joined = users.join(events.drop("device_type", "product_id"), "user_id", "left").join(
        orders.drop("product_id"), "user_id", "left"
    )
    result = joined.groupBy("user_id", "country", "device_type", "marketing_source").agg(
        F.countDistinct("event_id").alias("total_events"),
        F.countDistinct("session_id").alias("total_sessions"),
        F.countDistinct("order_id").alias("total_orders"),
        F.sum("order_amount").alias("revenue"),
    )
    result.write.mode("overwrite").parquet(str(output))
    spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
