"""Why a query fails, in Athena's words.

The texts follow Athena engine version 3 (`CODE: line L:C: what`); the numbers of `AthenaError` its error catalog:
https://docs.aws.amazon.com/athena/latest/ug/error-reference.html
"""

from dataclasses import dataclass

from sqlglot import exp

SYSTEM, USER, OTHER = 1, 2, 3
_INTERNAL_ERROR, _USER_ERROR, _DATA_ERROR, _DDL_FAILED, _SYNTAX_ERROR = 200, 1000, 1001, 1003, 1006


@dataclass(frozen=True)
class QueryError(Exception):
    """A query that ends as FAILED. `reason` is its StateChangeReason."""

    reason: str
    category: int = USER
    type: int = _USER_ERROR

    def __str__(self) -> str:
        return self.reason


class InvalidRequestError(Exception):
    """A request that Athena refuses at once with InvalidRequestException."""

    def __init__(self, message: str, code: str = "INVALID_INPUT") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Position:
    """Where something stands in the text of a query; both count from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}:{self.column}"


def position_of(text: str, offset: int) -> Position:
    """Line and column of a character offset."""
    before = text[:offset]
    return Position(before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)


def start_of(text: str, *nodes: exp.Expr) -> Position:
    """Where expressions that were parsed from a text begin; the start of the text where they name nothing."""
    columns = [column.this for node in nodes for column in node.find_all(exp.Column)]
    named = columns or [name for node in nodes for name in node.find_all(exp.Identifier)]
    starts = [int(part.meta["start"]) for part in named if "start" in part.meta]
    return position_of(text, min(starts)) if starts else Position(1, 1)


def semantic(code: str, at: Position, what: str) -> QueryError:
    """A query that parses but means nothing: TABLE_NOT_FOUND, COLUMN_NOT_FOUND, TYPE_MISMATCH, …"""
    return QueryError(f"{code}: {at}: {what}", type=_SYNTAX_ERROR)


def not_supported(what: str) -> QueryError:
    """Something that Athena may do and the embedded AWS does not."""
    return QueryError(f"NOT_SUPPORTED: {what} (not supported by the embedded AWS)")


def bad_data(what: str) -> QueryError:
    """The data do not match what the catalog says of them."""
    return QueryError(f"HIVE_BAD_DATA: {what}", type=_DATA_ERROR)


def ddl_failed(what: str) -> QueryError:
    """A DDL statement that the catalog refuses."""
    return QueryError(f"FAILED: {what}", type=_DDL_FAILED)


def denied(principal: str, action: str, resource: str) -> QueryError:
    """The caller lacks a permission on the data or the catalog."""
    words = f"User: {principal} is not authorized to perform: {action} on resource: {resource}"
    if action.startswith("glue:"):
        return QueryError(f"Insufficient permissions to execute the query. {words}")
    return QueryError(f"PERMISSION_DENIED: Access Denied. {words}")


def output_denied(url: str, principal: str, action: str) -> QueryError:
    """The caller may not write (or read back) the result."""
    return QueryError(
        f"Access denied when writing output to url: {url} . Please ensure you are allowed to access the S3 bucket. "
        f"User: {principal} is not authorized to perform: {action}"
    )


def internal(error: BaseException) -> QueryError:
    """A fault of the embedded AWS itself."""
    return QueryError(f"GENERIC_INTERNAL_ERROR: {type(error).__name__}: {error}", SYSTEM, _INTERNAL_ERROR)
