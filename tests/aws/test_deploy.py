"""The stack as it stands in the embedded AWS: what the template promises is in force, not only written down."""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from deploy import DeployError, deploy_stack
from deploy.alarm_kinds import alarm_kinds
from deploy.config import PIPELINES_DIR
from deploy.functions import Function, needed_functions
from lakehouse.contract.load import pipelines
from lakehouse.ledger.items import GoldPointer, now
from lakehouse.ledger.store import Ledger
from lakehouse.publish.catalog import Catalog
from tests.lake import Lake

FUNCTIONS = needed_functions(tuple(pipelines().values()))


def eventually(look: Callable[[], Any], seconds: float = 20) -> Any:
    """The first truthy answer of `look`."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.1)
    return found


def test_lake_bucket_is_versioned_private_encrypted_and_tidied(lake: Lake) -> None:
    s3, bucket = lake.client("s3"), lake.bucket
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": lake.outputs["DataKeyArn"],
    }
    assert rule["BucketKeyEnabled"] is True
    assert set(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()) == {True}
    ownership = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert ownership == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    rules = {rule["ID"]: rule for rule in s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]}
    former = rules["former-bronze-versions"]
    assert former["NoncurrentVersionExpiration"]["NoncurrentDays"] == lake.config.old_versions_days
    assert "lakegate-former" in str(former["Filter"])
    assert rules["left-overs"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
    assert rules["athena-results"]["Expiration"]["Days"] == lake.config.athena_results_days
    assert "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket=bucket)


def test_an_upload_without_a_key_gets_the_data_key(lake: Lake) -> None:
    lake.client("s3").put_object(Bucket=lake.bucket, Key="athena-results/probe", Body=b"x")
    head = lake.client("s3").head_object(Bucket=lake.bucket, Key="athena-results/probe")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", lake.outputs["DataKeyArn"])


def test_artifacts_bucket_is_versioned_private_and_encrypted(lake: Lake) -> None:
    s3, bucket = lake.client("s3"), f"{lake.config.prefix}-artifacts-{lake.aws.account_id}"
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert set(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()) == {True}


def test_ledger_is_on_demand_encrypted_recoverable_and_indexed_by_kind(lake: Lake) -> None:
    dynamodb = lake.client("dynamodb")
    table = dynamodb.describe_table(TableName=lake.settings.ledger_table)["Table"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert [index["IndexName"] for index in table["GlobalSecondaryIndexes"]] == ["by-kind"]
    assert table["SSEDescription"]["Status"] == "ENABLED"
    assert table["SSEDescription"]["KMSMasterKeyArn"] == lake.outputs["DataKeyArn"]
    backups = dynamodb.describe_continuous_backups(TableName=lake.settings.ledger_table)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"


def test_queues_are_encrypted_patient_and_end_in_a_dead_letter_queue(lake: Lake) -> None:
    def attributes(url: str) -> dict[str, str]:
        answer = lake.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        return dict(answer["Attributes"])

    gate = attributes(lake.outputs["GateQueueUrl"])
    dead = attributes(lake.outputs["GateDeadLettersUrl"])
    assert int(gate["VisibilityTimeout"]) >= 6 * lake.config.functions["gate"].timeout_seconds
    assert json.loads(gate["RedrivePolicy"]) == {"deadLetterTargetArn": dead["QueueArn"], "maxReceiveCount": 5}
    key_id = lake.outputs["DataKeyArn"].rsplit("/", 1)[1]
    for queue in (gate, dead, attributes(lake.outputs["EventsDeadLettersUrl"])):
        assert queue["KmsMasterKeyId"] == key_id
        statements = {statement["Sid"]: statement for statement in json.loads(queue["Policy"])["Statement"]}
        assert statements["OnlyTls"]["Effect"] == "Deny"
    allowed = [s for s in json.loads(gate["Policy"])["Statement"] if s["Effect"] == "Allow"]
    rule = lake.client("events").describe_rule(Name=lake.named("arrivals"))["Arn"]
    assert [(s["Principal"], s["Condition"]["ArnEquals"]) for s in allowed] == [
        ({"Service": "events.amazonaws.com"}, {"aws:SourceArn": rule})
    ]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.who)
def test_function_has_its_role_size_and_settings_and_a_log_that_ends(lake: Lake, function: Function) -> None:
    who = function.who
    found = lake.client("lambda").get_function_configuration(FunctionName=lake.named(who))
    size = lake.config.functions[function.kind]
    assert (found["Runtime"], found["Handler"]) == ("python3.12", f"{function.kind}.handler")
    assert found["Role"].endswith(f":role/{lake.named(who)}")
    assert (found["MemorySize"], found["Timeout"]) == (size.memory_mb, size.timeout_seconds)
    assert found["EphemeralStorage"]["Size"] == size.storage_mb
    settings = {f"LAKE_{name.upper()}": value for name, value in vars(lake.settings).items()}
    assert settings.items() <= found["Environment"]["Variables"].items()
    name = f"/aws/lambda/{lake.named(who)}"
    groups = lake.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert [(g["retentionInDays"], g["kmsKeyId"]) for g in groups if g["logGroupName"] == name] == [
        (lake.config.log_retention_days, lake.outputs["DataKeyArn"])
    ]


def test_gate_takes_one_message_at_a_time_two_at_once_and_reports_each(lake: Lake) -> None:
    mappings = lake.client("lambda").list_event_source_mappings(FunctionName=lake.named("gate"))["EventSourceMappings"]
    assert len(mappings) == 1
    assert mappings[0]["EventSourceArn"].endswith(f":{lake.named('gate')}")
    assert mappings[0]["BatchSize"] == 1
    assert mappings[0]["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert mappings[0]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_glue_job_has_its_size_role_and_limits(lake: Lake) -> None:
    job = lake.client("glue").get_job(JobName=lake.named("activity-gold"))["Job"]
    size = lake.config.glue
    assert (job["GlueVersion"], job["WorkerType"], job["NumberOfWorkers"]) == ("5.1", size.worker_type, size.workers)
    assert (job["Timeout"], job["MaxRetries"]) == (size.timeout_minutes, 0)
    assert job["ExecutionProperty"] == {"MaxConcurrentRuns": size.max_concurrent_runs}
    assert job["Role"].endswith(f":role/{lake.named('activity-glue-gold')}")
    arguments = job["DefaultArguments"]
    assert arguments["--datalake-formats"] == "delta"
    assert "--conf spark.sql.shuffle.partitions=4" in arguments["--conf"]
    assert {name: arguments[f"--lake_{name}"] for name in vars(lake.settings)} == vars(lake.settings)
    for place in (job["Command"]["ScriptLocation"], arguments["--extra-py-files"]):
        bucket, key = place.removeprefix("s3://").split("/", 1)
        assert lake.client("s3").head_object(Bucket=bucket, Key=key)["ContentLength"] > 0


def test_catalog_has_silver_as_delta_and_gold_as_parquet_with_types_and_comments(lake: Lake) -> None:
    glue = lake.client("glue")
    orders = glue.get_table(DatabaseName=lake.settings.silver_database, Name="activity_orders")["Table"]
    assert (orders["Parameters"]["table_type"], orders["Parameters"]["classification"]) == ("DELTA", "delta")
    assert orders["StorageDescriptor"]["Location"] == f"s3://{lake.bucket}/silver/activity/orders/"
    columns = {column["Name"]: column for column in orders["StorageDescriptor"]["Columns"]}
    assert columns["order_amount"]["Type"] == "decimal(12,2)"
    assert columns["order_amount"]["Comment"] == "Amount in the order's currency"
    assert columns["_line"]["Type"] == "bigint"
    assert [key["Name"] for key in orders["PartitionKeys"]] == ["_batch", "_slot"]
    gold = glue.get_table(DatabaseName=lake.settings.gold_database, Name="user_activity")["Table"]
    types = {column["Name"]: column["Type"] for column in gold["StorageDescriptor"]["Columns"]}
    assert (types["total_events"], types["revenue"], types["first_event_at"]) == (
        "bigint",
        "decimal(18,2)",
        "timestamp",
    )
    assert gold["Parameters"]["classification"] == "parquet"


def test_key_rotates_and_has_its_alias(lake: Lake) -> None:
    kms = lake.client("kms")
    assert kms.get_key_rotation_status(KeyId=f"alias/{lake.config.prefix}")["KeyRotationEnabled"] is True
    assert kms.describe_key(KeyId=f"alias/{lake.config.prefix}")["KeyMetadata"]["Arn"] == lake.outputs["DataKeyArn"]


def test_athena_results_lie_in_the_lake_encrypted_whatever_the_client_asks(lake: Lake) -> None:
    group = lake.client("athena").get_work_group(WorkGroup=lake.config.prefix)["WorkGroup"]["Configuration"]
    assert group["EnforceWorkGroupConfiguration"] is True
    assert group["ResultConfiguration"]["OutputLocation"] == f"s3://{lake.bucket}/athena-results/"
    encryption = group["ResultConfiguration"]["EncryptionConfiguration"]
    assert encryption == {"EncryptionOption": "SSE_KMS", "KmsKey": lake.outputs["DataKeyArn"]}


def test_alarms_tell_the_topic(lake: Lake) -> None:
    pages = lake.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=lake.named(""))
    alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
    names = {alarm["AlarmName"].removeprefix(f"{lake.config.prefix}-") for alarm in alarms}
    rules = lake.client("events").list_rules(NamePrefix=f"{lake.config.prefix}-")["Rules"]
    of = {
        "function": [function.who for function in FUNCTIONS],
        "workflow": list(pipelines()),
        "job": list(pipelines()),
        "pipeline": list(pipelines()),
        "dead_letters": ["gate-dlq", "events-dlq", "functions-dlq"],
        "queue": ["gate"],
        "rule": [rule["Name"].removeprefix(f"{lake.config.prefix}-") for rule in rules],
    }
    assert names == {kind.called(thing) for kind in alarm_kinds() for thing in of[kind.of]}
    assert {tuple(alarm["AlarmActions"]) for alarm in alarms} == {(lake.settings.topic_arn,)}


def test_dashboard_is_json_that_names_what_there_is(lake: Lake) -> None:
    found = lake.client("cloudwatch").get_dashboard(DashboardName=lake.config.prefix)["DashboardBody"]
    assert "${" not in found
    lines = [line for widget in json.loads(found)["widgets"] for line in widget["properties"]["metrics"]]
    functions = {line[3] for line in lines if line[0] == "AWS/Lambda"}
    assert functions == {lake.named(function.who) for function in FUNCTIONS}
    machines = {line[3] for line in lines if line[0] == "AWS/States"}
    assert machines == {lake.settings.state_machine_arn_prefix + name for name in pipelines()}
    assert {line[3] for line in lines if line[0] == "AWS/SQS"} == {
        lake.named(name) for name in ("gate", "gate-dlq", "events-dlq", "functions-dlq")
    }
    assert {line[3] for line in lines if line[0] == "AWS/S3"} == {lake.bucket}


def test_schedules_of_generators_are_off_on_one_machine_and_those_of_upkeep_are_on(lake: Lake) -> None:
    rules = {rule["Name"]: rule for rule in lake.client("events").list_rules(NamePrefix="lakegate-")["Rules"]}
    for name, pipeline in pipelines().items():
        if pipeline.generator and pipeline.generator.schedule:
            rule = rules[lake.named(f"{name}-generate")]
            assert (rule["ScheduleExpression"], rule["State"]) == (pipeline.generator.schedule, "DISABLED")
    upkeep = {"compact": "cron(0 3 * * ? *)", "sweep": "rate(15 minutes)"}
    for name, schedule in upkeep.items():
        rule = rules[lake.named(name)]
        assert (rule["ScheduleExpression"], rule["State"]) == (schedule, "ENABLED")


def test_crawlers_are_there_with_their_role_and_schedule(lake: Lake) -> None:
    found = {crawler["Name"]: crawler for crawler in lake.client("glue").get_crawlers()["Crawlers"]}
    wanted = {
        lake.named(f"{name}-{one.name}"): one for name, pipeline in pipelines().items() for one in pipeline.crawlers
    }
    assert wanted.keys() <= found.keys()
    for name, crawler in wanted.items():
        assert found[name]["Role"].endswith(f":role/{name}-crawler")
        assert found[name].get("Schedule", {}).get("ScheduleExpression") == crawler.schedule


def test_an_event_that_a_function_could_not_handle_is_kept_with_the_error(lake: Lake) -> None:
    lake.client("lambda").invoke(
        FunctionName=lake.named("carts-generate"), InvocationType="Event", Payload=b'{"rows": "many"}'
    )
    url = lake.outputs["FunctionsDeadLettersUrl"]

    def kept() -> list[dict[str, Any]]:
        found = lake.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            lake.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found]

    (message,) = eventually(kept, seconds=60)
    assert message["requestPayload"] == {"rows": "many"}
    assert lake.named("carts-generate") in message["requestContext"]["functionArn"].split(":")
    assert message["responsePayload"]["errorType"] == "EventError"


def test_people_hear_of_jobs_and_crawlers_of_the_lake_and_of_no_other(lake: Lake) -> None:
    """Of all that fail, and of the jobs that ended well where the pipeline asks for mail."""
    from localaws.events import emit, job_state_change  # imports ministack, which reads its settings once

    sqs = lake.client("sqs")
    url = sqs.create_queue(QueueName="hears-of-jobs")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [{**allowed, "Resource": queue}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    lake.client("sns").subscribe(TopicArn=lake.settings.topic_arn, Protocol="sqs", Endpoint=queue)

    quiet, mailed, crawler = (lake.named(name) for name in ("activity-gold", "sales-gold", "sales-raw"))
    job_state_change("somebody-elses", "probe_1", "FAILED", "why")
    job_state_change(quiet, "probe_2", "SUCCEEDED", "")
    job_state_change(quiet, "probe_3", "FAILED", "why")
    job_state_change(quiet, "probe_4", "TIMEOUT", "")
    job_state_change(mailed, "probe_5", "SUCCEEDED", "")
    emit("aws.glue", "Glue Crawler State Change", {"crawlerName": "somebody-elses", "state": "Failed"})
    emit("aws.glue", "Glue Crawler State Change", {"crawlerName": crawler, "state": "Failed"})

    wanted = {
        f"Glue job {quiet} ended as FAILED. Run probe_3; see /aws-glue/jobs/error.",
        f"Glue job {quiet} ended as TIMEOUT. Run probe_4; see /aws-glue/jobs/error.",
        f"Glue job {mailed} ended as SUCCEEDED. Run probe_5.",
        f"Glue crawler {crawler} ended as Failed; see /aws-glue/crawlers.",
    }
    heard: set[str] = set()

    def all_of_them() -> bool:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            heard.add(json.loads(message["Body"])["Message"].strip('"'))
        return wanted <= heard

    eventually(all_of_them)
    assert not [text for text in heard if "somebody-elses" in text or "probe_2" in text]


def test_an_object_put_into_bronze_reaches_the_gate_and_one_elsewhere_does_not(lake: Lake) -> None:
    key = "bronze/nobody/knows/ä + %25.json"
    s3, logs = lake.client("s3"), lake.client("logs")
    s3.put_object(Bucket=lake.bucket, Key="athena-results/not-for-the-gate.json", Body=b"{}")
    s3.put_object(Bucket=lake.bucket, Key=key, Body=b"{}")

    def messages() -> list[str]:
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{lake.named('gate')}")["events"]
        return [event["message"] for event in events]

    eventually(lambda: [line for line in messages() if key in line])
    assert not [line for line in messages() if "not-for-the-gate" in line]


def test_deploying_the_same_again_changes_nothing(lake: Lake) -> None:
    def deploy() -> tuple[dict[str, str], list[Any]]:
        outputs = deploy_stack(lake.aws.session(), lake.config, endpoint_url=lake.aws.endpoint_url)
        return outputs, lake.client("cloudformation").describe_stack_events(StackName=lake.config.prefix)["StackEvents"]

    once = deploy()
    assert once[0] == lake.outputs
    assert deploy() == once


def test_the_deployer_role_may_do_all_that_a_deployment_calls(lake: Lake) -> None:
    outputs = deploy_stack(lake.session_of("deployer"), lake.config, endpoint_url=lake.aws.endpoint_url)
    assert outputs == lake.outputs


def test_an_update_changes_what_changed_and_gold_stays_in_sight(lake: Lake, tmp_path: Path) -> None:
    """A changed comment makes CloudFormation write the gold table anew, with the template's empty location."""
    config = replace(lake.config, prefix="second")
    where = {"endpoint_url": lake.aws.endpoint_url}
    outputs = deploy_stack(lake.aws.session(), config, **where)
    published = f"s3://{outputs['LakeBucket']}/gold/activity/user_activity/run=r1/a1/"
    catalog = Catalog(lake.client("glue"), outputs["GoldDatabase"])
    ledger = Ledger(lake.client("dynamodb"), outputs["LedgerTable"])
    ledger.put_pointer(GoldPointer("activity", "user_activity", published, "r1", {"users": 1}, at=now()))

    folder = tmp_path / "pipelines"
    shutil.copytree(PIPELINES_DIR, folder, ignore=shutil.ignore_patterns("__pycache__"))
    contract = folder / "activity" / "pipeline.toml"
    contract.write_text(contract.read_text().replace('comment = "Sum of paid orders, USD"', 'comment = "Paid, USD"'))
    sizes = MappingProxyType({**config.functions, "failed": replace(config.functions["failed"], memory_mb=320)})
    changed = replace(config, functions=sizes)
    deploy_stack(lake.aws.session(), changed, pipelines_dir=folder, **where)

    table = catalog.read("user_activity")
    columns = {column["Name"]: column["Comment"] for column in table.definition["StorageDescriptor"]["Columns"]}
    assert columns["revenue"] == "Paid, USD"
    assert table.pointer is not None
    assert (table.pointer.location, table.pointer.versions) == (published, {"users": 1})
    failed = lake.client("lambda").get_function_configuration(FunctionName="second-failed")
    assert failed["MemorySize"] == 320


def test_a_failed_deployment_names_the_resource_and_the_reason_and_can_be_repeated(lake: Lake) -> None:
    config = replace(lake.config, prefix="third")
    where = {"endpoint_url": lake.aws.endpoint_url}
    lake.client("athena").create_work_group(Name="third")
    with pytest.raises(DeployError) as failure:
        deploy_stack(lake.aws.session(), config, **where)
    assert "Workgroup (AWS::Athena::WorkGroup)" in str(failure.value)
    assert "third" in str(failure.value)
    lake.client("athena").delete_work_group(WorkGroup="third", RecursiveDeleteOption=True)
    assert deploy_stack(lake.aws.session(), config, **where)["AthenaWorkgroup"] == "third"
