"""A service assumes a role only for what the role's trust policy names: one resource of the account, one user."""

import json
from typing import Any

import pytest
from glue_job import make_role
from test_localaws_cloudformation import code
from test_localaws_lambdas import invoke

from localaws import EmbeddedAws

ACCOUNT = "000000000000"
GLUE = "arn:aws:glue:us-east-1:000000000000:"


def trust(service: str, **condition: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement | ({"Condition": condition} if condition else {})]}


OF_ONE_JOB = trust(
    "glue.amazonaws.com",
    StringEquals={"aws:SourceAccount": ACCOUNT},
    ArnLike={"aws:SourceArn": GLUE + "job/lake-one"},
)
OF_OTHER_ACCOUNT = trust("glue.amazonaws.com", StringEquals={"aws:SourceAccount": "111111111111"})
OF_USERS = trust("redshift.amazonaws.com", StringLike={"sts:ExternalId": "arn:aws:redshift:*:*:dbuser:lake/*"})


@pytest.mark.parametrize(
    ("document", "service", "source", "user", "expected"),
    [
        (OF_ONE_JOB, "glue.amazonaws.com", GLUE + "job/lake-one", None, True),
        (OF_ONE_JOB, "glue.amazonaws.com", GLUE + "job/lake-two", None, False),
        (OF_ONE_JOB, "glue.amazonaws.com", GLUE + "crawler/lake-one", None, False),
        (OF_ONE_JOB, "states.amazonaws.com", GLUE + "job/lake-one", None, False),
        (OF_ONE_JOB, "glue.amazonaws.com", None, "lake-one", False),
        (OF_OTHER_ACCOUNT, "glue.amazonaws.com", GLUE + "job/lake-one", None, False),
        (OF_USERS, "redshift.amazonaws.com", None, "arn:aws:redshift:r:a:dbuser:lake/me", True),
        (OF_USERS, "redshift.amazonaws.com", None, "arn:aws:redshift:r:a:dbuser:other/me", False),
        (trust("glue.amazonaws.com"), "glue.amazonaws.com", GLUE + "job/any", None, True),
        (json.dumps(OF_ONE_JOB), "glue.amazonaws.com", GLUE + "job/lake-one", None, True),
        (None, "glue.amazonaws.com", GLUE + "job/lake-one", None, False),
    ],
)
def test_a_trust_policy_is_judged_with_its_conditions(
    aws: EmbeddedAws, document: Any, service: str, source: str | None, user: str | None, expected: bool
) -> None:
    from localaws import roles

    assert roles.trusts(document, service, source, user) is expected


def test_a_denial_in_a_trust_policy_counts(aws: EmbeddedAws) -> None:
    from localaws import roles

    allowed = trust("glue.amazonaws.com")["Statement"][0]
    document = {"Statement": [allowed, {**allowed, "Effect": "Deny"}]}
    assert roles.trusts(document, "glue.amazonaws.com", GLUE + "job/any") is False


def test_the_refusal_says_for_whom(aws: EmbeddedAws) -> None:
    from localaws import roles

    aws.client("iam").create_role(RoleName="of-one-job", AssumeRolePolicyDocument=json.dumps(OF_ONE_JOB))
    with pytest.raises(roles.RoleError, match=r"does not trust glue.amazonaws.com on behalf of .*:job/lake-two"):
        roles.assume("of-one-job", "glue.amazonaws.com", "test", GLUE + "job/lake-two")
    assert roles.assume("of-one-job", "glue.amazonaws.com", "test", GLUE + "job/lake-one").arn.endswith(
        "of-one-job/test"
    )


def test_a_function_whose_role_is_for_another_function_does_not_run(aws: EmbeddedAws) -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:function:"
    for name, of in (("trusted", "trusted"), ("mistrusted", "trusted")):
        condition = {"StringEquals": {"aws:SourceAccount": ACCOUNT}, "ArnLike": {"aws:SourceArn": arn + of}}
        role = make_role(aws, f"{name}-role", trust=trust("lambda.amazonaws.com", **condition))
        aws.client("lambda").create_function(
            FunctionName=name,
            Role=role,
            Runtime="python3.11",
            Handler="f.handler",
            Code={"ZipFile": code("def handler(event, context): return 1")},
        )
    assert invoke(aws, "trusted") == {"error": None, "payload": 1}
    refused = invoke(aws, "mistrusted")
    assert refused["error"] == "Unhandled"
    assert "cannot be assumed by Lambda" in refused["payload"]["errorMessage"]
