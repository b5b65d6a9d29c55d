"""Asks Redshift's Data API as a client does: submit, wait, fetch. And looks behind it, at its PostgreSQL."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from pg8000.exceptions import InterfaceError

from localaws import EmbeddedAws

WORKGROUP = "tests"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "redshift.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@dataclass
class Redshift:
    """A database of its own in the embedded Redshift."""

    aws: EmbeddedAws
    client: Any
    database: str = field(default_factory=lambda: f"db_{uuid4().hex[:10]}")

    def start(self, *sqls: str, **request: Any) -> str:
        request = {"WorkgroupName": WORKGROUP, "Database": self.database, **request}
        return str(self.client.batch_execute_statement(Sqls=list(sqls), **request)["Id"])

    def wait(self, statement_id: str, seconds: float = 60) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found: dict[str, Any] = self.client.describe_statement(Id=statement_id)
            if found["Status"] in ("FINISHED", "FAILED", "ABORTED"):
                return found
            time.sleep(0.02)
        raise TimeoutError(statement_id)

    def run(self, *sqls: str, **request: Any) -> dict[str, Any]:
        """One transaction; the statement once it has ended."""
        return self.wait(self.start(*sqls, **request))

    def rows(self, *sqls: str, **request: Any) -> list[list[Any]]:
        """The last statement's rows; all must succeed."""
        ended = self.run(*sqls, **request)
        assert ended["Status"] == "FINISHED", ended["Error"]
        last = ended["SubStatements"][-1]
        if not last["HasResultSet"]:
            return []
        pages = self.client.get_paginator("get_statement_result").paginate(Id=last["Id"])
        return [[value_of(one) for one in record] for page in pages for record in page["Records"]]

    def error(self, *sqls: str, **request: Any) -> str:
        """Why statements that must fail fail."""
        ended = self.run(*sqls, **request)
        assert ended["Status"] == "FAILED", ended["Status"]
        return str(ended["Error"])

    @contextmanager
    def behind(self) -> Iterator[Any]:
        """A connection to the database's PostgreSQL, in a transaction that is rolled back at the end."""
        from localaws import redshift

        connection = redshift.server().connect(f"{WORKGROUP}.{self.database}")
        try:
            connection.run("BEGIN")
            yield connection
        finally:
            with suppress(InterfaceError):  # a test may have ended the server
                connection.close()


def value_of(one: dict[str, Any]) -> Any:
    return None if one.get("isNull") else next(iter(one.values()))


def copy_role(aws: EmbeddedAws, *statements: dict[str, Any], trust: dict[str, Any] = TRUST) -> str:
    """A role for COPY with these rights; its ARN."""
    iam, name = aws.client("iam"), f"copy-{uuid4().hex[:8]}"
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_role_policy(RoleName=name, PolicyName="copy", PolicyDocument=document)
    return str(arn)


def wait_for_blocked(connection: Any, seconds: float = 20) -> int:
    """The process id of a backend that waits for a lock."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = connection.run("SELECT pid FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()")
        if found:
            return int(found[0][0])
        time.sleep(0.02)
    raise TimeoutError("nobody waits")
