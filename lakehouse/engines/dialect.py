"""Spark SQL in DuckDB's dialect: sqlglot, and what sqlglot lets through although the engines differ.

tests/sql/test_dialect.py runs every expression that is listed there on both engines.
"""

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lakehouse.errors import EngineError


def to_duckdb(sql: str, where: str) -> str:
    """Translate one SELECT. `where` names its file in errors.

    Raises:
        EngineError: it is not one SELECT that both engines understand.
    """
    try:
        statements = sqlglot.parse(sql, read="spark")
        if len(statements) != 1 or not isinstance(statements[0], exp.Query):
            raise EngineError(f"{where}: expected one SELECT, found {len(statements)} statements")
        translated = statements[0].transform(_as_duckdb_means_it)
        return translated.sql(dialect="duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)
    except SqlglotError as error:
        raise EngineError(f"{where}: cannot be said in DuckDB's SQL: {error}") from error


def _as_duckdb_means_it(node: exp.Expression) -> exp.Expression:
    return node
