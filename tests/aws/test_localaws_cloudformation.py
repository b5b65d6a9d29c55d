"""Properties that the emulator drops and the embedded AWS applies, through a real stack."""

import io
import json
import zipfile
from typing import Any

import pytest
from botocore.exceptions import WaiterError
from glue_job import make_role

from localaws import EmbeddedAws

LAMBDA_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def deploy(aws: EmbeddedAws, name: str, resources: dict[str, Any], update: bool = False) -> None:
    """Create or update a stack and wait until it is complete."""
    cloudformation = aws.client("cloudformation")
    act = cloudformation.update_stack if update else cloudformation.create_stack
    act(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    waiter = cloudformation.get_waiter("stack_update_complete" if update else "stack_create_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def bucket(**properties: Any) -> dict[str, Any]:
    return {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "cfn-gaps", **properties}}}


def test_bucket_encryption_and_lifecycle_are_applied_and_removed(aws: EmbeddedAws) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    encryption = {
        "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}]
    }
    rules = [
        {"Id": "old", "Status": "Enabled", "Prefix": "tmp/", "ExpirationInDays": 7},
        {"Id": "versions", "Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 30}},
        {"Id": "parts", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}},
    ]
    deploy(aws, "gaps", bucket(BucketEncryption=encryption, LifecycleConfiguration={"Rules": rules}))
    s3 = aws.client("s3")
    found = s3.get_bucket_encryption(Bucket="cfn-gaps")["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert found["ApplyServerSideEncryptionByDefault"] == default
    assert found["BucketKeyEnabled"] is True
    s3.put_object(Bucket="cfn-gaps", Key="a", Body=b"x")
    stored = s3.head_object(Bucket="cfn-gaps", Key="a")
    assert (stored["ServerSideEncryption"], stored["SSEKMSKeyId"]) == ("aws:kms", key)
    lifecycle = {rule["ID"]: rule for rule in s3.get_bucket_lifecycle_configuration(Bucket="cfn-gaps")["Rules"]}
    assert (lifecycle["old"]["Filter"]["Prefix"], lifecycle["old"]["Expiration"]) == ("tmp/", {"Days": 7})
    assert lifecycle["versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert lifecycle["parts"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}

    deploy(aws, "gaps", bucket(BucketEncryption=encryption), update=True)
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchLifecycleConfiguration"):
        s3.get_bucket_lifecycle_configuration(Bucket="cfn-gaps")


def test_a_glue_jobs_execution_property_is_applied_and_updated(aws: EmbeddedAws) -> None:
    def job(limit: int) -> dict[str, Any]:
        properties = {
            "Name": "cfn-gaps",
            "Role": f"arn:aws:iam::{aws.account_id}:role/x",
            "Command": {"Name": "glueetl", "ScriptLocation": "s3://b/s.py"},
            "ExecutionProperty": {"MaxConcurrentRuns": limit},
        }
        return {"Job": {"Type": "AWS::Glue::Job", "Properties": properties}}

    for limit, update in ((3, False), (5, True)):
        deploy(aws, "gaps-job", job(limit), update)
        found = aws.client("glue").get_job(JobName="cfn-gaps")["Job"]
        assert found["ExecutionProperty"] == {"MaxConcurrentRuns": limit}


def test_a_functions_dead_letter_queue_and_reserved_concurrency_are_applied(aws: EmbeddedAws) -> None:
    role = make_role(aws, "cfn-gaps-function", trust=LAMBDA_TRUST)
    queue = aws.client("sqs").create_queue(QueueName="cfn-gaps-dlq")["QueueUrl"].rsplit("/", 1)[-1]
    target = f"arn:aws:sqs:{aws.region}:{aws.account_id}:{queue}"
    aws.client("s3").create_bucket(Bucket="cfn-gaps-code")
    aws.client("s3").put_object(Bucket="cfn-gaps-code", Key="f.zip", Body=code("def handler(event, context): ..."))

    def function(**more: Any) -> dict[str, Any]:
        place = {"S3Bucket": "cfn-gaps-code", "S3Key": "f.zip"}
        properties = {
            "FunctionName": "cfn-gaps",
            "Role": role,
            "Runtime": "python3.11",
            "Handler": "f.handler",
            "Code": place,
            **more,
        }
        return {"Function": {"Type": "AWS::Lambda::Function", "Properties": properties}}

    client = aws.client("lambda")
    deploy(aws, "gaps-fn", function(DeadLetterConfig={"TargetArn": target}, ReservedConcurrentExecutions=2))
    assert client.get_function_configuration(FunctionName="cfn-gaps")["DeadLetterConfig"] == {"TargetArn": target}
    assert client.get_function_concurrency(FunctionName="cfn-gaps")["ReservedConcurrentExecutions"] == 2
    deploy(aws, "gaps-fn", function(DeadLetterConfig={"TargetArn": target}, Timeout=9), update=True)
    updated = client.get_function_configuration(FunctionName="cfn-gaps")
    assert (updated["DeadLetterConfig"], updated["Timeout"]) == ({"TargetArn": target}, 9)


def test_a_secret_is_known_by_its_arn_and_goes_with_its_stack(aws: EmbeddedAws) -> None:
    def secret(about: str) -> dict[str, Any]:
        return {
            "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": "gaps/x", "Description": about}}
        }

    cloudformation, secrets = aws.client("cloudformation"), aws.client("secretsmanager")
    deploy(aws, "gaps-secret", secret("one"))
    arn = secrets.describe_secret(SecretId="gaps/x")["ARN"]
    for about in ("one", "two"):
        if about == "two":
            deploy(aws, "gaps-secret", secret(about), update=True)
        (found,) = cloudformation.list_stack_resources(StackName="gaps-secret")["StackResourceSummaries"]
        assert found["PhysicalResourceId"] == arn
        assert secrets.describe_secret(SecretId=arn)["Description"] == about
    cloudformation.delete_stack(StackName="gaps-secret")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="gaps-secret")
    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.describe_secret(SecretId=arn)


def test_a_missing_code_archive_fails_the_stack(aws: EmbeddedAws) -> None:
    role = make_role(aws, "cfn-gaps-missing", trust=LAMBDA_TRUST)
    properties = {
        "FunctionName": "cfn-missing",
        "Role": role,
        "Runtime": "python3.11",
        "Handler": "f.handler",
        "Code": {"S3Bucket": "cfn-nowhere", "S3Key": "f.zip"},
    }
    with pytest.raises(WaiterError, match="ROLLBACK"):
        deploy(aws, "gaps-missing", {"Function": {"Type": "AWS::Lambda::Function", "Properties": properties}})
    events = aws.client("cloudformation").describe_stack_events(StackName="gaps-missing")["StackEvents"]
    reasons = " ".join(event.get("ResourceStatusReason", "") for event in events)
    assert "The specified key does not exist: s3://cfn-nowhere/f.zip" in reasons


def code(text: str) -> bytes:
    """A function's zip with one module, `f.py`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("f.py", text)
    return buffer.getvalue()
