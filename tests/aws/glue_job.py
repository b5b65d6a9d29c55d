"""Small Glue jobs for tests: a bucket, a role with one policy, a script, and waiting for the end."""

import json
import time
from typing import Any

from localaws import EmbeddedAws

BUCKET = "job-scripts"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
READ_SCRIPTS = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
WRITE_LOGS = {
    "Effect": "Allow",
    "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": "arn:aws:logs:*:*:log-group:/aws-glue/jobs/*",
}


def put_script(aws: EmbeddedAws, name: str, text: str) -> str:
    """Upload a script and say its address."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=name, Body=text.encode())
    return f"s3://{BUCKET}/{name}"


def make_role(aws: EmbeddedAws, name: str, *statements: dict[str, Any], trust: dict[str, Any] = TRUST) -> str:
    """A role, with one inline policy if there are statements; its ARN."""
    iam = aws.client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    if not statements:
        return str(arn)
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(policy))
    return str(arn)


def make_job(aws: EmbeddedAws, name: str, text: str, kind: str = "pythonshell", **settings: Any) -> str:
    """A job with its script and, unless given, a role that may read scripts and write logs; its name."""
    role = settings.pop("role", None) or make_role(aws, f"{name}-role", READ_SCRIPTS, WRITE_LOGS)
    command = {"Name": kind, "ScriptLocation": put_script(aws, f"{name}.py", text), "PythonVersion": "3"}
    aws.client("glue").create_job(Name=name, Role=role, Command=command, GlueVersion="5.1", **settings)
    return name


def wait_for_run(aws: EmbeddedAws, job: str, run: str, seconds: float = 120, state: str = "") -> dict[str, Any]:
    """The run once it has ended, or once it is in `state`."""
    glue, deadline = aws.client("glue"), time.monotonic() + seconds
    while time.monotonic() < deadline:
        found: dict[str, Any] = glue.get_job_run(JobName=job, RunId=run)["JobRun"]
        if found["JobRunState"] == state or found["JobRunState"] in ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT"):
            return found
        time.sleep(0.1)
    raise AssertionError(f"run {run} of {job} is still {found['JobRunState']} after {seconds} s")


def run_job(aws: EmbeddedAws, job: str, **settings: Any) -> dict[str, Any]:
    """Start a run and wait for its end."""
    return wait_for_run(aws, job, aws.client("glue").start_job_run(JobName=job, **settings)["JobRunId"])


def log_lines(aws: EmbeddedAws, group: str, run: str) -> list[str]:
    """What a run wrote to `/aws-glue/jobs/<group>`."""
    found = aws.client("logs").get_log_events(
        logGroupName=f"/aws-glue/jobs/{group}", logStreamName=run, startFromHead=True, limit=10_000
    )
    return [event["message"] for event in found["events"]]
