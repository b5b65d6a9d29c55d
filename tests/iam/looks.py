"""How the operator looks at a lake without our command: the calls that the console and the AWS CLI make."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from cli.lake import Lake
from localaws import EmbeddedAws


def look_by_hand(aws: EmbeddedAws, lake: Lake) -> None:
    """Runs, jobs, tables, logs and metrics; and a multipart upload that is given up.

    Args:
        lake: with the operator's clients.
    """
    _look_at_work(lake)
    _look_at_tables(lake)
    _look_at_logs_and_metrics(aws, lake)
    _give_up_an_upload(lake)


def _look_at_work(lake: Lake) -> None:
    states, glue = lake.client("stepfunctions"), lake.client("glue")
    for name in lake.pipelines:
        machine = lake.settings.state_machine_arn_prefix + name
        states.describe_state_machine(stateMachineArn=machine)
        execution = states.list_executions(stateMachineArn=machine)["executions"][0]["executionArn"]
        states.get_execution_history(executionArn=execution)
        job = f"{lake.prefix}-{name}-gold"
        glue.get_job(JobName=job)
        for run in glue.get_job_runs(JobName=job)["JobRuns"]:
            glue.get_job_run(JobName=job, RunId=run["Id"])


def _look_at_tables(lake: Lake) -> None:
    glue, athena, group = lake.client("glue"), lake.client("athena"), lake.prefix
    prefix = lake.settings.gold_database.removesuffix("gold")
    databases = [one["Name"] for one in glue.get_databases()["DatabaseList"] if one["Name"].startswith(prefix)]
    for database in databases:
        glue.get_database(Name=database)
        for table in (one["Name"] for one in glue.get_tables(DatabaseName=database)["TableList"]):
            place = {"DatabaseName": database, "TableName": table}
            glue.get_table(DatabaseName=database, Name=table)
            found = [one["Values"] for one in glue.get_partitions(**place)["Partitions"]]
            values = found[0] if found else ["there is none"]
            glue.batch_get_partition(**place, PartitionsToGet=[{"Values": values}])
            with suppress(glue.exceptions.EntityNotFoundException):
                glue.get_partition(**place, PartitionValues=values)
    athena.get_work_group(WorkGroup=group)
    athena.list_named_queries(WorkGroup=group)
    started = athena.start_query_execution(QueryString="select 1", WorkGroup=group)
    athena.stop_query_execution(QueryExecutionId=started["QueryExecutionId"])


def _look_at_logs_and_metrics(aws: EmbeddedAws, lake: Lake) -> None:
    logs, cloudwatch, prefix = lake.client("logs"), lake.client("cloudwatch"), lake.prefix
    known = aws.client("logs")  # only the administrator may ask for all groups
    for start in (f"/aws/lambda/{prefix}-", f"/aws/vendedlogs/states/{prefix}-", "/aws-glue/jobs/"):
        for group in known.describe_log_groups(logGroupNamePrefix=start)["logGroups"]:
            name = group["logGroupName"]
            logs.filter_log_events(logGroupName=name, filterPattern="error")
            known.create_log_stream(logGroupName=name, logStreamName="looked-at")
            logs.describe_log_streams(logGroupName=name)
            logs.get_log_events(logGroupName=name, logStreamName="looked-at")
    until = datetime.now(UTC)
    about = {"Namespace": "AWS/Lambda", "MetricName": "Errors"}
    span = {"StartTime": until - timedelta(hours=1), "EndTime": until}
    query = {"Id": "errors", "MetricStat": {"Metric": about, "Period": 300, "Stat": "Sum"}}
    cloudwatch.get_metric_data(MetricDataQueries=[query], **span)
    cloudwatch.get_metric_statistics(**about, **span, Period=300, Statistics=["Sum"])


def _give_up_an_upload(lake: Lake) -> None:
    s3, bucket = lake.client("s3"), lake.settings.bucket
    for name in lake.pipelines:
        place = {"Bucket": bucket, "Key": f"bronze/{name}/given-up"}
        upload = {**place, "UploadId": s3.create_multipart_upload(**place)["UploadId"]}
        s3.upload_part(**upload, PartNumber=1, Body=b"x")
        s3.list_parts(**upload)
        s3.abort_multipart_upload(**upload)
