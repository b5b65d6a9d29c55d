"""The calls of the Redshift Data API. https://docs.aws.amazon.com/redshift-data/latest/APIReference/

A workgroup and a database need not be made beforehand: the first statement that names them does.
"""

import re
import time
from collections.abc import Callable
from typing import Any

from ministack.core.responses import new_uuid

from localaws.redshift.access import owner_of, require_credentials
from localaws.redshift.dialect import parameter_names
from localaws.redshift.errors import RequestError, invalid
from localaws.redshift.execute import Executor
from localaws.redshift.results import PAGE_ROWS
from localaws.redshift.statements import Part, Statement, Statements

Data = dict[str, Any]
MAX_STATEMENTS, MAX_TEXT_BYTES = 40, 100_000
_NAME = re.compile(r"[A-Za-z0-9_-]{1,30}")
_UNSUPPORTED = ("ClusterIdentifier", "SecretArn", "DbUser", "SessionId", "SessionKeepAliveSeconds", "WaitTimeSeconds")


class DataApi:
    """Answers requests. Methods raise RequestError for what AWS refuses at once."""

    def __init__(self, statements: Statements, executor: Executor) -> None:
        self._statements, self._executor = statements, executor
        self.calls: dict[str, Callable[[Data, str], Data]] = {
            "ExecuteStatement": self.execute_statement,
            "BatchExecuteStatement": self.batch_execute_statement,
            "DescribeStatement": self.describe_statement,
            "GetStatementResult": self.get_statement_result,
            "ListStatements": self.list_statements,
            "CancelStatement": self.cancel_statement,
        }

    def execute_statement(self, request: Data, access_key: str) -> Data:
        return self._start(request, access_key, [request.get("Sql") or ""], is_batch=False)

    def batch_execute_statement(self, request: Data, access_key: str) -> Data:
        sqls = request.get("Sqls") or []
        if not 1 <= len(sqls) <= MAX_STATEMENTS:
            raise invalid(f"Number of SQL statements is {len(sqls)}: it must be from 1 to {MAX_STATEMENTS}.")
        if request.get("ExecutionMode", "TRANSACTION") != "TRANSACTION":
            raise invalid("ExecutionMode AUTO_COMMIT is not supported by the embedded AWS.")
        return self._start(request, access_key, [str(sql) for sql in sqls], is_batch=True)

    def describe_statement(self, request: Data, access_key: str) -> Data:
        statement = self._own(request, access_key)
        part = _part(statement, str(request["Id"]))
        found = _described_part(part) if part else _described(statement)
        return {**found, "Database": statement.database, "WorkgroupName": statement.workgroup}

    def get_statement_result(self, request: Data, access_key: str) -> Data:
        statement = self._own(request, access_key)
        part = _part(statement, str(request["Id"]))
        if part is None:
            if statement.is_batch:
                raise invalid("BatchExecuteStatement result can only be retrieved with sub-statement id.")
            part = statement.last
        if part.status != "FINISHED" or statement.status != "FINISHED":
            raise RequestError("ResourceNotFoundException", "Query does not have result. Please check query status.")
        if part.columns is None:
            raise RequestError("ResourceNotFoundException", "Query does not have result.")
        start = _offset(request.get("NextToken"))
        answer = {
            "Records": part.records[start : start + PAGE_ROWS],
            "ColumnMetadata": part.columns,
            "TotalNumRows": len(part.records),
        }
        more = start + PAGE_ROWS < len(part.records)
        return {**answer, "NextToken": str(start + PAGE_ROWS)} if more else answer

    def list_statements(self, request: Data, access_key: str) -> Data:
        """The caller's own, the newest first."""
        owner, name, status = owner_of(access_key), request.get("StatementName") or "", request.get("Status") or "ALL"
        found = [
            one
            for one in self._statements.newest_first()
            if one.owner.identity == owner.identity
            and one.name.startswith(name)
            and status in ("ALL", one.status)
            and all(getattr(one, field) == request.get(key, getattr(one, field)) for key, field in _LISTED_BY.items())
        ]
        start, limit = _offset(request.get("NextToken")), int(request.get("MaxResults") or 100)
        answer: Data = {"Statements": [_listed(one) for one in found[start : start + limit]]}
        return {**answer, "NextToken": str(start + limit)} if start + limit < len(found) else answer

    def cancel_statement(self, request: Data, access_key: str) -> Data:
        statement = self._own(request, access_key)
        if not self._executor.cancel(statement):
            raise invalid(
                f"Could not cancel a query that is already in {statement.status} state with ID: {statement.id}."
            )
        return {"Status": True}

    def _start(self, request: Data, access_key: str, sqls: list[str], *, is_batch: bool) -> Data:
        workgroup, database = _checked(request, sqls)
        parameters = _parameters(request, sqls)
        require_credentials(access_key, workgroup)
        owner, token = owner_of(access_key), request.get("ClientToken")
        asked = {name: value for name, value in request.items() if name != "ClientToken"}
        known = self._statements.with_token(token, owner) if token else None
        if known is not None:
            if known.asked != asked:
                raise invalid("A request with this ClientToken and other parameters was made before.")
            return _started(known)
        statement_id, now = new_uuid(), time.time()
        parts = [Part(f"{statement_id}:{at}", sql, now, updated_at=now) for at, sql in enumerate(sqls, 1)]
        statement = Statement(
            statement_id,
            owner,
            workgroup,
            database,
            parts,
            is_batch,
            parameters,
            now,
            name=request.get("StatementName") or "",
            with_event=bool(request.get("WithEvent")),
            token=token,
            asked=asked,
            updated_at=now,
        )
        self._statements.add(statement)
        self._executor.submit(statement)
        return _started(statement)

    def _own(self, request: Data, access_key: str) -> Statement:
        statement = self._statements.get(str(request.get("Id", "")))
        if statement is None or statement.owner.identity != owner_of(access_key).identity:
            raise RequestError("ResourceNotFoundException", "Query does not exist.")
        return statement


_LISTED_BY = {"Database": "database", "WorkgroupName": "workgroup"}


def _checked(request: Data, sqls: list[str]) -> tuple[str, str]:
    """Workgroup and database of a request."""
    for name in _UNSUPPORTED:
        if request.get(name) is not None:
            raise invalid(f"{name} is not supported by the embedded AWS: name a WorkgroupName and a Database.")
    if request.get("ResultFormat", "JSON") != "JSON":
        raise invalid("ResultFormat CSV is not supported by the embedded AWS.")
    workgroup, database = str(request.get("WorkgroupName") or ""), str(request.get("Database") or "")
    workgroup = workgroup.rsplit("/", 1)[-1]
    for name, value in (("WorkgroupName", workgroup), ("Database", database)):
        if not _NAME.fullmatch(value):
            raise invalid(f"{name} is '{value}': expected 1 to 30 of A-Z, a-z, 0-9, - and _.")
    if any(not sql.strip() for sql in sqls):
        raise invalid("Sql must not be empty.")
    if sum(len(sql.encode()) for sql in sqls) > MAX_TEXT_BYTES:
        raise invalid(f"SQL text is longer than {MAX_TEXT_BYTES} bytes.")
    return workgroup, database


def _parameters(request: Data, sqls: list[str]) -> dict[str, str]:
    given = {str(one["name"]): str(one["value"]) for one in request.get("Parameters") or ()}
    used = set().union(*(parameter_names(sql) for sql in sqls)) if given else set()
    unused = sorted(given.keys() - used)
    if unused:
        raise invalid(f"Parameters list contains unused parameters. Unused parameters: {unused}")
    return given


def _started(statement: Statement) -> Data:
    return {
        "Id": statement.id,
        "CreatedAt": statement.created_at,
        "Database": statement.database,
        "WorkgroupName": statement.workgroup,
        "DbGroups": [],
        "DbUser": statement.owner.database_user,
    }


def _described(statement: Statement) -> Data:
    last = statement.last
    found: Data = {
        "Id": statement.id,
        "CreatedAt": statement.created_at,
        "UpdatedAt": statement.updated_at,
        "Status": statement.status,
        "Duration": statement.duration_ns,
        "HasResultSet": any(part.columns is not None for part in statement.parts),
        "RedshiftPid": statement.pid,
        "RedshiftQueryId": 0,
        "ResultRows": last.rows,
        "ResultSize": last.size_bytes,
        "ResultFormat": "json",
    }
    if statement.error:
        found["Error"] = statement.error
    if statement.parameters:
        found["QueryParameters"] = [{"name": name, "value": value} for name, value in statement.parameters.items()]
    if statement.is_batch:
        return {**found, "SubStatements": [_described_part(part) for part in statement.parts]}
    return {**found, "QueryString": last.sql}


def _described_part(part: Part) -> Data:
    return {
        "Id": part.id,
        "QueryString": part.sql,
        "CreatedAt": part.created_at,
        "UpdatedAt": part.updated_at,
        "Status": part.status,
        "Duration": part.duration_ns,
        "HasResultSet": part.columns is not None,
        "RedshiftQueryId": 0,
        "ResultRows": part.rows,
        "ResultSize": part.size_bytes,
        **({"Error": part.error} if part.error else {}),
    }


def _listed(statement: Statement) -> Data:
    texts = [part.sql for part in statement.parts]
    return {
        "Id": statement.id,
        "StatementName": statement.name,
        "Status": statement.status,
        "CreatedAt": statement.created_at,
        "UpdatedAt": statement.updated_at,
        "IsBatchStatement": statement.is_batch,
        **({"QueryStrings": texts} if statement.is_batch else {"QueryString": texts[0]}),
    }


def _part(statement: Statement, asked: str) -> Part | None:
    """The part that an id such as `<id>:2` names; None for the statement itself."""
    if ":" not in asked:
        return None
    for part in statement.parts:
        if part.id == asked:
            return part
    raise RequestError("ResourceNotFoundException", "Query does not exist.")


def _offset(token: object) -> int:
    if token is None:
        return 0
    if not str(token).isdigit():
        raise invalid("NextToken is not valid.")
    return int(str(token))
