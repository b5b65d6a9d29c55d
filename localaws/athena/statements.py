"""What a query text asks for: its kind, its parameters filled in."""

import re
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import TokenType

from localaws.athena.cursor import words_of
from localaws.athena.errors import InvalidRequestError, QueryError
from localaws.athena.translate import parse_query

_QUERY_STARTS = ("select", "with", "values", "table", "(")
_DDL_STARTS = ("create", "drop", "alter", "show", "describe", "desc", "msck")
_CTAS = re.compile(r"create\s+table\b(?:(?!\bas\b).)*?\bas\s*[(\s]*(?:select|with|values|table)\b", re.I | re.S)
_SUBSTATEMENTS = (
    (re.compile(r"create\s+(or\s+replace\s+)?view\b", re.I), "CREATE_VIEW"),
    (re.compile(r"create\s+(database|schema)\b", re.I), "CREATE_DATABASE"),
    (re.compile(r"create\s+(external\s+)?table\b", re.I), "CREATE_TABLE"),
    (re.compile(r"drop\s+(database|schema)\b", re.I), "DROP_DATABASE"),
    (re.compile(r"drop\s+view\b", re.I), "DROP_VIEW"),
    (re.compile(r"drop\s+table\b", re.I), "DROP_TABLE"),
    (re.compile(r"alter\s+table\b", re.I), "ALTER_TABLE"),
    (re.compile(r"msck\s+repair\s+table\b", re.I), "MSCK_REPAIR_TABLE"),
    (re.compile(r"show\s+partitions\b", re.I), "SHOW_PARTITIONS"),
    (re.compile(r"show\s+tables\b", re.I), "SHOW_TABLES"),
    (re.compile(r"show\s+views\b", re.I), "SHOW_VIEWS"),
    (re.compile(r"show\s+(databases|schemas)\b", re.I), "SHOW_DATABASES"),
    (re.compile(r"show\s+columns\b", re.I), "SHOW_COLUMNS"),
    (re.compile(r"show\s+create\b", re.I), "SHOW_CREATE_TABLE"),
    (re.compile(r"show\s+tblproperties\b", re.I), "SHOW_TBLPROPERTIES"),
    (re.compile(r"desc(ribe)?\b", re.I), "DESCRIBE_TABLE"),
)


@dataclass(frozen=True)
class Statement:
    """One statement; `text` has no final semicolon and its parameters filled in.

    `type` is DML, DDL or UTILITY; `subtype` SELECT, INSERT, UNLOAD, CREATE_TABLE_AS_SELECT, EXPLAIN, CREATE_VIEW, …
    """

    text: str
    type: str
    subtype: str


def read_statement(text: str, parameters: tuple[str, ...] = ()) -> Statement:
    """Classify a statement and check the syntax of a query.

    Raises:
        InvalidRequestError: empty, malformed, or more than one statement: StartQueryExecution refuses these at once.
    """
    words = words_of(text)
    semicolons = [word for word in words if word.type is TokenType.SEMICOLON]
    others = [word for word in words if word.type is not TokenType.SEMICOLON]
    if not others:
        raise InvalidRequestError("Query string is empty", "MALFORMED_QUERY")
    if semicolons and semicolons[0].start < others[-1].start:
        raise InvalidRequestError("Only one sql statement is allowed.", "MALFORMED_QUERY")
    text = text[: semicolons[0].start] if semicolons else text
    _check_parameters(parameters)
    statement = _classified(text)
    if statement.subtype == "SELECT":
        parse_query(text)
    managed = statement.subtype == "CREATE_TABLE" and not re.match(r"\s*create\s+external", text, re.I)
    if managed and "iceberg" not in text.lower():
        raise InvalidRequestError("External keyword required for table type HIVE", "MALFORMED_QUERY")
    return statement


def fill_parameters(text: str, parameters: tuple[str, ...]) -> str:
    """Put ExecutionParameters in the place of the question marks, in order. Raises QueryError on another number."""
    marks = [word for word in words_of(text) if word.type is TokenType.PLACEHOLDER]
    if len(marks) != len(parameters):
        raise QueryError(
            f"INVALID_PARAMETER_USAGE: line 1:1: Incorrect number of parameters: expected {len(marks)} "
            f"but found {len(parameters)}"
        )
    for mark, value in reversed(list(zip(marks, parameters, strict=True))):
        text = text[: mark.start] + value + text[mark.end :]
    return text


def _check_parameters(parameters: tuple[str, ...]) -> None:
    """A parameter is one expression without a query in it: a literal, a cast of one, a sign."""
    for value in parameters:
        try:
            parsed = sqlglot.parse_one(f"SELECT {value}", read="trino")
        except (ParseError, TokenError) as error:
            raise InvalidRequestError(f"Execution parameter '{value}' is malformed", "MALFORMED_QUERY") from error
        if not _is_one_expression(parsed):
            raise InvalidRequestError(f"Execution parameter '{value}' is not one expression", "MALFORMED_QUERY")


def _is_one_expression(parsed: exp.Expr) -> bool:
    given = {name for name, value in parsed.args.items() if value}
    if not isinstance(parsed, exp.Select) or given != {"expressions"} or len(parsed.selects) != 1:
        return False
    return not list(parsed.selects[0].find_all(exp.Query, exp.Star))


def _classified(text: str) -> Statement:
    stripped = _without_comments(text).strip()
    first = re.match(r"\(|\w+", stripped)
    word = first[0].lower() if first else ""
    if word in _QUERY_STARTS:
        return Statement(text, "DML", "SELECT")
    if word == "insert":
        return Statement(text, "DML", "INSERT")
    if word in ("unload", "delete", "update", "merge"):
        return Statement(text, "DML", word.upper())
    if _CTAS.match(stripped):
        return Statement(text, "DDL", "CREATE_TABLE_AS_SELECT")
    if word in _DDL_STARTS:
        subtype = next((name for pattern, name in _SUBSTATEMENTS if pattern.match(stripped)), word.upper())
        return Statement(text, "UTILITY" if word in ("show", "describe", "desc") else "DDL", subtype)
    if word in ("explain", "execute", "prepare", "deallocate", "use", "set", "call", "optimize", "vacuum", "analyze"):
        return Statement(text, "UTILITY", word.upper())
    message = f"line 1:1: mismatched input '{word}'. Expecting: 'SELECT', 'INSERT', 'CREATE', 'SHOW', …"
    raise InvalidRequestError(message, "MALFORMED_QUERY")


def _without_comments(text: str) -> str:
    return re.sub(r"\A(?:\s*(?:--[^\n]*(?:\n|\Z)|/\*.*?\*/))*", "", text, flags=re.S)
