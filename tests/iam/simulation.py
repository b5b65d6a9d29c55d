"""IAM's policy simulation, as far as the lake's policies go: our own, so that the emulator is not its own witness.

Explicit Deny before Allow before nothing; wildcards `*` and `?`, actions in any case and resources in theirs; the
conditions that iam/ uses. Anything else in a policy raises, it is never passed over.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

Value = str | Sequence[str] | None
_FOR_ALL = "ForAllValues:"
_KNOWN = {"Sid", "Effect", "Action", "Resource", "Condition"}
_VARIABLE = re.compile(r"\$\{(aws:[^}]+)\}")


@dataclass(frozen=True)
class Request:
    """What is asked of a policy. `keys`: condition keys in small letters; None and a missing one are the same."""

    action: str
    resource: str
    keys: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Statement:
    """One statement of a policy. Condition: operator → key → values."""

    sid: str
    allow: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Operator, key in small letters, values."""

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Statement":
        """Raises ValueError for what the simulation does not know."""
        if unknown := found.keys() - _KNOWN:
            raise ValueError(f"Statement {found.get('Sid')}: the simulation knows no {sorted(unknown)}")
        blocks = found.get("Condition", {})
        for operator in blocks:
            if operator.removeprefix(_FOR_ALL) not in _OPERATORS:
                raise ValueError(f"Statement {found.get('Sid')}: the simulation knows no {operator}")
        return cls(
            found["Sid"],
            {"Allow": True, "Deny": False}[found["Effect"]],
            listed(found["Action"]),
            listed(found["Resource"]),
            tuple((how, key.lower(), listed(texts)) for how, block in blocks.items() for key, texts in block.items()),
        )


def listed(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def statements_of(document: Mapping[str, Any]) -> tuple[Statement, ...]:
    """The statements of a policy document."""
    return tuple(Statement.of(one) for one in document["Statement"])


def allows(statements: Iterable[Statement], request: Request) -> bool:
    """Whether policies with these statements, and no others, allow a request."""
    found = [one.allow for one in statements if applies(one, request)]
    return bool(found) and all(found)


def applies(statement: Statement, request: Request) -> bool:
    """Whether a statement is about a request."""
    return (
        any(matches(pattern.lower(), request.action.lower()) for pattern in statement.actions)
        and any(matches(pattern, request.resource) for pattern in statement.resources)
        and all(_holds(how, request.keys.get(key), texts, request) for how, key, texts in statement.conditions)
    )


def matches(pattern: str, text: str) -> bool:
    """IAM's wildcards: `*` any characters, `?` one."""
    return pattern in ("*", text) or _compiled(pattern).fullmatch(text) is not None


def may_be_same(one: str, other: str) -> bool:
    """Whether some ARN fits both of two patterns of ARNs, whose wildcards do not cross the first five colons."""
    return all(_overlap(*pair) for pair in zip(one.split(":", 5), other.split(":", 5), strict=False))


@lru_cache(maxsize=100_000)
def _overlap(one: str, other: str) -> bool:
    """Whether some text fits both of two patterns."""
    if not one or not other:
        return not (one + other).strip("*")
    if "*" in (one[0], other[0]):
        wild, tame = (one, other) if one[0] == "*" else (other, one)
        return _overlap(wild[1:], tame) or _overlap(wild, tame[1:])
    return (one[0] == other[0] or "?" in (one[0], other[0])) and _overlap(one[1:], other[1:])


@lru_cache(maxsize=10_000)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = (".*" if one == "*" else "." if one == "?" else re.escape(one) for one in pattern)
    return re.compile("".join(parts), re.DOTALL)


def _holds(how: str, actual: Value, texts: Sequence[str], request: Request) -> bool:
    """A condition: one of its values fits one of the request's, or (ForAllValues) each of them, of which there may be
    none. Without the key no other condition holds, but for `Null`."""
    if how == "Null":
        return (actual is None) == (texts == ("true",))
    if actual is None:
        return how.startswith(_FOR_ALL)
    wanted = [_VARIABLE.sub(lambda found: str(request.keys.get(found[1])), text) for text in texts]
    fits, of_values = _OPERATORS[how.removeprefix(_FOR_ALL)], all if how.startswith(_FOR_ALL) else any
    return of_values(any(fits(text, value) for text in wanted) for value in listed(actual))


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda text, value: text == value,
    "StringLike": matches,
    "ArnEquals": matches,
    "ArnLike": matches,
    "Bool": lambda text, value: text.lower() == value.lower(),
    "Null": lambda text, value: False,
}
