"""What a deployment made is removed as the deployer, and what lies beside it stays as it was."""

import json
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from deploy import deploy_stack
from deploy.bucket import artifacts_bucket
from deploy.config import Config
from deploy.destroy import REMOVERS, destroy
from deploy.remains import CRAWLER_LOGS, NAMESPACE, Kept, find_remains, measure
from deploy.stack_events import DeployError, delete_stack
from deploy.template import TEMPLATE_FILE
from tests.lake import Lake

PREFIX = "goner"
FOREIGN = "goner-not"
"""Begins like the prefix: the hardest neighbour."""


@pytest.fixture(scope="module")
def deployer(lake: Lake) -> boto3.Session:
    """A session with the rights of `iam/deployer.json` for the prefix, of a role that is not part of the stack."""
    iam, account = lake.client("iam"), lake.aws.account_id
    document = lake.client("iam").get_role_policy(RoleName=lake.named("deployer"), PolicyName="deployer")
    text = json.dumps(document["PolicyDocument"]).replace(lake.config.prefix, PREFIX)
    key = lake.outputs["DataKeyArn"]
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"}
        ],
    }
    made = iam.create_role(RoleName="first-deployer", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    text = text.replace(key, key.rsplit("/", 1)[0] + "/*")  # the key's number is not known before it is there
    iam.put_role_policy(RoleName="first-deployer", PolicyName="deployer", PolicyDocument=text)
    keys = lake.client("sts").assume_role(RoleArn=made, RoleSessionName="first")["Credentials"]
    return boto3.Session(
        keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=lake.aws.region
    )


@pytest.fixture(scope="module")
def neighbours(lake: Lake) -> None:
    """Things of somebody else whose names begin like ours."""
    s3, account = lake.client("s3"), lake.aws.account_id
    for name in (f"{FOREIGN}-lake-{account}", "goner-lake", f"{FOREIGN}-data"):
        s3.create_bucket(Bucket=name)
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket=name, Key="bronze/a", Body=b"theirs")
    lake.client("dynamodb").create_table(
        TableName=f"{FOREIGN}-ledger",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    lake.client("iam").create_role(
        RoleName=f"{PREFIX}-somebody", AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[]}'
    )
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": f"{FOREIGN}-queue"}}}}
    lake.client("cloudformation").create_stack(StackName=FOREIGN, TemplateBody=json.dumps(template))
    lake.client("secretsmanager").create_secret(Name=f"{FOREIGN}/tokens", SecretString="theirs")
    for group in (f"/aws/lambda/{FOREIGN}-gate", f"/aws/lambda/{PREFIX}-somebody", CRAWLER_LOGS):
        if not lake.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            lake.client("logs").create_log_group(logGroupName=group)
    lake.client("logs").create_log_stream(logGroupName=CRAWLER_LOGS, logStreamName=f"{PREFIX}-somebody")


def everything(lake: Lake) -> dict[str, Any]:
    """What is in the account, by service; objects with their versions."""
    s3 = lake.client("s3")
    buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    objects = {
        name: [(one["Key"], one["VersionId"]) for one in s3.list_object_versions(Bucket=name).get("Versions", [])]
        for name in buckets
        if name.startswith(PREFIX)
    }
    listed: dict[str, tuple[str, str, str, str]] = {
        "tables": ("dynamodb", "list_tables", "TableNames", ""),
        "roles": ("iam", "list_roles", "Roles", "RoleName"),
        "functions": ("lambda", "list_functions", "Functions", "FunctionName"),
        "layers": ("lambda", "list_layers", "Layers", "LayerName"),
        "queues": ("sqs", "list_queues", "QueueUrls", ""),
        "topics": ("sns", "list_topics", "Topics", "TopicArn"),
        "machines": ("stepfunctions", "list_state_machines", "stateMachines", "name"),
        "groups": ("logs", "describe_log_groups", "logGroups", "logGroupName"),
        "alarms": ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        "jobs": ("glue", "get_jobs", "Jobs", "Name"),
        "databases": ("glue", "get_databases", "DatabaseList", "Name"),
        "secrets": ("secretsmanager", "list_secrets", "SecretList", "Name"),
        "aliases": ("kms", "list_aliases", "Aliases", "AliasName"),
    }
    found: dict[str, Any] = {"buckets": buckets, "objects": objects}
    for name, (service, operation, field, key) in listed.items():
        client = lake.client(service)
        answers = (
            client.get_paginator(operation).paginate()
            if client.can_paginate(operation)
            else [getattr(client, operation)()]
        )
        found[name] = sorted(one[key] if key else one for answer in answers for one in answer.get(field, []))
    streams = lake.client("logs").describe_log_streams(logGroupName=CRAWLER_LOGS)["logStreams"]
    found["streams"] = sorted(stream["logStreamName"] for stream in streams)
    stacks = lake.client("cloudformation").describe_stacks()["Stacks"]
    found["stacks"] = sorted(one["StackName"] for one in stacks if one["StackStatus"] != "DELETE_COMPLETE")
    return found


def deployed(lake: Lake, session: boto3.Session) -> dict[str, str]:
    """The lake that is removed afterwards: with data, old versions, delete markers and an unfinished upload."""
    outputs = deploy_stack(session, config_of(lake), endpoint_url=lake.aws.endpoint_url)
    s3, bucket = lake.client("s3"), outputs["LakeBucket"]
    for body in (b"old", b"new"):
        s3.put_object(Bucket=bucket, Key="athena-results/a", Body=body)
    s3.delete_object(Bucket=bucket, Key="athena-results/a")
    s3.create_multipart_upload(Bucket=bucket, Key="athena-results/unfinished")
    lake.client("dynamodb").put_item(TableName=outputs["LedgerTable"], Item={"pk": {"S": "a"}, "sk": {"S": "b"}})
    lake.client("logs").create_log_stream(logGroupName=CRAWLER_LOGS, logStreamName=f"{PREFIX}-sales-raw")
    return outputs


def config_of(lake: Lake) -> Config:
    return replace(lake.config, prefix=PREFIX)


def client_of(lake: Lake, session: boto3.Session) -> Any:
    return lambda service: session.client(service, endpoint_url=lake.aws.endpoint_url)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def before(lake: Lake, neighbours: None, deployer: boto3.Session) -> dict[str, Any]:
    return everything(lake)


def test_the_deployer_deploys_and_destroys_and_all_else_is_as_before(
    lake: Lake, deployer: boto3.Session, before: dict[str, Any]
) -> None:
    outputs, client, account = deployed(lake, deployer), client_of(lake, deployer), lake.aws.account_id
    found = find_remains(client, PREFIX, account)
    kept = {one.name: (one.type, one.things) for one in found.kept}
    assert kept[outputs["LakeBucket"]] == ("AWS::S3::Bucket", 3)
    assert kept[f"{PREFIX}-ledger"] == ("AWS::DynamoDB::Table", 1)
    assert kept[outputs["DataKeyArn"].rsplit("/", 1)[1]] == ("AWS::KMS::Key", 1)
    assert kept[artifacts_bucket(PREFIX, account)][1] == 4
    assert [stream.name for stream in found.log_streams] == [f"{PREFIX}-sales-raw"]
    told: list[str] = []
    left = destroy(client, found, account, tell=lambda event: told.append(event.status))
    assert left.nothing
    assert "DELETE_COMPLETE" in told
    assert everything(lake) == before
    state = lake.client("kms").describe_key(KeyId=outputs["DataKeyArn"])["KeyMetadata"]["KeyState"]
    assert state == "PendingDeletion"
    again = find_remains(client, PREFIX, account)
    assert again.nothing
    assert destroy(client, again, account).nothing


def test_a_removal_that_was_interrupted_after_the_stack_finds_the_rest(
    lake: Lake, deployer: boto3.Session, before: dict[str, Any]
) -> None:
    outputs, client, account = deployed(lake, deployer), client_of(lake, deployer), lake.aws.account_id
    streams = find_remains(client, PREFIX, account).log_streams
    for stream in streams:
        client("logs").delete_log_stream(logGroupName=stream.group, logStreamName=stream.name)
    delete_stack(client("cloudformation"), PREFIX, lambda _: None)
    lake.client("logs").create_log_group(logGroupName=f"/aws/lambda/{PREFIX}-gate")  # a function's last words
    found = find_remains(client, PREFIX, account)
    assert found.stack_id is None
    assert {one.name for one in found.kept} >= {outputs["LakeBucket"], f"{PREFIX}-ledger"}
    assert [one.name for one in found.log_groups] == [f"/aws/lambda/{PREFIX}-gate"]
    assert destroy(client, found, account).nothing
    assert everything(lake) == before


def test_a_bucket_that_no_deployment_made_stays(lake: Lake, deployer: boto3.Session) -> None:
    bucket = artifacts_bucket(PREFIX, lake.aws.account_id)
    lake.client("s3").create_bucket(Bucket=bucket)
    found = find_remains(client_of(lake, deployer), PREFIX, lake.aws.account_id)
    assert (found.nothing, found.foreign) == (True, (bucket,))
    lake.client("s3").delete_bucket(Bucket=bucket)


def test_everything_that_outlives_its_stack_has_its_remover_and_goes_with_a_failed_creation() -> None:
    template = json.loads(TEMPLATE_FILE.read_text())
    policies = {one["Type"]: one.get("DeletionPolicy", "Delete") for one in template["Resources"].values()}
    retained = {kind: policy for kind, policy in policies.items() if policy != "Delete"}
    assert retained
    assert retained.keys() <= REMOVERS.keys()
    assert set(retained.values()) == {"RetainExceptOnCreate"}


def test_the_warehouses_namespace_is_removed_and_waited_for() -> None:
    """The embedded AWS has no such resource: botocore's own model checks the calls and their answers."""
    redshift = boto3.client("redshift-serverless", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    gone = {"service_error_code": "ResourceNotFoundException"}
    with Stubber(redshift) as stub:
        stub.add_response("get_namespace", {"namespace": {"namespaceName": PREFIX}}, {"namespaceName": PREFIX})
        assert measure(lambda _: redshift, NAMESPACE, PREFIX) == Kept(NAMESPACE, PREFIX, 1, 0)
        stub.add_response("delete_namespace", {"namespace": {}}, {"namespaceName": PREFIX})
        stub.add_client_error("get_namespace", **gone, expected_params={"namespaceName": PREFIX})
        REMOVERS[NAMESPACE](lambda _: redshift, PREFIX)
        for operation in ("delete_namespace", "get_namespace"):
            stub.add_client_error(operation, **gone, expected_params={"namespaceName": PREFIX})
        REMOVERS[NAMESPACE](lambda _: redshift, PREFIX)
        stub.assert_no_pending_responses()


def test_a_stack_that_cannot_be_deleted_leaves_the_data_alone(
    lake: Lake, deployer: boto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ministack.services.cloudformation import provisioners

    outputs, client, account = deployed(lake, deployer), client_of(lake, deployer), lake.aws.account_id

    def refuse(*_: Any) -> None:
        raise ValueError("The work group is in use")

    with monkeypatch.context() as patched:
        patched.setitem(provisioners._RESOURCE_HANDLERS["AWS::Athena::WorkGroup"], "delete", refuse)
        with pytest.raises(DeployError, match=r"Workgroup \(AWS::Athena::WorkGroup\): The work group is in use"):
            destroy(client, find_remains(client, PREFIX, account), account)
    found = find_remains(client, PREFIX, account)
    assert {one.name: one.things for one in found.kept}[outputs["LakeBucket"]] == 3
    assert destroy(client, found, account).nothing
