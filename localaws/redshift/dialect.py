"""Redshift's SQL as PostgreSQL's: parsed by sqlglot, held against what Redshift has, written for PostgreSQL.

What is not known here fails with a reason. Nothing is ignored but what says only how data are stored.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.dialects.redshift import Redshift
from sqlglot.errors import SqlglotError, TokenError
from sqlglot.tokenizer_core import TokenType

from localaws.redshift.copy_command import CopyCommand, read_copy
from localaws.redshift.ddl import column_type, create_table
from localaws.redshift.errors import StatementError, failed, unsupported
from localaws.redshift.merge import check_merge

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it tells of every statement that it only passes on

_QUERIES = (exp.Select, exp.SetOperation)
_CHANGES = (exp.Insert, exp.Update, exp.Delete)
_CREATED = ("TABLE", "VIEW", "SCHEMA")
_NOT_REDSHIFT = (exp.OnConflict, exp.Returning, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Lateral, exp.Array)
_POSTGRES_ONLY = ("pg_", "lo_", "dblink", "generate_subscripts", "jsonb_", "set_config", "query_to_xml")
"""Functions of PostgreSQL that Redshift does not have. (`pg_sleep` and `pg_read_file` are not there, for two.)"""
_LOCK = re.compile(r"\s*lock\s+(?:table\s+)?(\w+(?:\.\w+)?(?:\s*,\s*\w+(?:\.\w+)?)*)\s*;?\s*", re.IGNORECASE)
_NOW = "date_trunc('second', statement_timestamp() at time zone 'UTC')"
_TRANSACTION_START = "transaction_timestamp() at time zone 'UTC'"


@dataclass(frozen=True)
class PostgresSql:
    """A statement for PostgreSQL. `makes_table`: two at once must not meet in the catalog."""

    text: str
    makes_table: bool = False


def translate(text: str, parameters: Mapping[str, str]) -> PostgresSql | CopyCommand:
    """One statement of Redshift; `:name` takes the text of its parameter.

    Raises:
        StatementError: it does not parse, is more than one, or is not supported.
    """
    first = text.split(maxsplit=1)[0].upper() if text.strip() else ""
    if first == "COPY":
        return read_copy(text)
    if first == "LOCK":
        return _lock(text)
    parsed = [one for one in _parse(_without_column_placement(text)) if one is not None]
    if len(parsed) != 1:
        raise failed("one statement is expected here: send several as a batch")
    return _translate(parsed[0], parameters)


def parameter_names(text: str) -> set[str]:
    """Names of the `:name` in a statement; none in one that does not parse."""
    try:
        parsed = [one for one in _parse(_without_column_placement(text)) if one is not None]
    except StatementError:
        return set()
    return {one.name for statement in parsed for one in statement.find_all(exp.Placeholder)}


def _translate(statement: exp.Expr, parameters: Mapping[str, str]) -> PostgresSql:
    _check(statement)
    for node in list(statement.find_all(exp.Identifier)):
        node.set("this", str(node.this).lower())  # quoted or not, as Redshift does by default
        node.set("quoted", True)
    is_table = isinstance(statement, exp.Create) and statement.args.get("kind") == "TABLE"
    if isinstance(statement, exp.Create) and is_table:
        create_table(statement)
    changed = statement.transform(lambda node: _rewrite(node, parameters))
    temporary = bool(statement.find(exp.TemporaryProperty))
    return PostgresSql(changed.sql("postgres", comments=False), makes_table=is_table and not temporary)


def _check(statement: exp.Expr) -> None:
    kind = statement.args.get("kind")
    known = (
        isinstance(statement, _QUERIES + _CHANGES + (exp.TruncateTable, exp.Merge))
        or (isinstance(statement, exp.Create | exp.Drop) and kind in _CREATED)
        or (isinstance(statement, exp.Alter) and kind == "TABLE")
    )
    if not known:
        name = str(statement.this).upper() if isinstance(statement, exp.Command) else statement.key.upper()
        raise unsupported(f"Statement {name} {kind if isinstance(kind, str) else ''}".strip())
    for node in statement.find_all(*_NOT_REDSHIFT):
        raise failed(f"syntax error: Redshift has no {node.key.upper()}")
    for function in statement.find_all(exp.Anonymous):
        if function.name.lower().startswith(_POSTGRES_ONLY):
            raise failed(f"function {function.name.lower()} does not exist in Redshift")
    if statement.find(exp.DateDiff, exp.TsOrDsDiff):
        raise unsupported("DATEDIFF, which counts boundaries,")
    if isinstance(statement, exp.Select) and statement.args.get("locks"):
        raise failed("SELECT FOR UPDATE is not supported by Redshift")
    if isinstance(statement, exp.Merge):
        check_merge(statement)


def _rewrite(node: exp.Expr, parameters: Mapping[str, str]) -> exp.Expr:
    if isinstance(node, exp.Placeholder) and node.name:
        if node.name not in parameters:
            raise failed(f"there is no parameter :{node.name}")
        return exp.Literal.string(parameters[node.name])
    if isinstance(node, exp.CurrentTimestamp):
        return sqlglot.parse_one(_TRANSACTION_START if node.args.get("sysdate") else _NOW, read="postgres")
    if isinstance(node, exp.Cast) and isinstance(node.to, exp.DataType):
        node.set("to", column_type(node.to))
    return node


def _lock(text: str) -> PostgresSql:
    """`LOCK [TABLE] name [, …]`, which is exclusive in Redshift."""
    match = _LOCK.fullmatch(text)
    if match is None:
        raise failed(f"syntax error in {text.strip()[:80]}")
    return PostgresSql(f"LOCK TABLE {match[1].lower()} IN ACCESS EXCLUSIVE MODE")


def _parse(text: str) -> Sequence[exp.Expr | None]:
    try:
        return sqlglot.parse(text, read="redshift")
    except SqlglotError as error:
        reason = str(error).split("\n", 1)[0]
        raise failed(f"syntax error: {reason}") from error


def _without_column_placement(text: str) -> str:
    """DISTKEY and SORTKEY as attributes of one column, which sqlglot does not read, become blanks."""
    if "key" not in text.lower():
        return text
    try:
        tokens = Redshift().tokenize(text)
    except TokenError as error:
        raise failed(f"syntax error: {error}") from error
    depth, found = 0, list(text)
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
        ends = following is not None and following.token_type is TokenType.L_PAREN
        if depth and token.text.upper() in ("DISTKEY", "SORTKEY") and token.token_type is TokenType.VAR and not ends:
            found[token.start : token.end + 1] = " " * (token.end + 1 - token.start)
    return "".join(found)
