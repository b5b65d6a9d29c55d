"""The life of a query: QUEUED, RUNNING, then SUCCEEDED, FAILED or CANCELLED. At most four run at a time.

The record of each is kept in ministack's own store, so that listing, batch reads and persistence go on working.
"""

import contextvars
import logging
import shutil
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from localaws.athena.access import Caller
from localaws.athena.engine import Job, Outcome, run
from localaws.athena.errors import OTHER, QueryError, internal
from localaws.athena.session import Session
from localaws.athena.statements import Statement, fill_parameters

_CONCURRENT = 4
_INTERRUPT_SECONDS = 0.05
_CANCELLED = "Query was cancelled by user"
_LOG = logging.getLogger("localaws.athena")


@dataclass
class Running:
    """A query in a worker thread; `session` is None until it has one."""

    session: Session | None = None
    stopped: bool = False
    ended: threading.Event = field(default_factory=threading.Event)


_pool = ThreadPoolExecutor(_CONCURRENT, thread_name_prefix="athena")
_running: dict[str, Running] = {}
_lock = threading.Lock()


def submit(record: dict[str, Any], job: Job, caller: Caller, parameters: tuple[str, ...]) -> None:
    """Queue a query; its record changes as it goes."""
    running = _running[job.query_id] = Running()
    context = contextvars.copy_context()
    _pool.submit(context.run, _work, record, job, caller, parameters, running)


def stop(record: dict[str, Any]) -> None:
    """Cancel a query that has not ended; nothing for one that has."""
    with _lock:
        if record["Status"]["State"] not in ("QUEUED", "RUNNING"):
            return
        _finish(record, "CANCELLED", _CANCELLED)
        running = _running.get(record["QueryExecutionId"])
    if running is not None:
        running.stopped = True
        threading.Thread(target=_interrupt, args=(running,), name="athena-stop", daemon=True).start()


def shut_down() -> None:
    """Stop every query that runs or waits."""
    for running in list(_running.values()):
        running.stopped = True
        _interrupt(running)


def _interrupt(running: Running) -> None:
    """Interrupt until the query has ended: DuckDB forgets an interrupt that comes between two of its statements."""
    while not running.ended.is_set():
        with _lock:
            if running.session is not None:
                running.session.interrupt()
        running.ended.wait(_INTERRUPT_SECONDS)


def _work(record: dict[str, Any], job: Job, caller: Caller, parameters: tuple[str, ...], running: Running) -> None:
    with _lock:
        if running.stopped:
            _running.pop(job.query_id, None)
            running.ended.set()
            return
        record["Statistics"]["QueryQueueTimeInMillis"] = _millis_since(record["_submitted"])
        record["_started"] = time.monotonic()
        record["Status"]["State"] = "RUNNING"
    work = Path(tempfile.mkdtemp(prefix="athena-"))
    try:
        outcome = _run_in(work, job, caller, parameters, running)
    except duckdb.InterruptException:
        _cancel(record)
    except QueryError as failure:
        _fail(record, failure)
    except Exception as error:  # noqa: BLE001 - a worker's last resort: the query must not stay RUNNING for ever
        _LOG.exception("query %s", job.query_id)
        _fail(record, internal(error))
    else:
        _succeed(record, outcome)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        _running.pop(job.query_id, None)
        running.ended.set()


def _run_in(work: Path, job: Job, caller: Caller, parameters: tuple[str, ...], running: Running) -> Outcome:
    text = fill_parameters(job.statement.text, parameters)
    filled = Statement(text, job.statement.type, job.statement.subtype)
    session = Session(caller, work / "tables")
    with _lock:
        running.session = session
        if running.stopped:
            session.close()
            raise duckdb.InterruptException(_CANCELLED)
    try:
        return run(Job(job.query_id, filled, job.database, job.output, job.encryption), session, work)
    finally:
        with _lock:
            running.session = None
        session.close()


def _succeed(record: dict[str, Any], outcome: Outcome) -> None:
    with _lock:
        if record["Status"]["State"] != "RUNNING":
            return
        record["_columns"] = [
            [column.name, column.type.name, column.type.precision, column.type.scale] for column in outcome.columns
        ]
        record["Statistics"]["DataScannedInBytes"] = outcome.scanned_bytes
        if outcome.manifest:
            record["Statistics"]["DataManifestLocation"] = outcome.manifest.url
        _finish(record, "SUCCEEDED", None)


def _cancel(record: dict[str, Any]) -> None:
    with _lock:
        if record["Status"]["State"] == "RUNNING":
            _finish(record, "CANCELLED", _CANCELLED)


def _fail(record: dict[str, Any], failure: QueryError) -> None:
    with _lock:
        if record["Status"]["State"] != "RUNNING":
            return
        record["Status"]["AthenaError"] = {
            "ErrorCategory": failure.category,
            "ErrorType": failure.type,
            "Retryable": failure.category == OTHER,
            "ErrorMessage": failure.reason,
        }
        _finish(record, "FAILED", failure.reason)


def _finish(record: dict[str, Any], state: str, reason: str | None) -> None:
    status, statistics = record["Status"], record["Statistics"]
    if "_started" in record:
        statistics["EngineExecutionTimeInMillis"] = _millis_since(record["_started"])
    statistics["TotalExecutionTimeInMillis"] = _millis_since(record["_submitted"])
    if reason is not None:
        status["StateChangeReason"] = reason
    status["CompletionDateTime"] = time.time()
    status["State"] = state


def _millis_since(start: float) -> int:
    return int((time.monotonic() - start) * 1000)
