"""Glue jobs really run: argv, role, limits, stopping, retries, logs, events, and AWS's own awsglue package."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from event_queue import queue_of_events
from glue_job import BUCKET, READ_SCRIPTS, WRITE_LOGS, log_lines, make_job, make_role, put_script, run_job, wait_for_run

from localaws import EmbeddedAws
from localaws.spark_env import DELTA_CONF


@pytest.fixture(scope="module")
def role(aws: EmbeddedAws) -> str:
    return make_role(aws, "plain-jobs", READ_SCRIPTS, WRITE_LOGS)


def test_a_job_gets_merged_arguments_its_role_and_a_clean_environment(aws: EmbeddedAws, role: str) -> None:
    text = (
        "import json, os, sys, boto3\n"
        "who = boto3.client('sts').get_caller_identity()['Arn']\n"
        "print(json.dumps({'argv': sys.argv[1:], 'who': who, 'env': sorted(os.environ)}))\n"
        "print('to the other stream', file=sys.stderr)\n"
    )
    job = make_job(
        aws,
        "sees",
        text,
        role=role,
        DefaultArguments={"--a": "1", "--b": "2"},
        NonOverridableArguments={"--c": "fixed"},
    )
    run = run_job(aws, job, Arguments={"--b": "an other", "--c": "mine"})
    assert run["JobRunState"] == "SUCCEEDED"
    assert run["Id"].startswith("jr_")
    assert run["Arguments"] == {"--b": "an other", "--c": "mine"}
    seen = json.loads(log_lines(aws, "output", run["Id"])[0])
    assert seen["argv"] == ["--a", "1", "--b", "an other", "--c", "fixed"]
    assert seen["who"].startswith(f"arn:aws:sts::{aws.account_id}:assumed-role/plain-jobs/")
    assert not {"S3_DATA_DIR", "GATEWAY_PORT", "AUTH", "PYTEST_CURRENT_TEST"} & set(seen["env"])
    assert log_lines(aws, "error", run["Id"]) == ["to the other stream"]


def test_a_spark_job_runs_unmodified_awsglue_code_on_s3_and_delta(aws: EmbeddedAws) -> None:
    files = {"Effect": "Allow", "Action": "s3:*", "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]}
    spark_role = make_role(aws, "spark-jobs", files, WRITE_LOGS)
    conf = " --conf ".join(f"{name}={value}" for name, value in DELTA_CONF.items())
    module = put_script(aws, "modules/greeting.py", "WORD = 'hello'")
    job = make_job(
        aws,
        "spark",
        Path(__file__).with_name("glue_script.py").read_text(),
        kind="glueetl",
        role=spark_role,
        DefaultArguments={"--datalake-formats": "delta", "--conf": conf, "--extra-py-files": module},
    )
    run = run_job(aws, job, Arguments={"--table": f"s3://{BUCKET}/delta/t"})
    errors = "\n".join(log_lines(aws, "error", run["Id"]))
    assert run["JobRunState"] == "SUCCEEDED", errors
    result = json.loads(next(line for line in log_lines(aws, "output", run["Id"]) if line.startswith("{")))
    assert result == {"job": job, "run": run["Id"], "rows": 3, "word": "hello", "initialized": True}
    assert "INFO GlueLogger: three rows" in errors
    keys = [item["Key"] for item in aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="delta/t/")["Contents"]]
    assert any("_delta_log/00000000000000000000.json" in key for key in keys)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(): raise KeyError('no such column')\nf()", "KeyError: 'no such column'"),
        ("import sys; sys.exit(3)", "Command failed with exit code 3"),
        ("print(", "SyntaxError: '(' was never closed"),
    ],
)
def test_a_failing_job_says_why(aws: EmbeddedAws, role: str, text: str, message: str) -> None:
    name = f"fails-{abs(hash(text))}"
    run = run_job(aws, make_job(aws, name, text, role=role))
    assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", message)


def test_a_role_that_may_not_read_the_script_fails_the_run_loudly(aws: EmbeddedAws) -> None:
    blind = make_role(aws, "blind-jobs", WRITE_LOGS)
    run = run_job(aws, make_job(aws, "blind", "print(1)", role=blind))
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"].startswith(f"LAUNCH ERROR | Error downloading from S3 for bucket: {BUCKET}")
    assert "403" in run["ErrorMessage"]
    assert log_lines(aws, "error", run["Id"]) == [run["ErrorMessage"]]


def test_a_role_that_does_not_trust_glue_fails_the_run(aws: EmbeddedAws) -> None:
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}]}
    stranger = make_role(aws, "not-for-glue", READ_SCRIPTS, trust=trust)
    run = run_job(aws, make_job(aws, "stranger", "print(1)", role=stranger))
    assert run["JobRunState"] == "FAILED"
    assert "does not trust glue.amazonaws.com" in run["ErrorMessage"]


def test_a_job_without_permission_for_logs_still_runs(aws: EmbeddedAws) -> None:
    silent = make_role(aws, "silent-jobs", READ_SCRIPTS)
    run = run_job(aws, make_job(aws, "silent", "print(1)", role=silent))
    assert run["JobRunState"] == "SUCCEEDED"
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        log_lines(aws, "output", run["Id"])


def test_a_role_may_do_in_s3_what_its_policy_says_and_no_more(aws: EmbeddedAws, role: str) -> None:
    text = f"import boto3; boto3.client('s3').put_object(Bucket='{BUCKET}', Key='stolen', Body=b'')"
    run = run_job(aws, make_job(aws, "steals", text, role=role))
    assert run["JobRunState"] == "FAILED"
    assert "AccessDenied" in run["ErrorMessage"]
    assert "s3:PutObject" in run["ErrorMessage"]


def test_no_more_runs_than_max_concurrent_runs(aws: EmbeddedAws, role: str) -> None:
    limit = {"MaxConcurrentRuns": 2}
    job = make_job(aws, "busy", "import time; time.sleep(30)", role=role, ExecutionProperty=limit)
    glue = aws.client("glue")
    assert glue.get_job(JobName=job)["Job"]["ExecutionProperty"] == limit
    runs = [glue.start_job_run(JobName=job)["JobRunId"] for _ in range(2)]
    with pytest.raises(glue.exceptions.ConcurrentRunsExceededException, match=f"Concurrent runs exceeded for {job}"):
        glue.start_job_run(JobName=job)
    glue.batch_stop_job_run(JobName=job, JobRunIds=runs)
    for run in runs:
        assert wait_for_run(aws, job, run)["JobRunState"] == "STOPPED"
    again = glue.start_job_run(JobName=job)["JobRunId"]
    assert [run["Id"] for run in glue.get_job_runs(JobName=job)["JobRuns"]] == [again, *runs[::-1]]
    glue.batch_stop_job_run(JobName=job, JobRunIds=[again])


def test_stopping_a_run_ends_its_process_and_its_children(aws: EmbeddedAws, role: str, tmp_path: Path) -> None:
    text = (
        "import subprocess, sys, time, os\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)'])\n"
        f"open({str(tmp_path / 'pids')!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(100)\n"
    )
    job = make_job(aws, "family", text, role=role)
    run = aws.client("glue").start_job_run(JobName=job)["JobRunId"]
    pids = _wait_for(tmp_path / "pids").split()
    stopped = aws.client("glue").batch_stop_job_run(JobName=job, JobRunIds=[run, "jr_unknown"])
    assert [one["JobRunId"] for one in stopped["SuccessfulSubmissions"]] == [run]
    assert stopped["Errors"][0]["ErrorDetail"]["ErrorCode"] == "EntityNotFoundException"
    assert wait_for_run(aws, job, run)["JobRunState"] == "STOPPED"
    deadline = time.monotonic() + 10
    while [pid for pid in pids if _runs(pid)]:
        assert time.monotonic() < deadline, "a process goes on"
        time.sleep(0.05)
    again = aws.client("glue").batch_stop_job_run(JobName=job, JobRunIds=[run])
    assert again["Errors"][0]["ErrorDetail"]["ErrorCode"] == "JobRunInTerminalStateException"


def test_a_run_ends_at_its_timeout(aws: EmbeddedAws, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from localaws import glue_process

    monkeypatch.setattr(glue_process, "SECONDS_A_MINUTE", 1)
    run = run_job(aws, make_job(aws, "endless", "import time; time.sleep(100)", role=role, Timeout=2))
    assert (run["JobRunState"], run["Timeout"], run["ErrorMessage"]) == ("TIMEOUT", 2, "Job timed out")
    assert 2 <= run["ExecutionTime"] < 30


def test_a_failed_run_is_repeated_up_to_max_retries(aws: EmbeddedAws, role: str) -> None:
    job = make_job(aws, "stubborn", "raise ValueError('again')", role=role, MaxRetries=2)
    first = aws.client("glue").start_job_run(JobName=job)["JobRunId"]
    _eventually(lambda: len(aws.client("glue").get_job_runs(JobName=job)["JobRuns"]) == 3)
    last = wait_for_run(aws, job, f"{first}_attempt_2")
    runs = aws.client("glue").get_job_runs(JobName=job)["JobRuns"]
    assert [run["Attempt"] for run in runs] == [2, 1, 0]
    assert {run["JobRunState"] for run in runs} == {"FAILED"}
    assert last["PreviousRunId"] == f"{first}_attempt_1"


def test_every_end_of_a_run_is_an_event_as_aws_writes_it(aws: EmbeddedAws, role: str) -> None:
    pattern = {"source": ["aws.glue"], "detail-type": ["Glue Job State Change"], "detail": {"jobName": ["tells"]}}
    receive = queue_of_events(aws, "glue-events", pattern)
    job = make_job(aws, "tells", "import sys; assert '--fail' not in sys.argv", role=role)
    good = run_job(aws, job)
    event = receive()
    assert (event["source"], event["detail-type"], event["region"]) == (
        "aws.glue",
        "Glue Job State Change",
        aws.region,
    )
    assert event["account"] == aws.account_id
    assert event["detail"] == {
        "jobName": job,
        "severity": "INFO",
        "state": "SUCCEEDED",
        "jobRunId": good["Id"],
        "message": "Job run succeeded",
    }
    bad = run_job(aws, job, Arguments={"--fail": "1"})
    detail = receive()["detail"]
    assert (detail["state"], detail["severity"], detail["jobRunId"]) == ("FAILED", "ERROR", bad["Id"])
    assert "AssertionError" in detail["message"]


def _wait_for(path: Path) -> str:
    _eventually(lambda: path.exists() and path.read_text() != "")
    return path.read_text()


def _eventually(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def _runs(pid: str) -> bool:
    """Whether the process is there and not merely waiting for its end to be noticed."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"
