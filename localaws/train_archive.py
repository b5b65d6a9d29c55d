"""Makes the class-data archive of Spark by a short training run: `python -m localaws.train_archive`."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from localaws import spark_env
from localaws.class_archive import archive_path
from localaws.errors import JavaError
from localaws.java import find_java

TRAINING = """
import tempfile
from delta.tables import DeltaTable
from pyspark.sql import SparkSession, functions as f
spark = SparkSession.builder.getOrCreate()
with tempfile.TemporaryDirectory() as folder:
    rows = spark.range(2000).select(
        f.col("id"), (f.col("id") % 7).cast("string").alias("k"),
        f.col("id").cast("decimal(12,2)").alias("amount"), f.current_timestamp().alias("at"),
    )
    rows.write.format("delta").partitionBy("k").save(f"{folder}/t")
    table = spark.read.format("delta").option("versionAsOf", 0).load(f"{folder}/t")
    table.createOrReplaceTempView("t")
    result = spark.sql(
        "select a.k, count(*) as n, count(distinct a.id) as d, sum(a.amount) as s, min(b.at) as first_at "
        "from t a left join t b on a.id = b.id and b.k <> '3' "
        "where not exists (select 1 from t c where c.id = a.id and c.k > a.k) group by a.k order by a.k"
    )
    result.coalesce(1).write.parquet(f"{folder}/out")
    assert spark.read.parquet(f"{folder}/out").count() == 7
spark.stop()
"""


def build() -> Path:
    """Make the archive where it is missing and say where it is.

    Raises:
        JavaError: there is no Java 17.
        subprocess.CalledProcessError: the training run failed.
    """
    jars = sorted(str(jar) for jar in spark_env.jars_dir().glob("*.jar"))
    archive = archive_path(find_java(), jars)
    if archive.is_file():
        return archive
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "training.py"
        script.write_text(TRAINING)
        made = Path(folder) / "made.jsa"
        conf = {**spark_env.local_conf(), **spark_env.DELTA_CONF}
        conf["spark.driver.extraJavaOptions"] += f" -XX:ArchiveClassesAtExit={made}"
        command = spark_env.spark_submit_command(script, conf=conf)
        env = {**os.environ, **spark_env.spark_environment()}
        subprocess.run(command, env=env, cwd=folder, check=True, capture_output=True, text=True)
        partial = archive.with_suffix(".partial")
        partial.write_bytes(made.read_bytes())
        partial.replace(archive)
    return archive


def main() -> int:
    """Make the archive; without it everything works, only slower, so what stands in its way is said and no more."""
    try:
        print(build())
    except (JavaError, subprocess.CalledProcessError) as error:
        print(f"No class archive for Spark, which starts a little slower without: {error}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
