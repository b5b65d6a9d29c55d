"""Redshift's Data API: submit a batch, wait for its end, read the last result. A conflict is tried again."""

import random
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakehouse import names
from lakehouse.errors import WarehouseError
from lakehouse.log import log

if TYPE_CHECKING:
    from mypy_boto3_redshift_data.client import RedshiftDataAPIServiceClient

MAX_TRIES = 6
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.05, 2.0
_CONFLICT = re.compile(r"\b1023\b.*isolation violation|deadlock detected", re.DOTALL | re.IGNORECASE)
"""https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation-serializable-isolation-troubleshooting.html"""

Row = list[int | str | float | bool | None]


@dataclass(frozen=True)
class DataApi:
    """One database of a workgroup of Redshift Serverless."""

    client: "RedshiftDataAPIServiceClient"
    workgroup: str
    database: str

    def run(self, sqls: Sequence[str], parameters: Mapping[str, str], name: str, token: str) -> list[Row]:
        """Run statements as one transaction and return the rows of the last one, if it has any.

        `token` names this request: sent twice (a lost answer, a retry of the SDK) it runs once.

        Raises:
            WarehouseError: it failed or was stopped; nothing of it stays.
            ClientError: the Data API refuses the request.
        """
        for attempt in range(1, MAX_TRIES + 1):
            statement = self._submit(sqls, parameters, name, names.digest("warehouse", token, str(attempt)))
            ended = self._wait(statement)
            if ended["Status"] == "FINISHED":
                return self._rows(ended["SubStatements"][-1])
            error = str(ended.get("Error", ""))
            if not _CONFLICT.search(error) or attempt == MAX_TRIES:
                break
            log("warehouse_conflict", statement=name, attempt=attempt)
            time.sleep(random.uniform(0, min(0.2 * 2**attempt, 5.0)))
        raise WarehouseError(f"Statement {name} ({statement}) ended as {ended['Status']}: {error or 'no reason given'}")

    def _submit(self, sqls: Sequence[str], parameters: Mapping[str, str], name: str, token: str) -> str:
        given: Any = {"Parameters": [{"name": key, "value": value} for key, value in parameters.items()]}
        answer = self.client.batch_execute_statement(
            WorkgroupName=self.workgroup,
            Database=self.database,
            Sqls=list(sqls),
            StatementName=name,
            ClientToken=token,
            **(given if parameters else {}),
        )
        return answer["Id"]

    def _wait(self, statement: str) -> Any:
        """The statement once it has ended. The function's own timeout is the limit."""
        wait_seconds = _FIRST_WAIT_SECONDS
        while True:
            found = self.client.describe_statement(Id=statement)
            if found["Status"] in ("FINISHED", "FAILED", "ABORTED"):
                return found
            time.sleep(wait_seconds)
            wait_seconds = min(wait_seconds * 1.5, _LONGEST_WAIT_SECONDS)

    def _rows(self, part: Any) -> list[Row]:
        if not part.get("HasResultSet"):
            return []
        pages = self.client.get_paginator("get_statement_result").paginate(Id=part["Id"])
        return [[_value(field) for field in record] for page in pages for record in page["Records"]]


def _value(field: Any) -> Any:
    return None if field.get("isNull") else next(iter(field.values()))
