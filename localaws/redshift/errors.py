"""Why a statement fails or a request is refused, in Redshift's words where they are known."""

from dataclasses import dataclass
from typing import Any

from pg8000.exceptions import DatabaseError, InterfaceError

CONFLICT = "ERROR: 1023 DETAIL: Serializable isolation violation on table in Redshift"
"""https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation-serializable-isolation-troubleshooting.html"""
LOST = "ERROR: The connection to the database was lost before the statement ended"
_SERIALIZATION_FAILURE, _CANCELLED = "40001", "57014"
_CHECK_VIOLATION, _NULL_VIOLATION = "23514", "23502"
_ENDED_BY_SERVER = ("57P01", "57P02", "57P03")


@dataclass(frozen=True)
class StatementError(Exception):
    """A statement that ends as FAILED. `reason` is its Error, with Redshift's leading `ERROR: `."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class StatementCancelled(Exception):  # noqa: N818 - an end that somebody asked for, not an error
    """A statement that ends as ABORTED."""


@dataclass(frozen=True)
class RequestError(Exception):
    """A request that the Data API refuses at once."""

    code: str
    """`ValidationException`, `ResourceNotFoundException`, …"""
    message: str

    def __str__(self) -> str:
        return self.message


def invalid(message: str) -> RequestError:
    return RequestError("ValidationException", message)


def failed(what: str) -> StatementError:
    return StatementError(f"ERROR: {what}")


def unsupported(what: str) -> StatementError:
    """Something that Redshift may do and the embedded AWS does not."""
    return failed(f"{what} is not supported by the embedded AWS")


def of_postgres(error: DatabaseError | InterfaceError | OSError) -> StatementError | StatementCancelled:
    """What PostgreSQL or the way to it said, as Redshift says it."""
    said: dict[str, Any] = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    code, message = said.get("C"), str(said.get("M", error))
    if code is None or code in _ENDED_BY_SERVER:
        return StatementError(LOST)
    if code == _CANCELLED:
        return StatementCancelled()
    if code == _SERIALIZATION_FAILURE:
        return StatementError(CONFLICT)
    if code == _CHECK_VIOLATION and str(said.get("n", "")).startswith("bytes_"):
        return failed(f"value too long for type character varying({str(said['n']).split('_')[1]})")
    if code == _NULL_VIOLATION:
        return failed(f"Cannot insert a NULL value into column {said.get('c')}")
    detail = f"\n  Detail: {said['D']}" if said.get("D") else ""
    return failed(f"{message}{detail}")
