"""Redshift's CREATE TABLE as PostgreSQL's.

Keys (PRIMARY KEY, UNIQUE, FOREIGN KEY) inform Redshift's planner and are never enforced: they are dropped, the NOT NULL
of a primary key stays. Where rows lie and how they are packed (DISTSTYLE, DISTKEY, SORTKEY, ENCODE, BACKUP) is dropped.
A length of a VARCHAR counts bytes, so it becomes a check. https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
"""

from sqlglot import exp

from localaws.redshift.errors import failed, unsupported

MAX_BYTES = 65535
_PLACEMENT = (exp.DistStyleProperty, exp.DistKeyProperty, exp.SortKeyProperty, exp.BackupProperty)
_KEPT_PROPERTIES = (exp.TemporaryProperty, exp.LikeProperty)
_KEYS = (exp.PrimaryKey, exp.UniqueColumnConstraint, exp.ForeignKey, exp.Constraint)
_DROPPED_CONSTRAINTS = (exp.EncodeColumnConstraint, exp.UniqueColumnConstraint, exp.Reference)
_KEPT_CONSTRAINTS = (exp.NotNullColumnConstraint, exp.DefaultColumnConstraint)
_LENGTHS = {exp.DType.VARCHAR: 256, exp.DType.TEXT: 256, exp.DType.NVARCHAR: 256, exp.DType.BPCHAR: 256}
_TYPES = {
    exp.DType.SMALLINT,
    exp.DType.INT,
    exp.DType.BIGINT,
    exp.DType.DECIMAL,
    exp.DType.FLOAT,
    exp.DType.DOUBLE,
    exp.DType.BOOLEAN,
    exp.DType.DATE,
    exp.DType.TIME,
    exp.DType.TIMETZ,
    exp.DType.TIMESTAMP,
    exp.DType.TIMESTAMPTZ,
    exp.DType.CHAR,
    exp.DType.NCHAR,
    *_LENGTHS,
}


def create_table(statement: exp.Create) -> exp.Create:
    """The same table for PostgreSQL. Changes what it is given.

    Raises:
        StatementError: a type, property or constraint that is not supported.
    """
    properties = statement.args.get("properties")
    if properties:
        properties.set("expressions", [one for one in map(_property, properties.expressions) if one is not None])
        if not properties.expressions:
            statement.set("properties", None)
    schema = statement.this
    if isinstance(schema, exp.Schema):
        required = _primary_key(schema)
        parts = [part for part in schema.expressions if not isinstance(part, _KEYS)]
        schema.set("expressions", [_part(part, required) for part in parts])
    return statement


def column_type(kind: exp.DataType) -> exp.DataType:
    """A column's or a cast's type with Redshift's defaults. Raises StatementError for one that is not supported."""
    name = kind.this
    if name not in _TYPES:
        raise unsupported(f"Type {kind.sql('redshift')}")
    if name in _LENGTHS:
        return _varchar(_length(kind))
    if name == exp.DType.DECIMAL and not kind.expressions:
        return exp.DataType.build("decimal(18, 0)", dialect="postgres")
    return kind


def _property(one: exp.Expr) -> exp.Expr | None:
    if isinstance(one, _PLACEMENT):
        return None
    if isinstance(one, exp.LikeProperty):
        kept = [option for option in one.expressions if str(option.this).upper() == "INCLUDING"]
        one.set("expressions", [*kept, exp.Property(this="INCLUDING", value=exp.var("CONSTRAINTS"))])
    if isinstance(one, _KEPT_PROPERTIES):
        return one
    raise unsupported(f"CREATE TABLE with {one.sql('redshift')}")


def _primary_key(schema: exp.Schema) -> set[str]:
    """Names of the table constraint's columns."""
    found = (part for part in schema.find_all(exp.PrimaryKey))
    return {name.name for key in found for name in key.expressions}


def _part(part: exp.Expr, required: set[str]) -> exp.Expr:
    if isinstance(part, exp.LikeProperty):
        return _property(part) or part
    if not isinstance(part, exp.ColumnDef) or part.args.get("kind") is None:
        raise unsupported(f"CREATE TABLE with {part.sql('redshift')}")
    given = part.args["kind"]
    part.set("kind", column_type(given))
    constraints: list[exp.Expr] = []
    for constraint in part.args.get("constraints") or ():
        constraints += _constraint(constraint)
    if part.name in required and not any(one.find(exp.NotNullColumnConstraint) for one in constraints):
        constraints.append(exp.ColumnConstraint(kind=exp.NotNullColumnConstraint()))
    if given.this in _LENGTHS:
        constraints.append(_byte_limit(part.this, _length(given)))
    part.set("constraints", constraints)
    return part


def _constraint(constraint: exp.Expr) -> list[exp.Expr]:
    kind = constraint.args.get("kind", constraint)
    if isinstance(kind, _DROPPED_CONSTRAINTS):
        return []
    if isinstance(kind, exp.PrimaryKeyColumnConstraint):
        return [exp.ColumnConstraint(kind=exp.NotNullColumnConstraint())]
    if isinstance(kind, exp.GeneratedAsIdentityColumnConstraint):
        kind.set("this", True)  # a value may not be given
        return [constraint]
    if isinstance(kind, _KEPT_CONSTRAINTS):
        return [constraint]
    raise unsupported(f"Constraint {constraint.sql('redshift')}")


def _byte_limit(column: exp.Expr, length: int) -> exp.Expr:
    """Named after the limit, so that a refusal can be told in Redshift's words."""
    check = exp.CheckColumnConstraint(
        this=exp.LTE(this=exp.Anonymous(this="octet_length", expressions=[column.copy()]), expression=_number(length))
    )
    return exp.ColumnConstraint(this=exp.to_identifier(f"bytes_{length}_{column.name}"[:63]), kind=check)


def _length(kind: exp.DataType) -> int:
    if not kind.expressions or kind.this == exp.DType.TEXT:
        return _LENGTHS[kind.this]
    given = kind.expressions[0].name.upper()
    length = MAX_BYTES if given == "MAX" else int(given)
    if not 1 <= length <= MAX_BYTES:
        raise failed(f"length for type varchar cannot exceed {MAX_BYTES}")
    return length


def _varchar(length: int) -> exp.DataType:
    return exp.DataType.build(f"varchar({length})", dialect="postgres")


def _number(value: int) -> exp.Expr:
    return exp.Literal.number(value)
