"""A query in Athena's SQL becomes a query in DuckDB's, over the views of a session."""

import itertools
import re
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, OptimizeError, ParseError, UnsupportedError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema
from sqlglot.tokenizer_core import TokenType

from localaws.athena.catalog import CATALOG, Table
from localaws.athena.cursor import words_of
from localaws.athena.errors import InvalidRequestError, Position, QueryError, not_supported, semantic, start_of
from localaws.athena.functions import check_functions
from localaws.athena.rewrite import rewrite
from localaws.athena.session import Session
from localaws.athena.type_check import check_types
from localaws.athena.typing import annotate

_UNRESOLVED = re.compile(r"Column '(?:.*\.)?\"?([^'\"]+)\"?' could not be resolved")
_UNNAMED = "_unnamed_"
_SPELLING = "spelling"
"""Names are compared in lower case; the spelling of an alias is what a result shows."""
_START = Position(1, 1)


@dataclass(frozen=True)
class Translated:
    """DuckDB's SELECT and the column names that Athena shows."""

    sql: str
    columns: tuple[str, ...]


def parse_query(text: str) -> exp.Expr:
    """Parse one query. Raises InvalidRequestError for a text that does not parse, as StartQueryExecution does."""
    try:
        parsed = sqlglot.parse_one(_plain_decimals(text), read="trino")
    except ParseError as error:
        raise syntax_error(error) from error
    for kind in parsed.find_all(exp.DataType):
        if kind.this is exp.DType.DECIMAL and not kind.expressions:
            kind.set("expressions", exp.DataType.build("DECIMAL(38, 0)").expressions)
    return parsed


def _plain_decimals(text: str) -> str:
    """`DECIMAL '1.50'` as `(1.50)`, in place: sqlglot takes it for a cast to a decimal without a scale."""
    words = words_of(text)
    for word, value in itertools.pairwise(words):
        if word.text.lower() == "decimal" and value.type is TokenType.STRING:
            length = value.end - word.start
            text = text[: word.start] + f"({value.text})".ljust(length) + text[value.end :]
    return text


def syntax_error(error: ParseError) -> InvalidRequestError:
    """Athena's words for a parser's complaint."""
    first = error.errors[0] if error.errors else {}
    highlight = str(first.get("highlight") or "")
    column = max(1, int(first.get("col") or 1) - max(len(highlight) - 1, 0))
    at = Position(int(first.get("line") or 1), column)
    return InvalidRequestError(
        f"{at}: mismatched input '{highlight}'. {first.get('description', error)}", "MALFORMED_QUERY"
    )


def translate(text: str, database: str, session: Session) -> Translated:
    """Register the tables that a query names and translate it.

    Raises:
        QueryError: it names what does not exist, or means something that is not supported.
    """
    query = parse_query(text)
    if isinstance(query, exp.Values):
        query = sqlglot.parse_one(f"SELECT * FROM ({text}) AS _values", read="trino")
    if not isinstance(query, exp.Query):
        raise not_supported(f"statement {query.key.upper()}")
    check_functions(text, query)
    _mark_unnamed(query)
    schema = _register_tables(text, query, database, session)
    qualified = _qualify(text, query, schema)
    names = tuple(_column_name(index, item) for index, item in enumerate(qualified.selects))
    annotated = annotate(qualified, schema)
    check_types(text, annotated)
    try:
        sql = rewrite(annotated).sql(dialect="duckdb", unsupported_level=ErrorLevel.RAISE)
    except UnsupportedError as error:
        raise not_supported(str(error).split("\n", 1)[0]) from error
    return Translated(sql, names)


def _mark_unnamed(query: exp.Query) -> None:
    """Trino names a column without a name by its place, which is known after `*` is expanded."""
    for select in _first_selects(query):
        for index, item in enumerate(select.selects):
            if not isinstance(item, (exp.Alias, exp.Column, exp.Dot, exp.Star)):
                item.replace(exp.alias_(item.copy(), f"{_UNNAMED}{index}"))


def _first_selects(query: exp.Query) -> list[exp.Select]:
    """The SELECT whose names a result has: itself, or the first of a set operation."""
    while isinstance(query, (exp.SetOperation, exp.Subquery)):
        query = query.this
    return [query] if isinstance(query, exp.Select) else []


def _column_name(index: int, projection: exp.Expr) -> str:
    name = projection.alias_or_name
    if name.startswith(_UNNAMED):
        return f"_col{index}"
    alias = projection.args.get("alias")
    return str(alias.meta.get(_SPELLING, name)) if isinstance(alias, exp.Identifier) else name


def _register_tables(text: str, query: exp.Query, database: str, session: Session) -> MappingSchema:
    """Register what the query reads; give the schema of it by catalog, database, table and column."""
    schema = MappingSchema(dialect="duckdb", normalize=False)
    for identifier in query.find_all(exp.Identifier):
        identifier.meta[_SPELLING] = identifier.name
        identifier.set("this", identifier.name.lower())
    for scope in traverse_scope(query):
        for source in scope.sources.values():
            if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier):
                _register_table(text, source, database, session)
                columns = session.columns_of(source.db, source.name)
                schema.add_table(source, dict(columns), normalize=False)
    return schema


def _register_table(text: str, node: exp.Table, database: str, session: Session) -> None:
    at = start_of(text, node)
    if node.catalog and node.catalog != CATALOG:
        raise semantic("CATALOG_NOT_FOUND", at, f"Catalog '{node.catalog}' does not exist")
    if not node.db and not database:
        raise semantic("MISSING_SCHEMA_NAME", at, "Schema must be specified when session schema is not set")
    node.set("db", exp.to_identifier(node.db or database, quoted=True))
    node.set("catalog", exp.to_identifier(CATALOG, quoted=True))
    if session.is_registered(node.db, node.name):
        return
    table = session.catalog.table(node.db, node.name)
    if table is None:
        if not session.catalog.database_exists(node.db):
            raise semantic("SCHEMA_NOT_FOUND", at, f"Schema '{node.db}' does not exist")
        raise semantic("TABLE_NOT_FOUND", at, f"Table '{CATALOG}.{node.db}.{node.name}' does not exist")
    if table.format == "view":
        _register_view(table, session)
    else:
        session.register(table)


def _register_view(view: Table, session: Session) -> None:
    translated = translate(view.view_sql(), view.database, session)
    session.register_view(view.database, view.name, translated.sql)


def _qualify(text: str, query: exp.Query, schema: MappingSchema) -> exp.Query:
    columns = [(column.name, start_of(text, column)) for column in query.find_all(exp.Column)]
    try:
        qualified = qualify(query, schema=schema, dialect="trino", expand_alias_refs=False)
    except OptimizeError as error:
        raise _resolution_error(str(error), columns) from error
    for having in qualified.find_all(exp.Having):
        for column in having.find_all(exp.Column):
            if not column.table:
                raise _column_not_found(column.name, start_of(text, column))
    return qualified


def _resolution_error(message: str, columns: list[tuple[str, Position]]) -> QueryError:
    found = _UNRESOLVED.search(message)
    if not found:
        return semantic("SYNTAX_ERROR", _START, message.split("\n", 1)[0])
    at = next((position for name, position in columns if name == found[1].lower()), _START)
    return _column_not_found(found[1], at)


def _column_not_found(name: str, at: Position) -> QueryError:
    what = f"Column '{name}' cannot be resolved or requester is not authorized to access requested resources"
    return semantic("COLUMN_NOT_FOUND", at, what)
