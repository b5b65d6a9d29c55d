"""Who may put events of which source: the condition key `events:source` of PutEvents.

*ministack*: knows no such key, so a policy that asks for a source refuses every event. *AWS*: each entry's `Source` is
the key's value. *Here*: the same for a request whose entries have one source; one with several is nobody's, so a policy
that asks for a source refuses it. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
"""

import json
from typing import Any

from ministack.core import iam_actions

KEY = "events:source"
_NO_ONES_SOURCE = "several sources"


def install() -> None:
    """Hook into what ministack tells policies of a request, once."""
    context_of = iam_actions.request_tag_context

    def with_source(service: str, action: str, body: bytes, params: Any) -> dict[str, Any]:
        found: dict[str, Any] = context_of(service, action, body, params)
        source = source_of(body) if action == "events:PutEvents" else None
        return {**found, KEY: source} if source else found

    iam_actions.request_tag_context = with_source


def source_of(body: bytes) -> str | None:
    """The source of a request's entries; one that nobody has where they differ, None where they have none."""
    try:
        entries = json.loads(body or b"{}").get("Entries")
    except (ValueError, AttributeError):
        return None  # not a request that the service takes: it says why itself
    named = {str(entry.get("Source")) for entry in entries or [] if isinstance(entry, dict)}
    if len(named) > 1:
        return _NO_ONES_SOURCE
    return next(iter(named), None)
