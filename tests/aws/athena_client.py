"""Asks Athena as a client does: start, wait, fetch."""

import time
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import uuid4

from localaws import EmbeddedAws

ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"


@cache
def clients(aws: EmbeddedAws, user: str) -> tuple[Any, Any, Any]:
    """Clients of Athena, S3 and Glue. They take a third of a second to make."""
    return aws.client("athena", user), aws.client("s3", user), aws.client("glue", user)


@dataclass(frozen=True)
class Answer:
    """How a query ended, and its rows without the header (None for NULL)."""

    execution: dict[str, Any]
    header: list[str]
    rows: list[list[str | None]]
    types: list[str]

    @property
    def state(self) -> str:
        return str(self.execution["Status"]["State"])

    @property
    def reason(self) -> str:
        return str(self.execution["Status"].get("StateChangeReason", ""))


def fresh(aws: EmbeddedAws) -> "Athena":
    """The administrator's Athena with a new versioned bucket and a new database."""
    made = Athena(aws, f"lake-{uuid4().hex[:12]}", f"db_{uuid4().hex[:8]}")
    made.s3.create_bucket(Bucket=made.bucket)
    made.s3.put_bucket_versioning(Bucket=made.bucket, VersioningConfiguration={"Status": "Enabled"})
    made.glue.create_database(DatabaseInput={"Name": made.database})
    return made


class Athena:
    """One user's Athena with a bucket and a database of their own."""

    def __init__(self, aws: EmbeddedAws, bucket: str, database: str, user: str = "admin") -> None:
        self.client, self.s3, self.glue = clients(aws, user)
        self.bucket = bucket
        self.database = database

    def start(self, query: str, **request: Any) -> str:
        request.setdefault("ResultConfiguration", {"OutputLocation": f"s3://{self.bucket}/athena-results/"})
        request.setdefault("QueryExecutionContext", {"Database": self.database})
        return str(self.client.start_query_execution(QueryString=query, **request)["QueryExecutionId"])

    def wait(self, query_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            execution: dict[str, Any] = self.client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
            if execution["Status"]["State"] in ENDED:
                return execution
            time.sleep(0.02)
        raise TimeoutError(query_id)

    def run(self, query: str, *parameters: str, **request: Any) -> Answer:
        if parameters:
            request["ExecutionParameters"] = list(parameters)
        execution = self.wait(self.start(query, **request))
        if execution["Status"]["State"] != "SUCCEEDED":
            return Answer(execution, [], [], [])
        result = self.client.get_query_results(QueryExecutionId=execution["QueryExecutionId"])["ResultSet"]
        rows = [[value.get("VarCharValue") for value in row["Data"]] for row in result["Rows"]]
        types = [column["Type"] for column in result["ResultSetMetadata"]["ColumnInfo"]]
        if execution["SubstatementType"] == "SELECT":
            return Answer(execution, [str(name) for name in rows[0]], rows[1:], types)
        return Answer(execution, [], rows, types)

    def rows(self, query: str, *parameters: str) -> list[list[str | None]]:
        """The rows of a query that must succeed."""
        answer = self.run(query, *parameters)
        assert answer.state == "SUCCEEDED", answer.reason
        return answer.rows

    def reason(self, query: str, *parameters: str) -> str:
        """Why a query that must fail fails."""
        answer = self.run(query, *parameters)
        assert answer.state == "FAILED", answer.state
        assert answer.execution["Status"]["AthenaError"]["ErrorMessage"] == answer.reason
        return answer.reason

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def keys(self, prefix: str) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return [item["Key"] for item in listed]

    def make_table(
        self,
        name: str,
        columns: dict[str, str],
        location: str,
        *,
        partition_keys: dict[str, str] | None = None,
        serde: str = PARQUET,
        serde_parameters: dict[str, str] | None = None,
        parameters: dict[str, str] | None = None,
    ) -> None:
        """A table of the Glue catalog at a key prefix of the bucket."""
        self.glue.create_table(
            DatabaseName=self.database,
            TableInput={
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "Parameters": parameters or {},
                "PartitionKeys": [{"Name": key, "Type": kind} for key, kind in (partition_keys or {}).items()],
                "StorageDescriptor": {
                    "Columns": [{"Name": column, "Type": kind} for column, kind in columns.items()],
                    "Location": f"s3://{self.bucket}/{location}",
                    "SerdeInfo": {"SerializationLibrary": serde, "Parameters": serde_parameters or {}},
                },
            },
        )

    def add_partition(self, table: str, values: list[str], location: str) -> None:
        self.glue.create_partition(
            DatabaseName=self.database,
            TableName=table,
            PartitionInput={
                "Values": values,
                "StorageDescriptor": {"Location": f"s3://{self.bucket}/{location}", "Columns": []},
            },
        )
