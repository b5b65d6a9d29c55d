"""What ministack does anew for every request, done once.

*ministack*: reads the text of all policies of a caller, twice a request; copies DynamoDB's items by walking through
them; walks through all buckets of all accounts to find whose a bucket is, three times a request; answers each request
with the headers that a web page of another origin would need.
*AWS*: tells nobody how. S3 and the others send these headers only to browsers that name their origin.
*Here*: policies are read once for each text, items are copied as the plain values that they are, a bucket is first
looked for among the caller's, and the headers come only where a request has an `Origin`.
"""

import copy
import marshal
from functools import lru_cache
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id
from ministack.services import dynamodb, s3

_read_policy, _walk = iam_evaluator.parse_policy_document, s3._bucket_owner_account
_POLICIES = 4096
"""Texts that are remembered."""


def install() -> None:
    """Put the quick ways in the place of ministack's."""
    iam_evaluator.parse_policy_document = read_policy
    dynamodb.copy = _Copies()
    s3._bucket_owner_account = bucket_owner


def read_policy(document: Any) -> list[Any]:
    """The statements of a policy, as text or as JSON values."""
    return list(_known_policy(document)) if isinstance(document, str) else list(_read_policy(document))


def bucket_owner(name: str) -> str | None:
    """The account that has a bucket; names are unique among all accounts."""
    account: str = get_account_id()
    return account if (account, name) in s3._buckets._data else _walk(name)


@lru_cache(_POLICIES)
def _known_policy(text: str) -> tuple[Any, ...]:
    return tuple(_read_policy(text))


class _Copies:
    """The module `copy` as ministack's DynamoDB sees it."""

    @staticmethod
    def deepcopy(value: Any) -> Any:
        try:
            return marshal.loads(marshal.dumps(value))  # noqa: S302 (our own bytes)
        except ValueError:  # not only plain values
            return copy.deepcopy(value)

    def __getattr__(self, name: str) -> Any:
        return getattr(copy, name)
