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
_CLIENTS: dict[str, Any] = {}
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
        "glue:DeletePartition",
    ],
    "Resource": "*",
}
FILES = {
    "Effect": "Allow",
    "Action": ["s3:ListBucket", "s3:GetObject"],
    "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
}


def client(aws: EmbeddedAws, service: str) -> Any:
    """The administrator's client, made once: making one takes longer than what it does here."""
    if service not in _CLIENTS:
        _CLIENTS[service] = aws.client(service)
    return _CLIENTS[service]


@dataclass(frozen=True)
class Crawling:
    """A crawler's world: `folder` is its include path's key prefix, `database` its own."""

    aws: EmbeddedAws
    folder: str
    database: str

    def put(self, name: str, body: bytes | str) -> None:
        """An object below the include path."""
        data = body.encode() if isinstance(body, str) else body
        client(self.aws, "s3").put_object(Bucket=BUCKET, Key=f"{self.folder}{name}", Body=data)

    def delete(self, name: str) -> None:
        client(self.aws, "s3").delete_object(Bucket=BUCKET, Key=f"{self.folder}{name}")

    def url(self, below: str = "") -> str:
        return f"s3://{BUCKET}/{self.folder}{below}"

    def make(self, name: str, **settings: Any) -> str:
        """A crawler of the include path unless told otherwise; its name."""
        targets = settings.pop("Targets", {"S3Targets": [{"Path": self.url()}]})
        settings = {"DatabaseName": self.database, "Role": ROLE_ARN, **settings}
        client(self.aws, "glue").create_crawler(Name=name, Targets=targets, **settings)
        return name

    def crawl(self, name: str) -> dict[str, Any]:
        """Start it, wait, and give LastCrawl."""
        client(self.aws, "glue").start_crawler(Name=name)
        return wait_until_ready(self.aws, name)

    def tables(self) -> dict[str, dict[str, Any]]:
        """All tables of the database by name."""
        found = client(self.aws, "glue").get_tables(DatabaseName=self.database)["TableList"]
        return {table["Name"]: table for table in found}

    def columns(self, table: str) -> dict[str, str]:
        """Names and types of a table's columns."""
        return {column["Name"]: column["Type"] for column in self.tables()[table]["StorageDescriptor"]["Columns"]}

    def partitions(self, table: str) -> dict[tuple[str, ...], dict[str, Any]]:
        """Partitions of a table by values."""
        found = client(self.aws, "glue").get_partitions(DatabaseName=self.database, TableName=table)["Partitions"]
        return {tuple(partition["Values"]): partition for partition in found}


def new_world(aws: EmbeddedAws, folder: str) -> Crawling:
    """A folder and a database that no other test uses."""
    number = next(_NUMBERS)
    database = f"crawled_{number}"
    client(aws, "glue").create_database(DatabaseInput={"Name": database})
    return Crawling(aws, f"w{number}/{folder}/", database)


def prepare(aws: EmbeddedAws) -> None:
    """The bucket and the role of all crawlers, once."""
    client(aws, "s3").create_bucket(Bucket=BUCKET)
    roles = client(aws, "iam").list_roles()["Roles"]
    if ROLE not in {role["RoleName"] for role in roles}:
        make_role(aws, ROLE, FILES, CATALOG, LOGS)


def wait_until_ready(aws: EmbeddedAws, name: str, seconds: float = 30) -> dict[str, Any]:
    """LastCrawl once the crawler is READY."""
    glue, deadline = client(aws, "glue"), time.monotonic() + seconds
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
