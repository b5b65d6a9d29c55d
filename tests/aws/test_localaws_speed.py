"""What the embedded AWS does once instead of anew for every request changes no answer."""

import copy
import json
from collections import defaultdict
from typing import Any

import pytest

from localaws import EmbeddedAws

POLICY = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": ["*"]}})


@pytest.mark.parametrize(
    "document", [POLICY, json.loads(POLICY), "no policy", {}], ids=["text", "values", "no", "none"]
)
def test_a_policy_says_what_it_said(aws: EmbeddedAws, document: Any) -> None:
    from localaws import speed

    assert speed.read_policy(document) == speed._read_policy(document)
    speed.read_policy(document).clear()
    assert speed.read_policy(document) == speed._read_policy(document)


def test_items_are_copied_to_the_bottom(aws: EmbeddedAws) -> None:
    from ministack.services import dynamodb

    for item in ({"a": {"M": {"b": {"L": [{"S": "x"}, {"B": b"y"}]}}}}, defaultdict(dict, {"a": {"b": [1]}}), None):
        copied = dynamodb.copy.deepcopy(item)
        assert copied == item
        assert type(copied) is type(item)
        before = copy.deepcopy(item)
        _change(copied)
        assert item == before


def _change(value: Any) -> None:
    while isinstance(value, dict) and value:
        inner = next(iter(value.values()))
        value["changed"] = True
        value = inner


def test_a_bucket_is_found_whosever_it_is(aws: EmbeddedAws) -> None:
    from ministack.core.responses import request_scope
    from ministack.services import s3

    from localaws import emulator

    aws.client("s3").create_bucket(Bucket="whose-is-it")
    for caller in (emulator.ACCOUNT_ID, "999999999999"):
        with request_scope(caller, emulator.REGION):
            assert s3._bucket_owner_account("whose-is-it") == emulator.ACCOUNT_ID
            assert s3._bucket_owner_account("nobodys") is None


@pytest.mark.parametrize("origin", [None, "http://page.example"])
def test_only_a_browser_is_told_what_pages_may_do(aws: EmbeddedAws, origin: str | None) -> None:
    client = aws.session().client("dynamodb", endpoint_url=aws.endpoint_url)
    if origin:
        client.meta.events.register("before-send", lambda request, **_: request.headers.update(Origin=origin))
    answer = client.list_tables()
    told = [name for name in answer["ResponseMetadata"]["HTTPHeaders"] if name.startswith("access-control-")]
    assert bool(told) == bool(origin)
