"""Everything that the embedded AWS stores of a lake, but for bronze, as text: for looking whether a value is in it.

It shares no code with the lake: Parquet by its own reader, everything else as the services' APIs give it.
"""

import gzip
import io
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.lake import Lake

Found = tuple[str, bytes]
"""Where, and what is there."""


def everything(lake: Lake, mailbox: str, tables: Sequence[str]) -> Iterator[Found]:
    """Objects in all versions, Parquet and gzip decoded, the Delta log among them; the ledger; logs; messages and
    mails; executions with their history; the catalog; tables of the warehouse."""
    yield from _objects(lake)
    for page in lake.client("dynamodb").get_paginator("scan").paginate(TableName=lake.settings.ledger_table):
        yield from (("ledger", json.dumps(item, ensure_ascii=False).encode()) for item in page["Items"])
    yield from _logs(lake)
    yield from _messages(lake, mailbox)
    for path in Path(lake.aws.state.path).glob("mail/*.eml"):
        yield f"mail {path.name}", path.read_bytes()
    yield from _executions(lake)
    for database in (lake.settings.silver_database, lake.settings.gold_database):
        found = lake.client("glue").get_tables(DatabaseName=database)["TableList"]
        yield f"catalog {database}", _text(found)
    for table in tables:
        yield f"warehouse {table}", _text(warehouse_rows(lake, table))


def speaking(lake: Lake, mailbox: str, tables: Sequence[str], values: Sequence[str]) -> dict[str, set[str]]:
    """Places that hold one of the values, as it is or as JSON escapes it, with the values that they hold."""
    forms = {form.encode(): value for value in values for form in (value, json.dumps(value)[1:-1])}
    hits: dict[str, set[str]] = {}
    for place, data in everything(lake, mailbox, tables):
        for form, value in forms.items():
            if form in data:
                hits.setdefault(place, set()).add(value)
    return hits


def warehouse_rows(lake: Lake, table: str) -> list[Any]:
    """All rows of a table in the lake's warehouse."""
    client = lake.client("redshift-data")
    where = {"WorkgroupName": lake.config.prefix, "Database": "lake"}
    statement = client.execute_statement(Sql=f"select * from {table}", **where)["Id"]
    deadline = time.monotonic() + 120
    while (ended := client.describe_statement(Id=statement))["Status"] not in ("FINISHED", "FAILED", "ABORTED"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert ended["Status"] == "FINISHED", ended
    rows: list[Any] = client.get_statement_result(Id=statement)["Records"]
    return rows


def _objects(lake: Lake) -> Iterator[Found]:
    s3 = lake.client("s3")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=lake.bucket):
        for one in page.get("Versions", []):
            if one["Key"].startswith("bronze/"):
                continue
            version = {"Bucket": lake.bucket, "Key": one["Key"], "VersionId": one["VersionId"]}
            yield one["Key"], decoded(s3.get_object(**version)["Body"].read())


def decoded(data: bytes) -> bytes:
    """The bytes, and behind them what they say where they are packed."""
    if data[:4] == b"PAR1":
        file = pq.ParquetFile(io.BytesIO(data))
        return data + str(file.read().to_pylist()).encode() + str(file.metadata.to_dict()).encode()
    return data + gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def _logs(lake: Lake) -> Iterator[Found]:
    logs = lake.client("logs")
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in (one["logGroupName"] for one in page["logGroups"]):
            if f"/{lake.config.prefix}-" in group or group.startswith("/aws-glue"):
                for events in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
                    yield from ((f"log {group}", one["message"].encode()) for one in events["events"])


def _messages(lake: Lake, mailbox: str) -> Iterator[Found]:
    """What the topic told, and what lies in any queue of the lake."""
    sqs = lake.client("sqs")
    for url in [mailbox, *sqs.list_queues(QueueNamePrefix=f"{lake.config.prefix}-").get("QueueUrls", [])]:
        taken = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            taken += messages
        yield from ((f"queue {url.rpartition('/')[2]}", _text(one)) for one in taken)
        for one in taken:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"], VisibilityTimeout=0)


def _executions(lake: Lake) -> Iterator[Found]:
    states = lake.client("stepfunctions")
    for machine in states.list_state_machines()["stateMachines"]:
        if machine["name"].startswith(f"{lake.config.prefix}-"):
            for one in states.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]:
                said = states.describe_execution(executionArn=one["executionArn"])
                history = states.get_execution_history(executionArn=one["executionArn"])["events"]
                yield f"execution {one['name']}", _text([said, history])


def _text(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, default=str).encode()
