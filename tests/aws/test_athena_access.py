"""Athena reads catalog and data, and writes results, with the permissions of the one who asks."""

import json
from typing import Any

import pytest
from athena_client import Athena, fresh
from botocore.exceptions import ClientError

from localaws import EmbeddedAws


@pytest.fixture(scope="module")
def athena(aws: EmbeddedAws) -> Athena:
    made = fresh(aws)
    made.rows(f"CREATE TABLE t WITH (external_location = 's3://{made.bucket}/gold/t/') AS SELECT 1 AS n")
    made.make_table("parts", {"n": "int"}, "gold/t/", partition_keys={"p": "string"})
    made.add_partition("parts", ["x"], "gold/t/")
    return made


def statements(athena: Athena) -> dict[str, dict[str, Any]]:
    """All that the operator needs to query table t, by name."""
    bucket, glue = f"arn:aws:s3:::{athena.bucket}", "arn:aws:glue:us-east-1:000000000000"
    catalog = [f"{glue}:catalog", f"{glue}:database/{athena.database}", f"{glue}:table/{athena.database}/*"]
    return {
        "athena": {"Action": "athena:*", "Resource": "*"},
        "bucket": {"Action": "s3:GetBucketLocation", "Resource": bucket},
        "list": {
            "Action": "s3:ListBucket",
            "Resource": bucket,
            "Condition": {"StringLike": {"s3:prefix": ["gold/*", "athena-results/*"]}},
        },
        "read": {"Action": "s3:GetObject", "Resource": f"{bucket}/gold/*"},
        "results": {"Action": "s3:GetObject", "Resource": f"{bucket}/athena-results/*"},
        "write": {"Action": "s3:PutObject", "Resource": f"{bucket}/athena-results/*"},
        "table": {"Action": ["glue:GetTable", "glue:GetDatabase"], "Resource": catalog},
        "partitions": {"Action": "glue:GetPartitions", "Resource": catalog},
    }


def operator_with(aws: EmbeddedAws, athena: Athena, *without: str) -> Athena:
    granted = [{"Effect": "Allow", **item} for name, item in statements(athena).items() if name not in without]
    document = json.dumps({"Version": "2012-10-17", "Statement": granted})
    aws.client("iam").put_user_policy(UserName="operator", PolicyName="athena-test", PolicyDocument=document)
    return Athena(aws, athena.bucket, athena.database, user="operator")


@pytest.fixture(autouse=True)
def clean_operator(aws: EmbeddedAws) -> Any:
    yield
    aws.client("iam").delete_user_policy(UserName="operator", PolicyName="athena-test")


def test_operator_with_exactly_these_permissions_can_query(aws: EmbeddedAws, athena: Athena) -> None:
    operator = operator_with(aws, athena)
    assert operator.rows("SELECT n FROM t") == [["1"]]
    assert operator.rows("SELECT n, p FROM parts") == [["1", "x"]]


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        (
            "read",
            "PERMISSION_DENIED: Access Denied. User: {user} is not authorized to perform: s3:GetObject on resource: "
            "arn:aws:s3:::{bucket}/gold/t/",
        ),
        (
            "list",
            "PERMISSION_DENIED: Access Denied. User: {user} is not authorized to perform: s3:ListBucket on "
            "resource: arn:aws:s3:::{bucket}",
        ),
        (
            "table",
            "Insufficient permissions to execute the query. User: {user} is not authorized to perform: "
            "glue:GetTable on resource: arn:aws:glue:us-east-1:000000000000:catalog",
        ),
        ("write", "Access denied when writing output to url: s3://{bucket}/athena-results/"),
    ],
)
def test_query_fails_without_one_permission(aws: EmbeddedAws, athena: Athena, missing: str, reason: str) -> None:
    operator = operator_with(aws, athena, missing)
    expected = reason.format(user="arn:aws:iam::000000000000:user/operator", bucket=athena.bucket)
    assert operator.reason("SELECT n FROM t").startswith(expected)


def test_partitions_need_their_own_permission(aws: EmbeddedAws, athena: Athena) -> None:
    operator = operator_with(aws, athena, "partitions")
    assert "glue:GetPartitions" in operator.reason("SELECT n FROM parts")
    assert operator.rows("SELECT n FROM t") == [["1"]]


def test_output_bucket_must_be_visible_before_a_query_starts(aws: EmbeddedAws, athena: Athena) -> None:
    operator = operator_with(aws, athena, "bucket")
    with pytest.raises(ClientError, match="Unable to verify/create output bucket"):
        operator.start("SELECT 1")


def test_results_are_read_back_with_the_callers_permission(aws: EmbeddedAws, athena: Athena) -> None:
    operator = operator_with(aws, athena, "results")
    query_id = operator.start("SELECT n FROM t")
    assert operator.wait(query_id)["Status"]["State"] == "SUCCEEDED"
    with pytest.raises(ClientError, match=r"Could not find results: .*s3:GetObject"):
        operator.client.get_query_results(QueryExecutionId=query_id)


def test_operator_without_rights_to_change_the_catalog_changes_nothing(aws: EmbeddedAws, athena: Athena) -> None:
    operator = operator_with(aws, athena)
    assert "glue:DeleteTable" in operator.reason("DROP TABLE t")
    assert "glue:CreateTable" in operator.reason("CREATE TABLE made AS SELECT 1 AS n")
    assert "s3:PutObject" in operator.reason(
        f"UNLOAD (SELECT 1 AS n) TO 's3://{athena.bucket}/gold/new/' WITH (format = 'PARQUET')"
    )
    assert athena.rows("SHOW TABLES") == [["parts"], ["t"]]
    assert athena.keys("gold/new/") == []


def test_deny_in_the_bucket_policy_counts(aws: EmbeddedAws, athena: Athena) -> None:
    operator = operator_with(aws, athena)
    deny = {
        "Effect": "Deny",
        "Principal": {"AWS": "arn:aws:iam::000000000000:user/operator"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{athena.bucket}/gold/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    athena.s3.put_bucket_policy(Bucket=athena.bucket, Policy=policy)
    try:
        assert operator.reason("SELECT n FROM t").startswith("PERMISSION_DENIED")
    finally:
        athena.s3.delete_bucket_policy(Bucket=athena.bucket)
