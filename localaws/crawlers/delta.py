"""The schema of a Delta table from its log."""

import json
import tempfile
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from localaws.athena.delta import hive_type


class DeltaTableError(Exception):
    """There is no readable Delta log."""


def read_schema(s3: Any, bucket: str, prefix: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Columns with their Hive types, and the partition columns, of the latest version.

    The log is copied first: delta-rs over HTTP to the server of its own process may wait for itself.

    Raises:
        DeltaTableError: none there.
    """
    log = f"{prefix}_delta_log/"
    with tempfile.TemporaryDirectory(prefix="crawl-") as folder:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=log):
            for item in page.get("Contents", []):
                target = Path(folder) / "_delta_log" / item["Key"][len(log) :]
                target.parent.mkdir(parents=True, exist_ok=True)
                with s3.get_object(Bucket=bucket, Key=item["Key"])["Body"] as body:
                    target.write_bytes(body.read())
        try:
            table = DeltaTable(folder)
        except (TableNotFoundError, DeltaError, OSError) as error:
            raise DeltaTableError(f"No Delta table at s3://{bucket}/{prefix}: {error}") from error
        fields = json.loads(table.schema().to_json())["fields"]
        columns = [(field["name"].lower(), hive_type(field["type"])) for field in fields]
        return columns, [name.lower() for name in table.metadata().partition_columns]
