"""Small pieces of DuckDB's syntax tree."""

from sqlglot import exp


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def text(value: str) -> exp.Expr:
    return exp.Literal.string(value)


def cast(expression: exp.Expr, kind: str) -> exp.Expr:
    return exp.Cast(this=expression, to=exp.DataType.build(kind, dialect="duckdb"))


def decimal_cast(expression: exp.Expr, size: tuple[int, int]) -> exp.Expr:
    return cast(expression, f"DECIMAL({size[0]}, {size[1]})")
