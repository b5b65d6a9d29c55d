"""What callers' policies were asked, for the proof that they grant just that.

Every judgement passes through one function of ministack's: of requests, and of what a service does with a caller's or a
role's permissions (tasks, queries, COPY, event source mappings, dead letters). While a record is kept it notes each of
them once: who, action, resource, the condition keys that could matter, and the answer. A resource's own policy is
another question and not noted.
"""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias

from ministack.core import iam_evaluator

Value: TypeAlias = str | tuple[str, ...] | None
"""Of a condition key; None: the request has no such key."""
_VARIABLE = re.compile(r"\$\{(aws:[^}]+)\}")


@dataclass(frozen=True)
class Judgement:
    """One question to a caller's policies."""

    who: str
    """`role/<name>` or `user/<name>`."""
    action: str
    resource: str
    keys: tuple[tuple[str, Value], ...]
    """Condition keys, in small letters, that a statement about the action names; sorted."""
    allowed: bool


Record: TypeAlias = Counter[Judgement]
"""How often each question was asked."""

_records: list[Record] = []
_of_a_resource: ContextVar[bool] = ContextVar("lakegate_resource_policy", default=False)


def install() -> None:
    """Hook into ministack's evaluator, once. Costs nothing while no record is kept."""
    evaluate, of_a_resource = iam_evaluator.evaluate, iam_evaluator.evaluate_resource_policy

    def evaluate_and_note(context: Any, policies: Any, *limits: Any) -> Any:
        result = evaluate(context, policies, *limits)
        if _records and not _of_a_resource.get():
            judgement = _judgement(context, [*policies, *(one for limit in limits for one in limit)], result)
            for record in list(_records):
                record[judgement] += 1
        return result

    def evaluate_resource_policy(*arguments: Any, **options: Any) -> Any:
        token = _of_a_resource.set(True)
        try:
            return of_a_resource(*arguments, **options)
        finally:
            _of_a_resource.reset(token)

    iam_evaluator.evaluate = evaluate_and_note
    iam_evaluator.evaluate_resource_policy = evaluate_resource_policy


@contextmanager
def recorded() -> Iterator[Record]:
    """Every judgement of this process's embedded AWS while it is open, by whomever it was caused."""
    record: Record = Counter()
    _records.append(record)
    try:
        yield record
    finally:
        _records[:] = [one for one in _records if one is not record]


def _judgement(context: Any, policies: list[Any], result: Any) -> Judgement:
    named = {key for statements in policies for one in statements for key in _keys(one, context.action)}
    keys = tuple((key, _value(iam_evaluator._resolve_condition_key(key, context))) for key in sorted(named))
    return Judgement(
        _who(context.principal_arn), context.action, context.resource_arn, keys, result.decision == "Allow"
    )


def _keys(statement: Any, action: str) -> set[str]:
    """The condition keys of a statement about an action, those of its variables included."""
    if not iam_evaluator._action_matches(action, statement.actions, statement.not_actions):
        return set()
    blocks = [block for block in statement.conditions.values() if isinstance(block, dict)]
    return {key.lower() for block in blocks for key in block} | set(_VARIABLE.findall(str(blocks)))


def _who(arn: str) -> str:
    """`role/<name>` of an assumed role's session, else what the ARN ends in."""
    kind, _, rest = arn.split(":", 5)[-1].partition("/")
    return f"role/{rest.partition('/')[0]}" if kind == "assumed-role" else f"{kind}/{rest}"


def _value(found: Any) -> Value:
    if found is None:
        return None
    return tuple(str(one) for one in found) if isinstance(found, list | tuple) else str(found)
