"""What Trino refuses and DuckDB converts: text compared with a number, a date added to text."""

from collections.abc import Iterator

from sqlglot import exp

from localaws.athena.errors import semantic, start_of
from localaws.athena.typing import FLOATING, INSTANTS, INTEGERS, TIMESTAMPS, kind_of

_SIMPLE = (exp.Column, exp.Literal, exp.Cast, exp.Paren, exp.Neg)
_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
}
_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}


def check_types(text: str, query: exp.Expr) -> None:
    """Raise TYPE_MISMATCH. Only columns, literals and casts are judged: their types are certain."""
    for left, operator, right in _operations(query):
        if not (isinstance(left, _SIMPLE) and isinstance(right, _SIMPLE)):
            continue
        families = {_family(left), _family(right)}
        if "unknown" in families or not _refused(operator, families):
            continue
        at = start_of(text, left, right)
        if operator == "||":
            what = f"Unexpected parameters ({_type_name(left)}, {_type_name(right)}) for function concat"
        else:
            what = f"Cannot apply operator: {_type_name(left)} {operator} {_type_name(right)}"
        raise semantic("TYPE_MISMATCH", at, what)


def _refused(operator: str, families: set[str]) -> bool:
    if operator == "||":
        return "text" in families and len(families) > 1
    if operator in _ARITHMETIC.values():
        return "text" in families
    return len(families) > 1


def _operations(query: exp.Expr) -> Iterator[tuple[exp.Expr, str, exp.Expr]]:
    symbols = _COMPARISONS | _ARITHMETIC | {exp.DPipe: "||"}
    for node in query.find_all(*symbols, exp.Between, exp.In):
        if isinstance(node, exp.Between):
            yield node.this, "<=", node.args["low"]
            yield node.this, ">=", node.args["high"]
        elif isinstance(node, exp.In):
            for item in node.expressions:
                yield node.this, "=", item
        else:
            yield node.this, symbols[type(node)], node.expression


def _family(side: exp.Expr) -> str:
    kind = kind_of(side)
    if kind in INTEGERS | FLOATING | {exp.DType.DECIMAL}:
        return "number"
    if kind in (exp.DType.VARCHAR, exp.DType.TEXT, exp.DType.CHAR):
        return "text"
    if kind in TIMESTAMPS | INSTANTS | {exp.DType.DATE}:
        return "time"
    return "boolean" if kind is exp.DType.BOOLEAN else "unknown"


def _type_name(side: exp.Expr) -> str:
    if isinstance(side, exp.Literal) and side.is_string:
        return f"varchar({len(side.name)})"
    names = {exp.DType.INT: "integer", exp.DType.TEXT: "varchar", exp.DType.TIMESTAMPNTZ: "timestamp(3)"}
    return names.get(kind_of(side), side.type.sql(dialect="trino").lower() if side.type else "unknown")
