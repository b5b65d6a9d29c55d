"""Redshift's MERGE, which allows less than PostgreSQL's: what it would refuse is refused here.

https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html
"""

from sqlglot import exp

from localaws.redshift.errors import StatementError, failed, unsupported


def check_merge(statement: exp.Merge) -> None:
    """Hold a MERGE against Redshift's syntax.

    Raises:
        StatementError: it would be refused there.
    """
    target, source = statement.this, statement.args["using"]
    if not isinstance(target, exp.Table) or target.alias:
        raise _syntax("the target of MERGE is a table without an alias")
    if not isinstance(source, exp.Table):
        raise _syntax("the source of MERGE is a table, neither a subquery nor a view")
    if source.name == target.name:
        raise failed("The source table and the target table of MERGE cannot be the same")
    if statement.args.get("returning"):
        raise _syntax("MERGE has no RETURNING")
    actions = statement.args["whens"].expressions
    if [bool(action.args.get("matched")) for action in actions] != [True, False]:
        raise _syntax("MERGE has one WHEN MATCHED, then one WHEN NOT MATCHED")
    if any(action.args.get("condition") or action.args.get("source") for action in actions):
        raise _syntax("WHEN [NOT] MATCHED of MERGE takes no further condition")
    matched, missing = (action.args["then"] for action in actions)
    if not isinstance(matched, exp.Update) and str(matched.sql()).upper() != "DELETE":
        raise _syntax("WHEN MATCHED is followed by UPDATE SET or DELETE")
    if not isinstance(missing, exp.Insert):
        raise _syntax("WHEN NOT MATCHED is followed by INSERT")
    if not isinstance(missing.this, exp.Tuple):
        raise unsupported("MERGE with an INSERT that does not name its columns")
    if isinstance(matched, exp.Update):
        for assignment in matched.expressions:
            if assignment.this.args.get("table"):
                raise _syntax("a column that MERGE sets is named without its table")


def _syntax(rule: str) -> StatementError:
    return failed(f"syntax error in MERGE: {rule}")
