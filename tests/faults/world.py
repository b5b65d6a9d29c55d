"""A lake in this process: the handlers of lambda/, as they are, against the embedded AWS.

One bucket, ledger, topic, gold database and state machine a pipeline of `tests/faults/pipelines`. Step Functions ends
each execution at once: the tests drive the real steps of what was started, as often and in the order that they like.
"""

import importlib.util
import itertools
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock
from uuid import uuid4

import boto3
from botocore.config import Config
from botocore.retries import quota, standard

import lakehouse.aws
from deploy.parts.catalog import hive_type
from lakehouse.contract import load
from lakehouse.contract.load import pipelines
from lakehouse.contract.model import GoldTable, Pipeline
from lakehouse.errors import LakeError
from lakehouse.ledger.store import Ledger
from lakehouse.settings import Settings
from lakehouse.silver.table import SilverStore
from localaws import EmbeddedAws
from tests.aws.gate_world import LEDGER_TABLE, PASS
from tests.faults.network import ROOT, Attempt, Network

PIPELINES = Path(__file__).parent / "pipelines"
SERVICES = ("s3", "dynamodb", "stepfunctions", "sns", "glue", "events")
TRIES = 3
"""Of the SDKs: boto3's and delta-rs's requests are repeated twice, without a pause worth mentioning."""
QUICK_DELTA = {
    "max_retries": str(TRIES - 1),
    "backoff_config.init_backoff": "1ms",
    "backoff_config.max_backoff": "2ms",
}
_NAMES = itertools.count(1)
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}
Event = dict[str, Any]


class Crashed(Exception):  # noqa: N818 (what a process dies of is no error of ours)
    """The process of an invocation died: nobody has its answer."""


@dataclass(frozen=True)
class Container:
    """What a Lambda container has: an access key and clients."""

    access_key_id: str
    secret_access_key: str
    clients: Mapping[str, Any]


@dataclass
class Cloud:
    """The embedded AWS behind the network, and containers to run in. One a process."""

    aws: EmbeddedAws
    network: Network = field(default_factory=Network)
    containers: list[Container] = field(default_factory=list)
    _clients: dict[str, Any] = field(default_factory=dict)

    def container(self, number: int) -> Container:
        """The containers of a process are made once: making clients takes long."""
        while len(self.containers) <= number:
            self.containers.append(self._new_container(f"container-{len(self.containers)}"))
        return self.containers[number]

    def client(self, service: str) -> Any:
        """A client of the tests' own, which meets no fault."""
        if service not in self._clients:
            self._clients[service] = self.aws.client(service)
        return self._clients[service]

    def _new_container(self, user: str) -> Container:
        iam = self.aws.client("iam")
        iam.create_user(UserName=user)
        everything = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
        iam.put_user_policy(UserName=user, PolicyName="everything", PolicyDocument=json.dumps(everything))
        key = iam.create_access_key(UserName=user)["AccessKey"]
        session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=self.aws.region)
        config = Config(
            s3={"addressing_style": "path"},
            retries={"mode": "standard", "total_max_attempts": TRIES},
            max_pool_connections=32,
            user_agent="tests",  # botocore's own is made up anew for every request
        )
        clients = {
            service: session.client(service, endpoint_url=self.aws.endpoint_url, config=config) for service in SERVICES
        }
        for client in clients.values():
            client.meta.events.register("before-send", self.network.before_send)
        return Container(key["AccessKeyId"], key["SecretAccessKey"], clients)


@contextmanager
def quick_retries() -> Iterator[None]:
    """The SDKs repeat as they do, but without waiting, and as often as they are asked to."""
    on_s3 = SilverStore.on_s3.__func__  # type: ignore[attr-defined]

    def quick(cls: type[SilverStore], *arguments: Any) -> SilverStore:
        store = on_s3(cls, *arguments)
        return SilverStore(store.root, {**store.options, **QUICK_DELTA})

    with (
        mock.patch.object(standard.ExponentialBackoff, "delay_amount", return_value=0.0),
        mock.patch.object(quota.RetryQuota, "acquire", return_value=True),
        mock.patch.object(SilverStore, "on_s3", classmethod(quick)),
    ):
        yield


class World:
    """One lake. Use `with`: the environment of the handlers is set while it is open."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.cloud = cloud
        self.folder = folder
        self.prefix = f"f{uuid4().hex[:6]}{next(_NAMES)}"
        self.pipelines: dict[str, Pipeline] = pipelines(PIPELINES)
        self.s3, self.dynamodb, self.glue = (cloud.client(name) for name in ("s3", "dynamodb", "glue"))
        self.stepfunctions = cloud.client("stepfunctions")
        account, region = cloud.aws.account_id, cloud.aws.region
        self.settings = Settings(
            bucket=f"{self.prefix}-lake",
            ledger_table=f"{self.prefix}-ledger",
            topic_arn=f"arn:aws:sns:{region}:{account}:{self.prefix}-notifications",
            state_machine_arn_prefix=f"arn:aws:states:{region}:{account}:stateMachine:{self.prefix}-",
            silver_database=f"{self.prefix}_silver",
            gold_database=f"{self.prefix}_gold",
            event_source=self.prefix,
            tokens_secret=f"{self.prefix}/tokens",
        )
        self.ledger = Ledger(self.dynamodb, self.settings.ledger_table)
        self.jobs: dict[str, Callable[[Event, Any], Any]] = {}
        """What runs as a Glue job, not as a Lambda, by name."""
        self._make()

    @property
    def bucket(self) -> str:
        return self.settings.bucket

    @contextmanager
    def open(self) -> Iterator["World"]:
        """Handlers run in this lake."""
        env = {
            **self.settings.as_env(),
            "LAKE_PIPELINES_DIR": str(PIPELINES),
            "LAKE_KEEP_GOLD_RUNS": "1",
            "AWS_ENDPOINT_URL": self.cloud.aws.endpoint_url,
            "AWS_DEFAULT_REGION": self.cloud.aws.region,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        }
        with mock.patch.dict(os.environ, env), mock.patch.object(load, "load_pipeline", _load_pipeline):
            yield self

    def invoke(self, handler: str, event: Event, attempt: Attempt | None = None, container: int = 0) -> Any:
        """What a handler answers to an event.

        Raises:
            Crashed: the attempt's process died, whatever the handler made of it.
            Exception: what the handler raised.
        """
        attempt = attempt or Attempt()
        with self.inside(container, attempt):
            try:
                call = self.jobs.get(handler) or function(handler)
                answer = call(json.loads(json.dumps(event)), _Context())
            except (Exception, BaseExceptionGroup) as failure:
                if attempt.dead:
                    raise Crashed(handler) from failure
                raise
        if attempt.dead:
            raise Crashed(handler)
        return answer

    @contextmanager
    def inside(self, number: int, attempt: Attempt) -> Iterator[None]:
        """The product's calls are those of a container, and belong to an attempt."""
        container = self.cloud.container(number)
        folder = self.folder / f"container-{number}"
        folder.mkdir(exist_ok=True)
        keys = {
            "AWS_ACCESS_KEY_ID": container.access_key_id,
            "AWS_SECRET_ACCESS_KEY": container.secret_access_key,
        }
        with (
            mock.patch.dict(os.environ, keys),
            mock.patch.object(tempfile, "tempdir", str(folder)),
            mock.patch.object(lakehouse.aws, "_client", container.clients.__getitem__),
            self.cloud.network.attempt(container.access_key_id, attempt),
        ):
            yield

    def put(self, key: str, body: bytes) -> str:
        """A producer stores an object; its version id."""
        return str(self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)["VersionId"])

    def body(self, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def objects(self, prefix: str) -> dict[str, str]:
        """ETag by key."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return {found["Key"]: found["ETag"] for page in pages for found in page.get("Contents", [])}

    def executions(self, pipeline: str) -> list[str]:
        """Names of the executions that were started."""
        arn = f"{self.settings.state_machine_arn_prefix}{pipeline}"
        pages = self.stepfunctions.get_paginator("list_executions").paginate(stateMachineArn=arn)
        return [found["name"] for page in pages for found in page["executions"]]

    def remove(self) -> None:
        """Forget what takes room."""
        self.dynamodb.delete_table(TableName=self.settings.ledger_table)
        for table in (table for pipeline in self.pipelines.values() for table in pipeline.gold):
            self.glue.delete_table(DatabaseName=self.settings.gold_database, Name=table.name)

    def _make(self) -> None:
        self.s3.create_bucket(Bucket=self.bucket)
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        self.dynamodb.create_table(TableName=self.settings.ledger_table, **LEDGER_TABLE)
        self.cloud.client("sns").create_topic(Name=f"{self.prefix}-notifications")
        self.glue.create_database(DatabaseInput={"Name": self.settings.gold_database})
        for name, pipeline in self.pipelines.items():
            self.stepfunctions.create_state_machine(
                name=f"{self.prefix}-{name}", definition=json.dumps(PASS), roleArn=_role(self.cloud.aws)
            )
            for table in pipeline.gold:
                given = self._definition(pipeline, table)
                self.glue.create_table(DatabaseName=self.settings.gold_database, TableInput=given)

    def _definition(self, pipeline: Pipeline, table: GoldTable) -> Any:
        """A gold table as the stack makes it."""
        keys = [column for column in table.columns if column.name == table.partition_by]
        columns = [column for column in table.columns if column not in keys]
        location = f"s3://{self.bucket}/gold/{pipeline.name}/{table.name}/{'root' if keys else 'run=none'}/"
        keys_and_columns = [
            [{"Name": column.name, "Type": hive_type(column.type)} for column in some] for some in (keys, columns)
        ]
        return {
            "Name": table.name,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"},
            "PartitionKeys": keys_and_columns[0],
            "StorageDescriptor": {**PARQUET, "Columns": keys_and_columns[1], "Location": location},
        }


_known_pipeline = lru_cache(64)(lambda folder, _written, load=load.load_pipeline: load(folder))


def _load_pipeline(folder: Path) -> Pipeline:
    """A contract is read when its file is new or has changed, not anew for every invocation."""
    written = (folder / load.FILE).stat()
    return _known_pipeline(folder, (written.st_mtime_ns, written.st_size))


@dataclass(frozen=True)
class _Context:
    aws_request_id: str = field(default_factory=lambda: str(uuid4()))


@cache
def module(handler: str) -> ModuleType:
    """`lambda/<handler>.py` under a name that nothing else has."""
    return _loaded("lambda", handler)


@cache
def glue_script(name: str) -> ModuleType:
    """`glue/<name>.py` likewise."""
    return _loaded("glue", name)


def _loaded(folder: str, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{folder}_{name}", ROOT / folder / f"{name}.py")
    if spec is None or spec.loader is None:
        raise LakeError(f"There is no {folder}/{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def function(handler: str) -> Any:
    """A handler in a container that has just started: nothing is cached."""
    found = module(handler)
    for value in vars(found).values():
        if hasattr(value, "cache_clear") and value.__module__ == found.__name__:
            value.cache_clear()
    return found.handler


@cache
def _role(aws: EmbeddedAws) -> str:
    iam = aws.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    return str(iam.create_role(RoleName="fault-states", AssumeRolePolicyDocument=policy)["Role"]["Arn"])


def message(world: World, key: str, message_id: str, version_id: str) -> Event:
    """SQS's event to the gate: EventBridge says that an object was created."""
    detail = {"bucket": {"name": world.bucket}, "object": {"key": key, "version-id": version_id}}
    body = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    return {"Records": [{"messageId": message_id, "body": json.dumps(body)}]}
