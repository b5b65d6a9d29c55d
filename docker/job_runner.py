"""Runs Glue jobs in Glue's image: `python3 job_runner.py FOLDER` waits for requests there, until a file `stop`.

A request is `<name>.json`: {"arguments": [...], "environment": {"AWS_...": ...}}. The job's exit code is then in
`<name>.exit`, what it printed in `<name>.log`. A folder is all that this container shares with the one of the embedded
AWS, beside the loopback network. Runs on the image's own Python, with nothing but the standard library.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent
NO_RENAMING = {
    "spark.hadoop.fs.s3a.committer.name": "magic",
    "spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3": "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory",
    "spark.sql.sources.commitProtocolClass": "org.apache.spark.internal.io.cloud.PathOutputCommitProtocol",
    "spark.sql.parquet.output.committer.class": "org.apache.spark.internal.io.cloud.BindingParquetOutputCommitter",
}
"""A rename copies, and S3A of Hadoop 3.3 refuses to copy encrypted objects without TLS, which the embedded AWS has not.
Where Spark has its classes for clouds, files are written in their place."""
_POLL_SECONDS = 0.2
_LINGER_SECONDS = 5
"""The first container to end ends the other, and it is that one's exit code that counts."""


def command(request: dict[str, Any], home: Path) -> list[str]:
    """The spark-submit line: what Glue sets by itself for a job with `--datalake-formats delta`, and the endpoint."""
    spark = Path(os.environ.get("SPARK_HOME", "/usr/lib/spark"))
    conf = {
        "spark.master": "local[2]",
        "spark.ui.enabled": "false",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
    }
    endpoint = request["environment"].get("AWS_ENDPOINT_URL")
    if endpoint:
        conf |= {
            "spark.hadoop.fs.s3a.endpoint": endpoint,
            "spark.hadoop.fs.s3a.endpoint.region": request["environment"]["AWS_REGION"],
            "spark.hadoop.fs.s3a.path.style.access": "true",
            "spark.hadoop.fs.s3a.connection.ssl.enabled": str(endpoint.startswith("https")).lower(),
        }
        if list((spark / "jars").glob("*spark-hadoop-cloud_*.jar")):
            conf |= NO_RENAMING
    line = [str(spark / "bin" / "spark-submit")]
    for name, value in conf.items():
        line += ["--conf", f"{name}={value}"]
    line += ["--jars", (home / "delta-jars").read_text().strip(), "--py-files", str(home / "lakegate.zip")]
    return [*line, str(home / "glue" / "gold.py"), *request["arguments"]]


def run(path: Path, home: Path = HOME) -> int:
    """Run one request and write down how it ended, last of all."""
    request = json.loads(path.read_text())
    with path.with_suffix(".log").open("wb") as log:
        ended = subprocess.run(
            command(request, home),
            env={**os.environ, **request["environment"], "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    written = path.with_suffix(".exit.new")
    written.write_text(str(ended))
    written.rename(path.with_suffix(".exit"))
    return ended


def main() -> None:
    folder = Path(sys.argv[1])
    while not (folder / "stop").exists():
        for path in sorted(folder.glob("*.json")):
            if not path.with_suffix(".exit").exists():
                print(f"{path.stem}: ended with {run(path)}", flush=True)
        time.sleep(_POLL_SECONDS)
    time.sleep(_LINGER_SECONDS)


if __name__ == "__main__":
    main()
