"""Runs one statement from start to end: plan, execute, write the result."""

import re
from dataclasses import dataclass
from pathlib import Path

import duckdb

from localaws.athena import ddl, results, writes
from localaws.athena.errors import InvalidRequestError, QueryError, internal, not_supported
from localaws.athena.files import RAW_FIELD, data_error
from localaws.athena.hive_types import ResultType
from localaws.athena.results import ResultColumn
from localaws.athena.session import Session
from localaws.athena.statements import Statement
from localaws.athena.storage import S3Path, put
from localaws.athena.table_files import Write
from localaws.athena.translate import translate

_OWN_CODE = re.compile(r"Invalid Input Error: ([A-Z_]{6,}: .*)")
_GROUPING = re.compile(r'column "([^"]+)" must appear in the GROUP BY clause')


@dataclass(frozen=True)
class Job:
    """What a query is to do: its statement, where unqualified names look, where its result goes."""

    query_id: str
    statement: Statement
    database: str
    output: S3Path
    """The folder of results."""
    encryption: dict[str, str]


@dataclass(frozen=True)
class Outcome:
    """How a query ended well: the columns of its result, its main object, the manifest of what it wrote."""

    columns: tuple[ResultColumn, ...]
    scanned_bytes: int
    manifest: S3Path | None = None


def run(job: Job, session: Session, work: Path) -> Outcome:
    """Run a statement.

    Raises:
        QueryError: with Athena's reason. duckdb.InterruptException: it was stopped.
    """
    try:
        return _run(job, session, work)
    except duckdb.InterruptException:
        raise
    except InvalidRequestError as refusal:
        # What only DDL and writes find out when they run.
        raise QueryError(f"FAILED: ParseException {refusal}") from refusal
    except duckdb.Error as error:
        raise engine_error(error) from error


def _run(job: Job, session: Session, work: Path) -> Outcome:
    kind = job.statement.subtype
    if kind == "SELECT":
        return _select(job, session, work)
    if kind in ("CREATE_TABLE_AS_SELECT", "INSERT", "UNLOAD"):
        written = _write(job, Write(session, work, job.query_id, job.encryption))
        manifest = job.output.child(f"{job.query_id}-manifest.csv")
        body = "".join(f"{path.url}\n" for path in written).encode()
        put(manifest, body, session.caller, content_type="text/csv", encryption=job.encryption)
        return Outcome((), session.scanned_bytes, manifest)
    answer = ddl.run(kind, job.statement.text, job.database, session)
    target = job.output.child(f"{job.query_id}.txt")
    body = "".join(line + "\n" for line in answer.lines).encode()
    put(target, body, session.caller, content_type="text/plain", encryption=job.encryption)
    columns = tuple(ResultColumn(name, ResultType("string", 0)) for name in answer.columns)
    return Outcome(columns, session.scanned_bytes)


def _write(job: Job, write: Write) -> list[S3Path]:
    text = job.statement.text
    if job.statement.subtype == "CREATE_TABLE_AS_SELECT":
        return writes.create_table_as(text, job.database, job.output, write)
    if job.statement.subtype == "INSERT":
        return writes.insert_into(text, job.database, write)
    return writes.unload(text, job.database, write)


def _select(job: Job, session: Session, work: Path) -> Outcome:
    translated = translate(job.statement.text, job.database, session)
    local = work / "result.csv"
    columns = results.write_csv(session.connection, translated.sql, translated.columns, local)
    target = job.output.child(f"{job.query_id}.csv")
    put(target, local.read_bytes(), session.caller, content_type="text/csv", encryption=job.encryption)
    return Outcome(tuple(columns), session.scanned_bytes)


def engine_error(error: duckdb.Error) -> QueryError:
    """DuckDB's complaint in Athena's words."""
    text = str(error)
    own = _OWN_CODE.search(text)
    if own:
        return QueryError(own[1])
    first = text.split("\n", 1)[0]
    if "Division by zero" in text:
        return QueryError("DIVISION_BY_ZERO: Division by zero")
    if isinstance(error, duckdb.OutOfMemoryException):
        return QueryError("Query exhausted resources at this scale factor", type=0)
    if isinstance(error, duckdb.OutOfRangeException):
        return QueryError(f"NUMERIC_VALUE_OUT_OF_RANGE: {first}")
    grouping = _GROUPING.search(text)
    if grouping:
        what = f"'{grouping[1]}' must be an aggregate expression or appear in GROUP BY clause"
        return QueryError(f"EXPRESSION_NOT_AGGREGATE: {what}")
    if isinstance(error, duckdb.ConversionException):
        in_file = RAW_FIELD in text or "CSV Error" in text or "read_json" in text or "JSON" in text
        return data_error(error) if in_file else QueryError(f"INVALID_CAST_ARGUMENT: {first}")
    if isinstance(error, (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)):
        return not_supported(first)
    if isinstance(error, duckdb.InvalidInputException):
        return data_error(error)
    return internal(error)
