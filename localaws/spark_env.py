"""How Spark runs on this machine: Java 17, two cores, Delta, `s3://` through S3A, quick to start, bounded in memory.

One place for both users: the Glue jobs of the embedded AWS and plain `spark-submit` (see the README):

    command = spark_submit_command("glue/gold.py", ["--pipeline", "activity", …], conf=local_conf(access))
    subprocess.run(command, env={**os.environ, **spark_environment(access)})

`AWS_ENDPOINT_URL` and credentials come as an `AwsAccess`; without an endpoint the same settings reach AWS itself.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import util
from pathlib import Path

import boto3

from localaws import class_archive
from localaws.java import find_java

STANDIN = Path(__file__).with_name("glue_standin")
"""Put on `PYTHONPATH`, it gives the `awsglue` package the JVM half that only AWS Glue has."""

HEAP = "1792m"
"""With the bounds of `_JVM_FLAGS` and Python's own part a driver stays under 3 GB of memory."""

_JVM_FLAGS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:MaxMetaspaceSize=384m",
    "-XX:MaxDirectMemorySize=256m",
    "-XX:ReservedCodeCacheSize=128m",
    "-Duser.timezone=UTC",
)

DELTA_CONF = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
"""What a Spark session needs beside Delta's jars. A Glue job gives it itself, as `--conf`."""


@dataclass(frozen=True)
class AwsAccess:
    """Where and as whom a Spark process reaches AWS. No endpoint: AWS itself."""

    region: str
    access_key_id: str
    secret_access_key: str
    session_token: str = ""
    endpoint_url: str = ""

    @classmethod
    def of(cls, session: boto3.Session, endpoint_url: str = "") -> "AwsAccess":
        """The access of a boto3 session (a profile, a role, the environment)."""
        found = session.get_credentials()
        keys = found.get_frozen_credentials() if found else None
        if keys is None or not keys.access_key or not keys.secret_key:
            raise ValueError("This session has no AWS credentials: set AWS_PROFILE, or run `lake up` first")
        return cls(session.region_name, keys.access_key, keys.secret_key, keys.token or "", endpoint_url)


# Files appear where they belong when the job commits: nothing is renamed, which on S3 is a copy.
# https://hadoop.apache.org/docs/r3.3.4/hadoop-aws/tools/hadoop-aws/committers.html
MAGIC_COMMITTER = {
    "spark.hadoop.fs.s3a.committer.name": "magic",
    "spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3": "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory",
    "spark.sql.sources.commitProtocolClass": "org.apache.spark.internal.io.cloud.PathOutputCommitProtocol",
    "spark.sql.parquet.output.committer.class": "org.apache.spark.internal.io.cloud.BindingParquetOutputCommitter",
}


def jars_dir() -> Path:
    """Folder of the Spark jars (`make setup` fetches them): `LAKE_JARS_DIR`, else `jars` in the virtual environment."""
    return Path(os.environ.get("LAKE_JARS_DIR") or Path(sys.prefix) / "jars")


def spark_home() -> Path:
    """pyspark's own folder, which is a whole Spark."""
    spec = util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pyspark is not installed: run `make setup`")
    return Path(spec.origin).parent


def spark_environment(access: AwsAccess | None = None) -> dict[str, str]:
    """Environment variables for a Spark process. AWS credentials go here, never on the command line.

    Raises:
        JavaError: there is no Java 17.
    """
    env = {
        "JAVA_HOME": str(find_java()),
        "SPARK_HOME": str(spark_home()),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LAUNCHER_OPTS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "PYTHONPATH": str(STANDIN),
        "TZ": "UTC",
    }
    if access is not None:
        env |= {
            "AWS_REGION": access.region,
            "AWS_DEFAULT_REGION": access.region,
            "AWS_ACCESS_KEY_ID": access.access_key_id,
            "AWS_SECRET_ACCESS_KEY": access.secret_access_key,
        }
        env |= {"AWS_SESSION_TOKEN": access.session_token} if access.session_token else {}
        env |= {"AWS_ENDPOINT_URL": access.endpoint_url} if access.endpoint_url else {}
    return env


def local_conf(access: AwsAccess | None = None, delta: bool = True) -> dict[str, str]:
    """Spark settings for this machine. `delta` puts Delta on the class path (`DELTA_CONF` switches it on)."""
    jars = sorted(str(jar) for jar in jars_dir().glob("*.jar") if delta or not jar.name.startswith("io.delta"))
    flags = [*_JVM_FLAGS, *(class_archive.flags(find_java(), jars) if delta else ())]
    conf = {
        "spark.master": "local[2]",
        "spark.driver.memory": HEAP,
        "spark.driver.extraClassPath": os.pathsep.join(jars),
        "spark.driver.extraJavaOptions": " ".join(flags),
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.log.level": "WARN",
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.session.timeZone": "UTC",
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "spark.hadoop.fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.s3a.S3A",
        "spark.hadoop.fs.s3a.aws.credentials.provider": "com.amazonaws.auth.EnvironmentVariableCredentialsProvider",
        **MAGIC_COMMITTER,
    }
    if access is not None and access.endpoint_url:
        conf |= {
            "spark.hadoop.fs.s3a.endpoint": access.endpoint_url,
            "spark.hadoop.fs.s3a.endpoint.region": access.region,
            "spark.hadoop.fs.s3a.path.style.access": "true",
            "spark.hadoop.fs.s3a.connection.ssl.enabled": str(access.endpoint_url.startswith("https")).lower(),
        }
    return conf


def spark_submit_command(
    script: str | Path,
    arguments: Sequence[str] = (),
    conf: Mapping[str, str] | None = None,
    py_files: Sequence[str | Path] = (),
) -> list[str]:
    """The `spark-submit` command line of a Python script. Run it with `spark_environment`."""
    command = [str(spark_home() / "bin" / "spark-submit")]
    for name, value in (conf or {}).items():
        command += ["--conf", f"{name}={value}"]
    if py_files:
        command += ["--py-files", ",".join(str(file) for file in py_files)]
    return [*command, str(script), *arguments]
