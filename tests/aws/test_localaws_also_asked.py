"""What the embedded AWS asks besides, as AWS does: a Glue table's parents, the key of encrypted data, Lambda's own use
of a function's role."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError

from localaws import EmbeddedAws


class Caller:
    """A user with one policy."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self.aws, self.name = aws, f"asked-{uuid4().hex[:8]}"
        self.iam = aws.client("iam")
        self.iam.create_user(UserName=self.name)
        self._key = self.iam.create_access_key(UserName=self.name)["AccessKey"]

    def may(self, *statements: tuple[str, str]) -> None:
        """Allow actions on resources, and nothing else."""
        found = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in statements]
        document = json.dumps({"Version": "2012-10-17", "Statement": found})
        self.iam.put_user_policy(UserName=self.name, PolicyName="only", PolicyDocument=document)

    def client(self, service: str) -> Any:
        session: Any = boto3.Session(
            self._key["AccessKeyId"], self._key["SecretAccessKey"], region_name=self.aws.region
        )
        return session.client(service, endpoint_url=self.aws.endpoint_url)


@pytest.fixture
def caller(aws: EmbeddedAws) -> Caller:
    return Caller(aws)


@pytest.fixture(scope="module")
def key(aws: EmbeddedAws) -> str:
    return str(aws.client("kms").create_key()["KeyMetadata"]["Arn"])


@pytest.fixture
def bucket(aws: EmbeddedAws, key: str) -> Iterator[str]:
    """Encrypted with the key by default."""
    s3, name = aws.client("s3"), f"asked-{uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=rules)
    s3.put_object(Bucket=name, Key="a", Body=b"a")
    return name


def test_a_table_is_asked_for_with_its_database_and_the_catalog(aws: EmbeddedAws, caller: Caller) -> None:
    glue, database = aws.client("glue"), f"asked_{uuid4().hex[:8]}"
    glue.create_database(DatabaseInput={"Name": database})
    glue.create_table(DatabaseName=database, TableInput={"Name": "t"})
    begin = f"arn:aws:glue:{aws.region}:{aws.account_id}:"
    needed = [f"{begin}catalog", f"{begin}database/{database}", f"{begin}table/{database}/t"]
    read = caller.client("glue").get_table
    caller.may(*(("glue:GetTable", one) for one in needed))
    assert read(DatabaseName=database, Name="t")["Table"]["Name"] == "t"
    for missing in needed:
        caller.may(*(("glue:GetTable", one) for one in needed if one != missing))
        with pytest.raises(ClientError, match="not authorized to perform: glue:GetTable"):
            read(DatabaseName=database, Name="t")


def test_reading_needs_decrypt_and_writing_a_data_key(caller: Caller, bucket: str, key: str) -> None:
    objects, s3 = ("s3:*", f"arn:aws:s3:::{bucket}/*"), caller.client("s3")
    caller.may(objects)
    with pytest.raises(ClientError, match="not authorized to perform: kms:Decrypt on resource"):
        s3.get_object(Bucket=bucket, Key="a")
    with pytest.raises(ClientError, match="not authorized to perform: kms:GenerateDataKey on resource"):
        s3.put_object(Bucket=bucket, Key="b", Body=b"b")
    caller.may(objects, ("kms:GenerateDataKey", key))
    s3.put_object(Bucket=bucket, Key="b", Body=b"b")
    with pytest.raises(ClientError, match="not authorized to perform: kms:Decrypt on resource"):
        s3.create_multipart_upload(Bucket=bucket, Key="c")
    caller.may(objects, ("kms:Decrypt", key))
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"a"


def test_a_queue_and_a_topic_need_their_key(aws: EmbeddedAws, caller: Caller, key: str) -> None:
    sqs, sns, name = aws.client("sqs"), aws.client("sns"), f"asked-{uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=name, Attributes={"KmsMasterKeyId": key})["QueueUrl"]
    topic = sns.create_topic(Name=name, Attributes={"KmsMasterKeyId": key})["TopicArn"]
    caller.may(("sqs:*", "*"), ("sns:*", "*"), ("kms:Decrypt", key))
    with pytest.raises(ClientError, match="kms:GenerateDataKey"):
        caller.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    with pytest.raises(ClientError, match="kms:GenerateDataKey"):
        caller.client("sns").publish(TopicArn=topic, Message="x")
    caller.client("sqs").receive_message(QueueUrl=url)
    caller.may(("sqs:*", "*"), ("sns:*", "*"), ("kms:*", key))
    caller.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    caller.client("sns").publish(TopicArn=topic, Message="x")


def test_every_question_is_recorded_with_its_condition_keys(caller: Caller, bucket: str, key: str) -> None:
    from localaws.permission_record import Judgement, recorded

    caller.may(("s3:GetObject", f"arn:aws:s3:::{bucket}/*"), ("kms:Decrypt", key))
    with recorded() as record:
        caller.client("s3").get_object(Bucket=bucket, Key="a")
        with pytest.raises(ClientError, match="s3:PutObject"):
            caller.client("s3").put_object(Bucket=bucket, Key="a", Body=b"")
    who = f"user/{caller.name}"
    mine = {one for one in record if one.who == who}
    assert mine == {
        Judgement(who, "s3:GetObject", f"arn:aws:s3:::{bucket}/a", (), True),
        Judgement(who, "kms:Decrypt", key, (), True),
        Judgement(who, "s3:PutObject", f"arn:aws:s3:::{bucket}/a", (), False),
    }
