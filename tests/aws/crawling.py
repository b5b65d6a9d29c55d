"""Small crawlers for tests: a bucket, a database, a role, and waiting for the end."""

import io
import itertools
import json
import time
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from glue_job import make_role

from localaws import EmbeddedAws

BUCKET = "crawled"
ROLE = "crawler-role"
ROLE_ARN = f"arn:aws:iam::{EmbeddedAws.account_id}:role/{ROLE}"
_NUMBERS = itertools.count(1)
LOGS = {
    "Effect": "Allow",
    "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": "arn:aws:logs:*:*:log-group:/aws-glue/crawlers*",
}
CATALOG = {
    "Effect": "Allow",
    "Action": [
        "glue:GetDatabase",
        "glue:GetTable",
        "glue:GetTables",
        "glue:CreateTable",
        "glue:UpdateTable",
        "glue:DeleteTable",
        "glue:GetPartitions",
        "glue:BatchCreatePartition",
        "glue:BatchUpdatePartition",
        "glue:BatchDeletePartition",
    ],
    "Resource": "*",
}
FILES = {
    "Effect": "Allow",
    "Action": ["s3:ListBucket", "s3:GetObject"],
    "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
}


@dataclass(frozen=True)
class Crawling:
    """A crawler's world: `folder` is its include path's key prefix, `database` its own."""

    aws: EmbeddedAws
    folder: str
    database: str

    def put(self, name: str, body: bytes | str) -> None:
        """An object below the include path."""
        data = body.encode() if isinstance(body, str) else body
        self.aws.client("s3").put_object(Bucket=BUCKET, Key=f"{self.folder}{name}", Body=data)

    def delete(self, name: str) -> None:
        self.aws.client("s3").delete_object(Bucket=BUCKET, Key=f"{self.folder}{name}")

    def url(self, below: str = "") -> str:
        return f"s3://{BUCKET}/{self.folder}{below}"

    def make(self, name: str, **settings: Any) -> str:
        """A crawler of the include path unless told otherwise; its name."""
        targets = settings.pop("Targets", {"S3Targets": [{"Path": self.url()}]})
        settings = {"DatabaseName": self.database, "Role": ROLE_ARN, **settings}
        self.aws.client("glue").create_crawler(Name=name, Targets=targets, **settings)
        return name

    def crawl(self, name: str) -> dict[str, Any]:
        """Start it, wait, and give LastCrawl."""
        self.aws.client("glue").start_crawler(Name=name)
        return wait_until_ready(self.aws, name)

    def tables(self) -> dict[str, dict[str, Any]]:
        """All tables of the database by name."""
        found = self.aws.client("glue").get_tables(DatabaseName=self.database)["TableList"]
        return {table["Name"]: table for table in found}

    def columns(self, table: str) -> dict[str, str]:
        """Names and types of a table's columns."""
        return {column["Name"]: column["Type"] for column in self.tables()[table]["StorageDescriptor"]["Columns"]}

    def partitions(self, table: str) -> dict[tuple[str, ...], dict[str, Any]]:
        """Partitions of a table by values."""
        found = self.aws.client("glue").get_partitions(DatabaseName=self.database, TableName=table)["Partitions"]
        return {tuple(partition["Values"]): partition for partition in found}


def new_world(aws: EmbeddedAws, folder: str) -> Crawling:
    """A folder and a database that no other test uses."""
    number = next(_NUMBERS)
    database = f"crawled_{number}"
    aws.client("glue").create_database(DatabaseInput={"Name": database})
    return Crawling(aws, f"w{number}/{folder}/", database)


def prepare(aws: EmbeddedAws) -> None:
    """The bucket and the role of all crawlers."""
    aws.client("s3").create_bucket(Bucket=BUCKET)
    make_role(aws, ROLE, FILES, CATALOG, LOGS)


def wait_until_ready(aws: EmbeddedAws, name: str, seconds: float = 30) -> dict[str, Any]:
    """LastCrawl once the crawler is READY."""
    glue, deadline = aws.client("glue"), time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = glue.get_crawler(Name=name)["Crawler"]
        if found["State"] == "READY":
            return dict(found["LastCrawl"])
        time.sleep(0.02)
    raise AssertionError(f"crawler {name} is still {found['State']} after {seconds} s")


def parquet(**columns: Any) -> bytes:
    """A Parquet file of columns given as Arrow arrays or lists."""
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def ndjson(*rows: dict[str, Any]) -> str:
    """One object a line."""
    return "".join(json.dumps(row) + "\n" for row in rows)
