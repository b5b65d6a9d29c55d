"""Questions to AWS, each (service, what is asked of a client of it), for the tests of roles."""

from collections.abc import Callable
from typing import Any

from tests.lake import Lake

Ask = Callable[[Lake, Any], Any]


def put(key: str) -> tuple[str, Ask]:
    return "s3", lambda lake, s3: s3.put_object(Bucket=lake.bucket, Key=key, Body=b"x")


def get(key: str) -> tuple[str, Ask]:
    return "s3", lambda lake, s3: s3.get_object(Bucket=lake.bucket, Key=key)


def delete(key: str) -> tuple[str, Ask]:
    return "s3", lambda lake, s3: s3.delete_object(Bucket=lake.bucket, Key=key)


CRAWLER = "transactions-daily"
"""A crawler that changes nothing."""

SILVER, GOLD, QUARANTINE = "silver/activity/users", "gold/activity/user_activity", "quarantine/activity/users/f"
ERASED = ("bronze/probe", f"{SILVER}/data/probe", f"{QUARANTINE}/probe", f"{GOLD}/run=r/a/probe")


def erase(key: str) -> tuple[str, Ask]:
    """Delete a version that is not there: the right is asked for first."""
    return "s3", lambda lake, s3: s3.delete_object(Bucket=lake.bucket, Key=key, VersionId="no-such-version")


def listing(prefix: str) -> tuple[str, Ask]:
    return "s3", lambda lake, s3: s3.list_objects_v2(Bucket=lake.bucket, Prefix=prefix)


def write_ledger() -> tuple[str, Ask]:
    return "dynamodb", lambda lake, dynamodb: dynamodb.update_item(
        TableName=lake.settings.ledger_table, Key={"pk": {"S": "probe"}, "sk": {"S": "probe"}}
    )


def read_ledger() -> tuple[str, Ask]:
    return "dynamodb", lambda lake, dynamodb: dynamodb.get_item(
        TableName=lake.settings.ledger_table, Key={"pk": {"S": "probe"}, "sk": {"S": "probe"}}
    )


def list_ledger() -> tuple[str, Ask]:
    return "dynamodb", lambda lake, dynamodb: dynamodb.query(
        TableName=lake.settings.ledger_table,
        IndexName="by-kind",
        KeyConditionExpression="kind_pipeline = :probe",
        ExpressionAttributeValues={":probe": {"S": "probe"}},
    )


def drop_ledger() -> tuple[str, Ask]:
    return "dynamodb", lambda lake, dynamodb: dynamodb.delete_table(TableName=lake.settings.ledger_table)


def start_run(pipeline: str) -> tuple[str, Ask]:
    return "stepfunctions", lambda lake, states: states.start_execution(
        stateMachineArn=lake.settings.state_machine_arn_prefix + pipeline, name="probe", input="not JSON"
    )


def describe_run(machine: str) -> tuple[str, Ask]:
    def ask(lake: Lake, states: Any) -> object:
        machines = lake.settings.state_machine_arn_prefix.removesuffix(lake.named(""))
        return states.describe_execution(executionArn=f"{machines.replace('stateMachine', 'execution')}{machine}:probe")

    return "stepfunctions", ask


def read_gold_table(name: str = "user_activity") -> tuple[str, Ask]:
    return "glue", lambda lake, glue: glue.get_table(DatabaseName=lake.settings.gold_database, Name=name)


def read_silver_table() -> tuple[str, Ask]:
    return "glue", lambda lake, glue: glue.get_table(DatabaseName=lake.settings.silver_database, Name="activity_users")


def drop_gold_table() -> tuple[str, Ask]:
    return "glue", lambda lake, glue: glue.delete_table(DatabaseName=lake.settings.gold_database, Name="no_such_table")


def start_job(name: str = "no-such-job") -> tuple[str, Ask]:
    return "glue", lambda lake, glue: glue.start_job_run(JobName=lake.named(name))


def publish() -> tuple[str, Ask]:
    return "sns", lambda lake, sns: sns.publish(TopicArn=lake.settings.topic_arn, Message="probe")


def invoke(who: str) -> tuple[str, Ask]:
    return "lambda", lambda lake, client: client.invoke(
        FunctionName=lake.named(who), InvocationType="DryRun", Payload=b"{}"
    )


def put_events(*sources: str) -> tuple[str, Ask]:
    return "events", lambda lake, events: events.put_events(
        Entries=[{"Source": source, "DetailType": "probe", "Detail": "{}"} for source in sources]
    )


def crawl(name: str) -> tuple[str, Ask]:
    return "glue", lambda lake, glue: glue.start_crawler(Name=lake.named(name))


def crawl_elsewhere() -> tuple[str, Ask]:
    return "glue", lambda _, glue: glue.start_crawler(Name="somebody-elses")


def answer_task(machine: str) -> tuple[str, Ask]:
    """A token that the service makes no more, of a machine of the lake or of another one."""

    def ask(lake: Lake, states: Any) -> object:
        from localaws.task_tokens import token_of  # imports ministack, which reads its settings once

        machines = lake.settings.state_machine_arn_prefix.removesuffix(lake.named(""))
        return states.send_task_failure(taskToken=token_of(machines + machine))

    return "stepfunctions", ask


def read_partitions() -> tuple[str, Ask]:
    return "glue", lambda lake, glue: glue.get_partitions(
        DatabaseName=lake.settings.gold_database, TableName="user_activity"
    )


def make_table(layer: str, name: str = "no_such_table") -> tuple[str, Ask]:
    return "glue", lambda lake, glue: glue.create_table(
        DatabaseName=lake.outputs[f"{layer.capitalize()}Database"], TableInput={"Name": name}
    )


def send(queue: str) -> tuple[str, Ask]:
    return "sqs", lambda lake, sqs: sqs.send_message(QueueUrl=lake.outputs[f"{queue}Url"], MessageBody="")


def query() -> tuple[str, Ask]:
    return "athena", lambda lake, athena: athena.start_query_execution(
        QueryString="select 1", WorkGroup=lake.config.prefix
    )


def receive() -> tuple[str, Ask]:
    return "sqs", lambda lake, sqs: sqs.receive_message(QueueUrl=lake.outputs["GateQueueUrl"])


def see_queue() -> tuple[str, Ask]:
    return "sqs", lambda lake, sqs: sqs.get_queue_attributes(QueueUrl=lake.outputs["GateQueueUrl"])


def change_role() -> tuple[str, Ask]:
    return "iam", lambda lake, iam: iam.delete_role_policy(RoleName=lake.named("gate"), PolicyName="no-such")
