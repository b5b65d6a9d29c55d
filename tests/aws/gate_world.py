"""A small lake for the gate alone: bucket, ledger, topic and state machine, with the gate under its own IAM policy."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config

from lakehouse.contract.load import pipelines
from lakehouse.events import ObjectCreated
from lakehouse.gate.handle import Gate
from lakehouse.gate.judge import judge
from lakehouse.ledger.items import SlotState
from lakehouse.ledger.store import Ledger
from lakehouse.settings import Settings
from localaws import EmbeddedAws
from tests.secret import TEXT

ROOT = Path(__file__).parents[2]
LEDGER_TABLE: dict[str, Any] = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "kind_pipeline", "at")
    ],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-kind",
            "KeySchema": [
                {"AttributeName": "kind_pipeline", "KeyType": "HASH"},
                {"AttributeName": "at", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}
PASS = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}


@dataclass
class World:
    """The small lake of one pipeline. `client` is the administrator's, `gate()` works under `iam/gate.json`."""

    aws: EmbeddedAws
    pipeline: str = "activity"
    prefix: str = field(default_factory=lambda: f"w{uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        account, region = self.aws.account_id, self.aws.region
        self.bucket = f"{self.prefix}-lake-{account}"
        self.s3, self.stepfunctions = self.aws.client("s3"), self.aws.client("stepfunctions")
        self.sns, self.sqs, self.dynamodb = self.aws.client("sns"), self.aws.client("sqs"), self.aws.client("dynamodb")
        self.aws.client("secretsmanager").create_secret(Name=f"{self.prefix}/tokens", SecretString=TEXT)
        self.key_arn = self.aws.client("kms").create_key()["KeyMetadata"]["Arn"]
        self._make_bucket()
        self.dynamodb.create_table(TableName=f"{self.prefix}-ledger", **LEDGER_TABLE)
        topic_arn = self.sns.create_topic(Name=f"{self.prefix}-notifications")["TopicArn"]
        self.mailbox = self.sqs.create_queue(QueueName=f"{self.prefix}-mailbox")["QueueUrl"]
        queue_arn = f"arn:aws:sqs:{region}:{account}:{self.prefix}-mailbox"
        statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue_arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.sqs.set_queue_attributes(QueueUrl=self.mailbox, Attributes={"Policy": policy})
        self.sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn)
        credentials = self.credentials("gate")
        self.session = boto3.Session(
            credentials["AccessKeyId"],
            credentials["SecretAccessKey"],
            credentials["SessionToken"],
            region_name=region,
        )
        self.state_machine_arn = self.stepfunctions.create_state_machine(
            name=f"{self.prefix}-{self.pipeline}", definition=json.dumps(PASS), roleArn=self._role("states")
        )["stateMachineArn"]
        self.settings = Settings(
            bucket=self.bucket,
            ledger_table=f"{self.prefix}-ledger",
            topic_arn=topic_arn,
            state_machine_arn_prefix=self.state_machine_arn.removesuffix(self.pipeline),
            silver_database="silver",
            gold_database="gold",
            event_source=self.prefix,
            tokens_secret=f"{self.prefix}/tokens",
        )
        self.pipelines = pipelines()
        self.ledger = Ledger(self.dynamodb, self.settings.ledger_table)
        self.letters: list[dict[str, Any]] = []
        self.clients = self.new_clients()

    def client(self, service: str) -> Any:
        """A client with the gate's rights."""
        config = Config(
            s3={"addressing_style": "path"},
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=32,
            user_agent="tests",  # botocore's own is made up anew for every request
        )
        return self.session.client(service, endpoint_url=self.aws.endpoint_url, config=config)

    def new_clients(self) -> dict[str, Any]:
        """Clients of their own for one more gate, as another Lambda container has them."""
        return {name: self.client(name) for name in ("s3", "dynamodb", "stepfunctions", "sns")}

    def gate(self, clients: dict[str, Any] | None = None, judge_file: Callable[..., Any] = judge) -> Gate:
        """A gate with the rights of `iam/gate.json`."""
        found = clients or self.clients
        ledger = Ledger(found["dynamodb"], self.settings.ledger_table)
        return Gate(
            found["s3"], ledger, found["stepfunctions"], found["sns"], self.settings, self.pipelines, judge_file
        )

    def put(self, key: str, body: bytes | str) -> ObjectCreated:
        """Upload; the event that follows."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body.encode() if isinstance(body, str) else body)
        return ObjectCreated(self.bucket, key)

    def keys(self, prefix: str) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def body(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def slot(self, batch: str, key: str) -> SlotState:
        """The one slot of a key."""
        found = [one for one in self.ledger.slots(self.pipeline) if (one.batch, one.key) == (batch, key)]
        assert len(found) == 1, f"expected one slot of {key}, found {found}"
        return found[0]

    def runs(self, batch: str) -> list[str]:
        """Run ids of a batch in the ledger, the first started first."""
        return [run.run_id for run in self.ledger.runs(self.pipeline) if run.batch == batch][::-1]

    def executions(self, batch: str) -> list[str]:
        """Names of a batch's executions, the first started first."""
        pages = self.stepfunctions.get_paginator("list_executions").paginate(stateMachineArn=self.state_machine_arn)
        executions = [one for page in pages for one in page["executions"]]
        found = [one for one in executions if one["name"].startswith(f"{self.pipeline}-{batch}-")]
        return [one["name"] for one in sorted(found, key=lambda one: one["startDate"])]

    def messages(self, about: str, at_least: int = 0) -> list[dict[str, Any]]:
        """The notifications whose key or batch is `about`, in order; waits until there are `at_least` so many."""
        until = time.monotonic() + 10
        while True:
            received = self.sqs.receive_message(QueueUrl=self.mailbox, MaxNumberOfMessages=10, WaitTimeSeconds=0)
            for message in received.get("Messages", []):
                envelope = json.loads(message["Body"])
                self.letters.append({**json.loads(envelope["Message"]), "Subject": envelope["Subject"]})
                self.sqs.delete_message(QueueUrl=self.mailbox, ReceiptHandle=message["ReceiptHandle"])
            found = [one for one in self.letters if about in (one.get("key"), one.get("batch"))]
            if not received.get("Messages") and (len(found) >= at_least or time.monotonic() > until):
                return found

    def _make_bucket(self) -> None:
        self.s3.create_bucket(Bucket=self.bucket)
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": self.key_arn}}
        self.s3.put_bucket_encryption(Bucket=self.bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})

    def _role(self, service: str) -> str:
        name = f"{self.prefix}-{service}"
        iam = self.aws.client("iam")
        principal = {"Service": f"{service}.amazonaws.com", "AWS": self.aws.account_id}
        statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        try:
            return iam.get_role(RoleName=name)["Role"]["Arn"]
        except iam.exceptions.NoSuchEntityException:
            trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            return iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]

    def credentials(self, who: str) -> dict[str, str]:
        """Credentials of a role with the rights of `iam/<who>.json`."""
        iam = self.aws.client("iam")
        arn = self._role(who)
        iam.put_role_policy(RoleName=arn.rsplit("/", 1)[-1], PolicyName=who, PolicyDocument=self.policy(who))
        return self.aws.client("sts").assume_role(RoleArn=arn, RoleSessionName=who)["Credentials"]

    def policy(self, who: str) -> str:
        """`iam/<who>.json` with its placeholders filled in for this lake."""
        text = (ROOT / "iam" / f"{who}.json").read_text()
        values = {
            "AWS::Partition": "aws",
            "AWS::Region": self.aws.region,
            "AWS::AccountId": self.aws.account_id,
            "Prefix": self.prefix,
            "LakeBucket": self.bucket,
            "DataKey": self.key_arn,
            "Pipeline": self.pipeline,
            "BronzeDatabase": "bronze",
            "SilverDatabase": "silver",
            "GoldDatabase": "gold",
            **dict.fromkeys(("SilverTable", "GoldTable", "Crawler", "Generator", "Step", "Target"), "*"),
        }
        for name, value in values.items():
            text = text.replace(f"${{{name}}}", value)
        assert "${" not in text
        return text


def users(*numbers: int, country: str = "IN") -> str:
    return _lines(
        {
            "user_id": f"u_{number}",
            "signup_date": "2024-01-31T10:00:00",
            "country": country,
            "device_type": "mobile",
            "marketing_source": "google_ads",
        }
        for number in numbers
    )


def events(*numbers: int) -> str:
    return _lines(
        {
            "event_id": f"e_{number}",
            "user_id": "u_1",
            "event_type": "product_view",
            "product_id": "p_1",
            "event_timestamp": "2024-01-31T10:00:00",
            "session_id": "s_1",
            "device_type": "PC",
        }
        for number in numbers
    )


def orders(*numbers: int) -> str:
    return _lines(
        {
            "order_id": f"o_{number}",
            "user_id": "u_1",
            "product_id": "p_1",
            "order_amount": 12.5,
            "currency": "USD",
            "order_timestamp": "2024-01-31T10:00:00",
            "payment_status": "success",
        }
        for number in numbers
    )


def _lines(rows: Iterable[dict[str, object]]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)
