"""Path patterns of a contract: `users/{batch}/{file}.{ext}` below `bronze/<pipeline>/`."""

import re
from functools import cache

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
EXTENSIONS = ("json", "ndjson", "jsonl", "csv")
EXTENSION = rf"(?:{'|'.join(EXTENSIONS)})(?:\.gz)?"


def placeholders(pattern: str) -> tuple[str, ...]:
    """Names of the placeholders, in order.

    Raises:
        ValueError: a brace that belongs to no placeholder, a placeholder twice, or an absolute or empty path segment.
    """
    rest = PLACEHOLDER.sub("", pattern)
    if "{" in rest or "}" in rest:
        raise ValueError(f"found {pattern!r}, expected placeholders such as {{batch}} (lower-case letters, digits, _)")
    names = PLACEHOLDER.findall(pattern)
    if len(set(names)) != len(names):
        raise ValueError(f"found {pattern!r}, expected every placeholder once")
    if "" in pattern.split("/"):
        raise ValueError(f"found {pattern!r}, expected no leading, trailing or double slash")
    return tuple(names)


@cache
def path_regex(pattern: str) -> re.Pattern[str]:
    """A regular expression for the key below `bronze/<pipeline>/`: a placeholder is one or more characters but `/`."""
    parts = PLACEHOLDER.split(pattern)
    regex = "".join(_group(part) if index % 2 else re.escape(part) for index, part in enumerate(parts))
    return re.compile(regex, re.DOTALL)


def _group(name: str) -> str:
    return f"(?P<{name}>{EXTENSION if name == 'ext' else '[^/]+'})"
