"""What the lake does while policies are recorded, step by step: the docstring of a step says what it is."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from cli.lake import Lake, open_lake
from deploy import load_config
from deploy.functions import needed_functions
from deploy.stack import deploy_stack
from lakehouse.ledger.items import CrawlWait
from lakehouse.ledger.store import Ledger
from lakehouse.repair.judge_again import arrival
from localaws import EmbeddedAws
from tests.iam.looks import look_by_hand
from tests.iam.people import People

ROWS = ("--rows", "100")
SECONDS = 600.0
PERSON, BATCH, ALONE = "CUST-000000000001", "2026-01-09", "2026-01-08"
CUSTOMER = "1700017171"
CARTS = f"cart_id,customer_id,product_id,product_amount,product_price\n1,{CUSTOMER},7,3,$2.50\n"
SALE = {
    "transaction_id": "TXN-FORGET-1",
    "timestamp": "2026-01-09T12:00:00",
    "customer_id": PERSON,
    "product_id": "PROD-1",
    "product_name": "Thing",
    "category": "Things",
    "quantity": 2,
    "price": 2.5,
    "total_amount": 5.0,
}


@dataclass(frozen=True)
class Story:
    """A lake that works, and the people who work with it."""

    aws: EmbeddedAws
    people: People
    folder: Path
    broken: dict[str, str] = field(default_factory=dict)
    """Actions that a role was denied for a while, with wildcards: that says nothing of its policies."""

    def steps(self) -> tuple[Callable[[], object], ...]:
        """Everything, in order."""
        return (
            self.deploy,
            self.every_pipeline_on_duckdb,
            self.generators,
            self.other_jobs_on_spark,
            self.late_batches,
            self.sweep,
            self.failures,
            self.crawler_that_fails,
            self.crawlers_by_hand,
            self.dead_letters,
            self.look,
            self.look_without_our_command,
            self.repair,
            self.forget,
            self.deploy_again,
        )

    def deploy(self) -> None:
        """The stack is deployed."""
        self.people.lake("up")

    def every_pipeline_on_duckdb(self) -> None:
        """Every pipeline, from files with some bad rows to checked gold, on DuckDB."""
        self.people.lake("demo", "all", *ROWS, "--engine", "duckdb", "--dirty", "0.02")

    def other_jobs_on_spark(self) -> None:
        """The Glue jobs of pipelines that are DuckDB's by their contract."""
        for name, pipeline in self.lake.pipelines.items():
            if pipeline.engine == "duckdb":
                self.people.lake("demo", name, *ROWS, "--seed", "8", "--files", "1", "--engine", "spark")
        self.quiet()

    def generators(self) -> None:
        """Every generator is asked by a person; what it makes goes to the engine of the contract."""
        for name, pipeline in self.lake.pipelines.items():
            files = "3" if any(dataset.compact for dataset in pipeline.datasets) else "1"
            if pipeline.generator:
                self.people.lake("generate", name, "--rows", "5", "--files", files, "--at", "2026-01-20")

    def late_batches(self) -> None:
        """A batch stays incomplete, a file is nobody's; of other batches the start of a run was lost."""
        s3, ledger = self.aws.client("s3"), Ledger(self.aws.client("dynamodb"), self.lake.settings.ledger_table)
        s3.put_object(Bucket=self.lake.settings.bucket, Key="bronze/activity/users/late/users.json", Body=b"{}")
        s3.put_object(Bucket=self.lake.settings.bucket, Key="bronze/nobodys/file.txt", Body=b"x")
        self.until(lambda: any(slot.batch == "late" for slot in ledger.slots("activity")))
        self.arrivals()
        for name in self.lake.pipelines:
            batch = next(iter(ledger.runs(name))).batch
            ledger.renew(name, batch, "duckdb")

    def arrivals(self) -> None:
        """A file arrives that is gone again, and one with the content of another."""
        s3, bucket, gone = self.aws.client("s3"), self.lake.settings.bucket, "bronze/activity/users/late/gone.json"
        s3.put_object(Bucket=bucket, Key=gone, Body=b"{}")
        s3.delete_object(Bucket=bucket, Key=gone)
        sqs = self.aws.client("sqs")
        url = sqs.get_queue_url(QueueName=f"{self.lake.prefix}-gate")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody=arrival(bucket, gone))
        for name in self.lake.pipelines:
            slot = next(one for one in self.lake.ledger.slots(name) if one.verdict == "accepted")
            body = s3.get_object(Bucket=bucket, Key=slot.key)["Body"].read()
            s3.put_object(Bucket=bucket, Key=slot.key, Body=body)
        self.quiet()

    def sweep(self) -> None:
        """Days later the sweeper, the compactor and the tidier look."""
        client, name = self.aws.client("lambda"), f"{self.lake.prefix}-tidy"
        variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        fewer = {"Variables": {**variables, "LAKE_KEEP_GOLD_RUNS": "1"}}
        client.update_function_configuration(FunctionName=name, Environment=fewer)
        for kind, days in (("sweep", 4), ("sweep", 4), ("compact", 4), ("tidy", 4), ("tidy", 60)):
            self.invoke(kind, {"time": (datetime.now(UTC) + timedelta(days=days)).isoformat()})
        self.quiet()

    def failures(self) -> None:
        """A run of every pipeline fails."""
        states, prefix = self.aws.client("stepfunctions"), self.lake.settings.state_machine_arn_prefix
        nothing = {"batch": "none", "run_id": "none", "generation": "no number", "manifest_hash": "none"}
        for name in self.lake.pipelines:
            event = json.dumps({"pipeline": name, **nothing})
            states.start_execution(stateMachineArn=prefix + name, name="fails", input=event)
        self.quiet()

    def crawler_that_fails(self) -> None:
        """A crawler may read nothing for once: its workflow hears of it."""
        iam = self.aws.client("iam")
        name, crawler = next((name, one) for name, one in self.crawlers if one.layer == "bronze")
        role = f"{self.lake.prefix}-{name}-{crawler.name}-crawler"
        deny = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}
        self.broken[role.removeprefix(f"{self.lake.prefix}-")] = "s3:*"
        iam.put_role_policy(RoleName=role, PolicyName="broken", PolicyDocument=json.dumps(deny))
        batch = next(run.batch for run in self.lake.ledger.runs(name) if run.status == "published")
        self.people.lake("replay", f"{name}/{batch}", "--no-wait", "--engine", "duckdb")
        self.quiet()
        iam.delete_role_policy(RoleName=role, PolicyName="broken")

    def dead_letters(self) -> None:
        """Functions that nobody waits for get what they cannot handle."""
        functions = [one for one in needed_functions(tuple(self.lake.pipelines.values())) if one.asynchronous]
        lambda_ = self.aws.client("lambda")
        for one in functions:
            name = f"{self.lake.prefix}-{one.who}"
            lambda_.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"time": "no time", "detail": {}}')
        sqs = self.aws.client("sqs")
        url = sqs.get_queue_url(QueueName=f"{self.lake.prefix}-functions-dlq")["QueueUrl"]
        about = "ApproximateNumberOfMessages"

        def kept() -> bool:
            found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[about])["Attributes"]
            return int(found[about]) >= len(functions)

        self.until(kept)
        self.undelivered()

    def undelivered(self) -> None:
        """Arrivals that nobody could handle, or that could not be delivered."""
        sqs, queues = self.aws.client("sqs"), f"arn:aws:sqs:{self.aws.region}:{self.aws.account_id}:{self.lake.prefix}"
        body = arrival(self.lake.settings.bucket, "bronze/nobodys/file.txt")
        told = {"TARGET_ARN": {"DataType": "String", "StringValue": f"{queues}-gate"}}
        for queue in ("gate-dlq", "events-dlq"):
            url = sqs.get_queue_url(QueueName=f"{self.lake.prefix}-{queue}")["QueueUrl"]
            sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=told)

    def crawlers_by_hand(self) -> None:
        """The operator starts the crawlers that no workflow waits for."""
        glue = self.lake.client("glue")
        names = [f"{self.lake.prefix}-{name}-{one.name}" for name, one in self.crawlers]
        for name in names:
            if "LastCrawl" not in glue.get_crawler(Name=name)["Crawler"]:
                glue.start_crawler(Name=name)
        self.until(lambda: all(glue.get_crawler(Name=name)["Crawler"]["State"] == "READY" for name in names))
        self.ask_too_late(*self.crawlers[0])

    def ask_too_late(self, pipeline: str, crawler: Any) -> None:
        """Somebody waits for a crawl that begins after the one that has just ended."""
        name, machine = f"{self.lake.prefix}-{pipeline}-{crawler.name}", self.lake.settings.state_machine_arn_prefix
        ledger = Ledger(self.aws.client("dynamodb"), self.lake.settings.ledger_table)
        from localaws.task_tokens import token_of  # imports ministack, which reads its settings once

        asked_at = datetime.now(UTC).isoformat(timespec="microseconds")
        ledger.wait_for_crawl(CrawlWait(name, pipeline, "late", "late", token_of(machine + pipeline), asked_at))
        self.invoke("crawled", {"detail": {"crawlerName": name, "state": "Succeeded"}})
        self.until(lambda: not list(ledger.waiting_for_crawl(name)))

    def look(self) -> None:
        """The operator looks at everything."""
        for command in ("status", "runs", "files", "notifications", "queries"):
            self.people.lake(command)
        (file, *_) = self.people.lake("quarantine", "list")
        self.people.lake("quarantine", "show", file["file_id"])
        self.people.lake("query", "select count(*) from user_activity")
        self.people.lake("audit", codes=(0, 1))  # 1: it found something

    def look_without_our_command(self) -> None:
        """The operator looks as the console and the AWS CLI do."""
        look_by_hand(self.aws, self.lake)

    def repair(self) -> None:
        """The operator has things done again."""
        self.people.lake("dlq", "list")
        self.people.lake("dlq", "redrive", "--yes")
        self.people.lake("quarantine", "release", "--all", "--yes")
        for name in self.lake.pipelines:
            batch = next(run.batch for run in self.lake.ledger.runs(name) if run.status == "published")
            self.people.lake("replay", f"{name}/{batch}", "--engine", "duckdb")
        self.people.lake("backfill", "transactions", "--from", "2026-01-01", "--to", "2026-01-31", "--yes")
        self.quiet()

    def forget(self) -> None:
        """The eraser removes a person for good."""
        path = self.folder / "transactions" / f"date={BATCH}" / "sales.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps([SALE, {**SALE, "transaction_id": "TXN-FORGET-2", "customer_id": "CUST-2"}]))
        alone = self.folder / "transactions" / f"date={ALONE}" / "sales.json"
        alone.parent.mkdir(parents=True)
        alone.write_text(json.dumps([{**SALE, "transaction_id": "TXN-FORGET-3", "timestamp": f"{ALONE}T12:00:00"}]))
        self.people.lake("put", str(alone))
        carts = self.folder / "carts.csv"
        bad = f"1,{CUSTOMER},7,99,$2.50\n"
        carts.write_text(CARTS + bad + "".join(f"{number},{number},7,1,$2.50\n" for number in range(1, 30)))
        self.people.lake("put", str(path))
        self.people.lake("put", str(carts), "-p", "carts", "-d", "carts", "-b", "2026-01-31")
        self.quiet()
        self.undelivered()
        self.gossip()
        self.people.lake("forget", "transactions", "--key", PERSON, "--yes")
        self.people.lake("forget", "carts", "--key", CUSTOMER, "--yes")
        self.people.lake("forget", "sales", "--key", "C2", "--dry-run", codes=(0, 1))  # 1: more speaks of it
        self.quiet()

    def gossip(self) -> None:
        """Logs and the ledger name a person, as if the lake broke its rule."""
        dynamodb, table = self.aws.client("dynamodb"), self.lake.settings.ledger_table
        items = (item for page in dynamodb.get_paginator("scan").paginate(TableName=table) for item in page["Items"])
        run = next(one for one in items if one["pk"]["S"].startswith("transactions") and "run_id" in one)
        dynamodb.update_item(
            TableName=table,
            Key={"pk": run["pk"], "sk": run["sk"]},
            UpdateExpression="SET #error = :text",
            ExpressionAttributeNames={"#error": "error"},
            ExpressionAttributeValues={":text": {"S": f"{PERSON} was here"}},
        )
        logs = self.aws.client("logs")
        lambdas, machines = f"/aws/lambda/{self.lake.prefix}-gate", "/aws/vendedlogs/states/"
        found = logs.describe_log_groups(logGroupNamePrefix=machines)["logGroups"]
        for group in (lambdas, found[0]["logGroupName"], "/aws-glue/jobs/error"):
            logs.create_log_stream(logGroupName=group, logStreamName="gossip")
            event = {"timestamp": int(time.time() * 1000), "message": f"{PERSON} was here"}
            logs.put_log_events(logGroupName=group, logStreamName="gossip", logEvents=[event])

    def deploy_again(self) -> None:
        """The stack is brought up to date with the deployer's rights."""
        config = load_config("local")
        arn = f"arn:aws:iam::{self.aws.account_id}:role/{config.prefix}-deployer"
        keys = self.aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="deployer")["Credentials"]
        session = boto3.Session(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=self.aws.region
        )
        deploy_stack(session, config, endpoint_url=self.aws.endpoint_url)

    @cached_property
    def lake(self) -> Lake:
        return open_lake()

    @property
    def crawlers(self) -> list[tuple[str, Any]]:
        return [(name, crawler) for name, one in self.lake.pipelines.items() for crawler in one.crawlers]

    def invoke(self, kind: str, event: dict[str, object]) -> None:
        """Invoke a function and wait for what it answers."""
        patient = Config(read_timeout=SECONDS, retries={"total_max_attempts": 1})
        client = self.aws.session().client("lambda", endpoint_url=self.aws.endpoint_url, config=patient)
        answer = client.invoke(FunctionName=f"{self.lake.prefix}-{kind}", Payload=json.dumps(event).encode())
        assert "FunctionError" not in answer, answer["Payload"].read()

    def quiet(self) -> None:
        """Until no execution runs and the gate has nothing to do."""
        states, prefix = self.aws.client("stepfunctions"), self.lake.settings.state_machine_arn_prefix

        def still() -> bool:
            machines = [prefix + name for name in self.lake.pipelines]
            return not any(
                states.list_executions(stateMachineArn=one, statusFilter="RUNNING")["executions"] for one in machines
            )

        self.until(still)

    @staticmethod
    def until(look: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not look():
            assert time.monotonic() < deadline, "it did not come to that in time"
            time.sleep(0.1)
