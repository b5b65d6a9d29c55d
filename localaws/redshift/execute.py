"""Runs statements: each in a connection and a transaction of its own, several at a time.

A batch is one transaction: it ends at the first part that fails, and nothing of it stays.
"""

import contextvars
import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection

from localaws import events
from localaws.redshift import results
from localaws.redshift.access import workgroup_arn
from localaws.redshift.copy import copy
from localaws.redshift.copy_command import CopyCommand
from localaws.redshift.dialect import translate
from localaws.redshift.errors import StatementCancelled, StatementError, failed, of_postgres
from localaws.redshift.postgres import Postgres, PostgresError
from localaws.redshift.statements import ENDED, Part, Statement

_CONCURRENT = 8
_SHUT_DOWN_SECONDS = 20
_NO_TABLE_AT_ONCE = "SELECT pg_advisory_xact_lock(1023)"
"""PostgreSQL lets two CREATE TABLE IF NOT EXISTS of one table meet and fails one of them; Redshift does not."""
_LOG = logging.getLogger("localaws.redshift")


@dataclass(frozen=True)
class Place:
    """Where statements run."""

    postgres: Postgres
    endpoint_url: str
    region: str


class Executor:
    """Runs statements in threads."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._pool = ThreadPoolExecutor(_CONCURRENT, thread_name_prefix="redshift-data")
        self._running: dict[str, Statement] = {}

    @property
    def postgres(self) -> Postgres:
        return self._place.postgres

    def submit(self, statement: Statement) -> None:
        """Run a statement soon; its record changes as it goes."""
        self._running[statement.id] = statement
        context = contextvars.copy_context()
        work = self._pool.submit(context.run, self._work, statement)
        work.add_done_callback(_say_what_broke)

    def cancel(self, statement: Statement) -> bool:
        """Stop a statement that has not ended; False for one that has."""
        with statement.lock:
            if statement.status in ENDED:
                return False
            statement.cancelled = True
            pid = statement.pid
        if pid:
            self._cancel_backend(statement, pid)
        statement.ended.wait(_SHUT_DOWN_SECONDS)
        return statement.status == "ABORTED"

    def shut_down(self) -> None:
        """Cancel what runs or waits, then stop PostgreSQL."""
        running = list(self._running.values())
        cancelling = [threading.Thread(target=self.cancel, args=(one,), daemon=True) for one in running]
        for thread in cancelling:
            thread.start()
        for thread in cancelling:
            thread.join(_SHUT_DOWN_SECONDS)
        self._place.postgres.stop()

    def _cancel_backend(self, statement: Statement, pid: int) -> None:
        try:
            connection = self._place.postgres.connect(_database(statement))
        except (DatabaseError, InterfaceError, OSError, PostgresError):
            _LOG.warning("no connection to cancel %s: its own has gone too", statement.id)
            return
        try:
            connection.run("SELECT pg_cancel_backend(:pid::int)", pid=pid)
        finally:
            connection.close()

    def _work(self, statement: Statement) -> None:
        started = time.monotonic_ns()
        statement.to("PICKED")
        error: StatementError | StatementCancelled | None = failed("internal error of the embedded AWS; see its log")
        try:
            error = self._run(statement)
        finally:  # whatever happened, nobody waits for the statement for ever
            _end(statement, error, time.monotonic_ns() - started)
            self._running.pop(statement.id, None)
            statement.ended.set()
            if statement.with_event:
                _tell(statement, self._place.region)

    def _run(self, statement: Statement) -> StatementError | StatementCancelled | None:
        """All parts in one transaction; what ended it early."""
        try:
            connection = self._place.postgres.connect(_database(statement))
        except PostgresError as error:
            _LOG.error("%s", error)
            return failed(str(error))
        except (DatabaseError, InterfaceError, OSError) as error:
            return of_postgres(error)
        try:
            return self._run_parts(statement, connection)
        finally:
            _close(connection)

    def _run_parts(self, statement: Statement, connection: Connection) -> StatementError | StatementCancelled | None:
        try:
            pid = int(connection.run("SELECT pg_backend_pid()")[0][0])
            with statement.lock:
                statement.pid = pid
                if statement.cancelled:
                    return StatementCancelled()
            statement.to("STARTED")
            connection.run("BEGIN")
        except (DatabaseError, InterfaceError, OSError) as error:
            return of_postgres(error)
        for part in statement.parts:
            stopped = self._run_part(statement, part, connection)
            if stopped is not None:
                return stopped
        return None

    def _run_part(
        self, statement: Statement, part: Part, connection: Connection
    ) -> StatementError | StatementCancelled | None:
        """Run one part, the last one with the commit."""
        started = time.monotonic_ns()
        part.to("STARTED")
        ended: StatementError | StatementCancelled | None = None
        try:
            self._execute(statement, part, connection)
            if part is statement.last:
                connection.run("COMMIT")
        except (StatementError, StatementCancelled) as error:
            ended = error
        except (DatabaseError, InterfaceError, OSError) as error:
            ended = of_postgres(error)
        part.duration_ns = time.monotonic_ns() - started
        if ended is None:
            part.to("FINISHED")
        elif isinstance(ended, StatementError):
            part.error = ended.reason
            part.to("FAILED")
        return ended

    def _execute(self, statement: Statement, part: Part, connection: Connection) -> None:
        if statement.cancelled:
            raise StatementCancelled
        command = translate(part.sql, statement.parameters)
        if isinstance(command, CopyCommand):
            place, user = self._place, _external_id(statement, self._place.region)
            part.rows = copy(connection, command, place.endpoint_url, place.region, user)
            return
        if command.makes_table:
            connection.run(_NO_TABLE_AT_ONCE)
        rows = connection.run(command.text)
        if connection.columns:
            part.columns = [results.metadata(column) for column in connection.columns]
            part.records = [[results.field(value) for value in row] for row in rows or ()]
            part.rows, part.size_bytes = len(part.records), results.size_bytes(part.records)
        elif connection.row_count is not None:
            part.rows, part.size_bytes = connection.row_count, 0


def _external_id(statement: Statement, region: str) -> str:
    """What Redshift gives as `sts:ExternalId` when it assumes a role.
    https://docs.aws.amazon.com/redshift/latest/mgmt/authorizing-redshift-service-database-users.html"""
    account = statement.owner.arn.split(":")[4]
    return f"arn:aws:redshift:{region}:{account}:dbuser:{statement.workgroup}/{statement.owner.database_user}"


def _end(statement: Statement, error: StatementError | StatementCancelled | None, duration_ns: int) -> None:
    with statement.lock:
        statement.duration_ns = duration_ns
        for part in statement.parts:
            if part.status not in ENDED:
                part.to("ABORTED")
        if error is None:
            statement.to("FINISHED")
        elif isinstance(error, StatementError):
            statement.error = _numbered(statement, error)
            statement.to("FAILED")
        else:
            statement.to("ABORTED")


def _numbered(statement: Statement, error: StatementError) -> str:
    if not statement.is_batch:
        return error.reason
    number = next((at for at, part in enumerate(statement.parts, 1) if part.status == "FAILED"), 1)
    return f"Query #{number} failed with {error.reason}"


def _database(statement: Statement) -> str:
    return f"{statement.workgroup}.{statement.database}"


def _close(connection: Connection) -> None:
    """Close a connection; what was not committed is rolled back with it. One that is lost is closed already."""
    try:
        connection.close()
    except (DatabaseError, InterfaceError, OSError):
        _LOG.debug("the connection was closed already")


def _tell(statement: Statement, region: str) -> None:
    """https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-monitoring-events.html"""
    detail = {
        "principal": statement.owner.arn,
        "statementName": statement.name,
        "statementId": statement.id,
        "redshiftQueryId": statement.pid,
        "state": statement.status,
        "rows": statement.last.rows,
        "expireAt": int(statement.created_at) + 86400,
    }
    resources = (workgroup_arn(statement.workgroup, region),)
    events.emit("aws.redshift-data", "Redshift Data Statement Status Change", detail, resources)


def _say_what_broke(work: "Future[None]") -> None:
    """A bug of this code goes to the server's log; a pool would keep it to itself."""
    bug = work.exception()
    if bug is not None:
        _LOG.error("a statement broke the embedded AWS", exc_info=bug)
