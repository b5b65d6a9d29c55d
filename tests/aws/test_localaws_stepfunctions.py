"""Step Functions tasks that run Glue jobs and Lambdas: waiting, errors, permissions, stopping."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from glue_job import READ_SCRIPTS, WRITE_LOGS, make_job, make_role, wait_for_run
from workflow import execute, make_machine, wait_for_execution

from localaws import EmbeddedAws

GLUE = ["glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"]


@pytest.fixture(scope="module")
def job_role(aws: EmbeddedAws) -> str:
    return make_role(aws, "workflow-jobs", READ_SCRIPTS, WRITE_LOGS)


def allow_job(aws: EmbeddedAws, job: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": GLUE, "Resource": f"arn:aws:glue:{aws.region}:{aws.account_id}:job/{job}"}


def job_task(job: str, sync: str = ".sync", **more: Any) -> dict[str, Any]:
    parameters = {"JobName": job, "Arguments": {"--who.$": "$.who"}}
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::glue:startJobRun{sync}",
        "Parameters": parameters,
        "End": True,
        **more,
    }


def test_start_job_run_sync_waits_and_returns_the_run(aws: EmbeddedAws, job_role: str) -> None:
    job = make_job(aws, "wf-good", "import sys; assert sys.argv[1:] == ['--who', 'ann'], sys.argv", role=job_role)
    machine = make_machine(aws, "wf-good", {"Job": job_task(job)}, allow_job(aws, job))
    done = execute(aws, machine, input='{"who": "ann"}')
    run = json.loads(done["output"])
    assert (done["status"], run["JobRunState"], run["JobName"]) == ("SUCCEEDED", "SUCCEEDED", job)
    assert isinstance(run["StartedOn"], int)
    assert run["StartedOn"] > 1_700_000_000_000  # milliseconds


def test_a_failed_job_fails_the_task_with_the_run_as_cause(aws: EmbeddedAws, job_role: str) -> None:
    job = make_job(aws, "wf-bad", "raise ValueError('no such day')", role=job_role)
    machine = make_machine(aws, "wf-bad", {"Job": job_task(job)}, allow_job(aws, job))
    done = execute(aws, machine, input='{"who": "ann"}')
    run = json.loads(done["cause"])
    assert (done["status"], done["error"]) == ("FAILED", "States.TaskFailed")
    assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", "ValueError: no such day")


def test_start_job_run_without_sync_returns_at_once(aws: EmbeddedAws, job_role: str) -> None:
    job = make_job(aws, "wf-async", "import time; time.sleep(2)", role=job_role)
    machine = make_machine(aws, "wf-async", {"Job": job_task(job, sync="")}, allow_job(aws, job))
    done = execute(aws, machine, input='{"who": "ann"}')
    started = json.loads(done["output"])
    assert started.keys() == {"JobName", "JobRunId"}
    assert wait_for_run(aws, job, started["JobRunId"], state="RUNNING")["JobRunState"] == "RUNNING"
    assert wait_for_run(aws, job, started["JobRunId"])["JobRunState"] == "SUCCEEDED"


def test_too_many_runs_are_named_as_aws_names_them_and_can_be_retried(aws: EmbeddedAws, job_role: str) -> None:
    job = make_job(aws, "wf-busy", "import time; time.sleep(6)", role=job_role)
    aws.client("glue").start_job_run(JobName=job)
    retry = {
        "ErrorEquals": ["Glue.ConcurrentRunsExceededException"],
        "IntervalSeconds": 1,
        "BackoffRate": 1,
        "MaxAttempts": 40,
    }
    machine = make_machine(aws, "wf-busy", {"Job": job_task(job)}, allow_job(aws, job))
    refused = execute(aws, machine, input='{"who": "ann"}')
    assert refused["error"] == "Glue.ConcurrentRunsExceededException"
    assert f"Concurrent runs exceeded for {job}" in refused["cause"]
    patient = make_machine(aws, "wf-patient", {"Job": job_task(job, Retry=[retry])}, allow_job(aws, job))
    assert execute(aws, patient, input='{"who": "ann"}')["status"] == "SUCCEEDED"


def test_the_state_machines_role_must_allow_the_job(aws: EmbeddedAws, job_role: str) -> None:
    job = make_job(aws, "wf-denied", "print('never')", role=job_role)
    machine = make_machine(aws, "wf-denied", {"Job": job_task(job)}, allow_job(aws, "another"))
    done = execute(aws, machine, input='{"who": "ann"}')
    assert (done["status"], done["error"]) == ("FAILED", "Glue.AccessDeniedException")
    assert "wf-denied-states" in done["cause"]
    assert "glue:StartJobRun" in done["cause"]
    assert aws.client("glue").get_job_runs(JobName=job)["JobRuns"] == []


def test_stopping_an_execution_stops_its_job_and_stays_aborted(aws: EmbeddedAws, job_role: str) -> None:
    job = make_job(aws, "wf-stopped", "import time; time.sleep(60)", role=job_role)
    retry = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 3}
    machine = make_machine(aws, "wf-stopped", {"Job": job_task(job, Retry=[retry])}, allow_job(aws, job))
    states, glue = aws.client("stepfunctions"), aws.client("glue")
    arn = states.start_execution(stateMachineArn=machine, input='{"who": "ann"}')["executionArn"]
    run = _first_run(glue, job)
    wait_for_run(aws, job, run, state="RUNNING")
    states.stop_execution(executionArn=arn, error="Enough", cause="by hand")
    assert wait_for_run(aws, job, run, seconds=10)["JobRunState"] == "STOPPED"
    time.sleep(1.5)  # a retry would come after 1 s
    assert len(glue.get_job_runs(JobName=job)["JobRuns"]) == 1
    assert wait_for_execution(aws, arn)["status"] == "ABORTED"


def test_a_task_that_times_out_stops_its_job(aws: EmbeddedAws, job_role: str) -> None:
    job = make_job(aws, "wf-slow", "import time; time.sleep(60)", role=job_role)
    machine = make_machine(aws, "wf-slow", {"Job": job_task(job, TimeoutSeconds=2)}, allow_job(aws, job))
    done = execute(aws, machine, input='{"who": "ann"}')
    assert (done["status"], done["error"]) == ("FAILED", "States.Timeout")
    assert wait_for_run(aws, job, _first_run(aws.client("glue"), job), seconds=10)["JobRunState"] == "STOPPED"


def test_starting_a_running_execution_again_is_the_same_execution(aws: EmbeddedAws) -> None:
    wait = {"Type": "Wait", "Seconds": 2, "End": True}
    machine = make_machine(aws, "wf-same", {"Wait": wait})
    states = aws.client("stepfunctions")
    first = states.start_execution(stateMachineArn=machine, name="one", input='{"a": 1}')
    again = states.start_execution(stateMachineArn=machine, name="one", input='{"a": 1}')
    assert (again["executionArn"], again["startDate"]) == (first["executionArn"], first["startDate"])
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        states.start_execution(stateMachineArn=machine, name="one", input='{"a": 2}')
    wait_for_execution(aws, first["executionArn"])
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        states.start_execution(stateMachineArn=machine, name="one", input='{"a": 1}')


def _first_run(glue: Any, job: str) -> str:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        runs = glue.get_job_runs(JobName=job)["JobRuns"]
        if runs:
            return str(runs[0]["Id"])
        time.sleep(0.1)
    raise AssertionError(f"{job} was never started")


def query_task(sql: str, sync: str = ".sync", **more: Any) -> dict[str, Any]:
    result = {"OutputLocation": "s3://wf-athena/results/"}
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::athena:startQueryExecution{sync}",
        "Parameters": {"QueryString": sql, "ResultConfiguration": result, "WorkGroup": "primary"},
        **more,
    }


ATHENA = [
    {"Effect": "Allow", "Action": ["athena:*", "glue:Get*"], "Resource": "*"},
    {"Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::wf-athena", "arn:aws:s3:::wf-athena/*"]},
]


@pytest.fixture(scope="module")
def results(aws: EmbeddedAws) -> None:
    aws.client("s3").create_bucket(Bucket="wf-athena")


@pytest.mark.usefixtures("results")
def test_a_query_runs_and_its_rows_go_on_to_the_next_state(aws: EmbeddedAws) -> None:
    rows = {
        "Type": "Task",
        "Resource": "arn:aws:states:::athena:getQueryResults",
        "Parameters": {"QueryExecutionId.$": "$.QueryExecution.QueryExecutionId"},
        "End": True,
    }
    states = {"Query": query_task("select 40 + 2 as answer", Next="Rows"), "Rows": rows}
    done = execute(aws, make_machine(aws, "wf-query", states, *ATHENA), input="{}")
    assert done["status"] == "SUCCEEDED", done.get("cause")
    found = json.loads(done["output"])["ResultSet"]["Rows"]
    assert [[cell["VarCharValue"] for cell in row["Data"]] for row in found] == [["answer"], ["42"]]


@pytest.mark.usefixtures("results")
def test_a_failed_query_fails_the_task_with_the_query_as_cause(aws: EmbeddedAws) -> None:
    states = {"Query": query_task("select nowhere from nothing", End=True)}
    done = execute(aws, make_machine(aws, "wf-bad-query", states, *ATHENA), input="{}")
    assert (done["status"], done["error"]) == ("FAILED", "States.TaskFailed")
    status = json.loads(done["cause"])["QueryExecution"]["Status"]
    assert status["State"] == "FAILED"
    assert isinstance(status["SubmissionDateTime"], int)


@pytest.mark.usefixtures("results")
def test_a_query_needs_the_roles_permission(aws: EmbeddedAws) -> None:
    states = {"Query": query_task("select 1", End=True)}
    done = execute(aws, make_machine(aws, "wf-no-query", states, ATHENA[1]), input="{}")
    assert (done["status"], done["error"]) == ("FAILED", "Athena.AmazonAthenaException")
    assert "athena:StartQueryExecution" in done["cause"]
