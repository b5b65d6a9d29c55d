"""Glue jobs that really run.

*ministack*: without Docker a Spark job answers SUCCEEDED and runs nothing; a Python shell job gets no argv and all of
the server's environment; MaxConcurrentRuns, ExecutionProperty and MaxRetries are dropped; stopping a run leaves it
running; no `Glue Job State Change` events.
*AWS*: a run fetches its script from S3 and works with the temporary credentials of the job's role; it counts against
MaxConcurrentRuns, ends at its timeout, is stopped by BatchStopJobRun, writes to two log groups, reports every end as an
event, and is repeated up to MaxRetries times when it fails.
*Here*: as on AWS, on this machine's Spark (localaws.spark_env) and Python. A run counts as RUNNING from its start on:
nobody waits for capacity.
"""

import contextvars
import logging
import secrets
import threading
import time
from pathlib import Path
from typing import Any

from ministack.core.responses import error_response_json, get_region, json_response
from ministack.services import glue

from localaws import events, glue_arguments, roles
from localaws.errors import JavaError
from localaws.glue_process import JobProcess, JobSpec, Outcome, limits
from localaws.metrics import jobs

logger = logging.getLogger("localaws.glue")

ACTIVE = ("STARTING", "RUNNING", "STOPPING", "WAITING")
_KEPT = ("ExecutionProperty", "NotificationProperty", "ExecutionClass", "JobMode", "JobRunQueuingEnabled", "LogUri")

Run = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

_lock = threading.Lock()
_processes: dict[str, JobProcess] = {}
_threads: dict[str, threading.Thread] = {}
_place: dict[str, Any] = {}

_create_job, _update_job = glue._create_job, glue._update_job
_get_job_runs = glue._get_job_runs


def install(endpoint_url: str, work_dir: Path) -> None:
    """Put our own handlers in the place of ministack's. Jobs work below `work_dir`."""
    _place.update(endpoint_url=endpoint_url, work_dir=work_dir)
    glue._create_job, glue._update_job = create_job, update_job
    glue._start_job_run, glue._batch_stop_job_run = start_job_run, batch_stop_job_run
    glue._get_job_runs = get_job_runs


def create_job(data: dict[str, Any]) -> Answer:
    """CreateJob; keeps the fields that ministack drops."""
    answer: Answer = _create_job(data)
    if answer[0] < 400:
        glue._jobs[data["Name"]].update(_kept(data))
    return answer


def update_job(data: dict[str, Any]) -> Answer:
    """UpdateJob; keeps the fields that ministack drops."""
    answer: Answer = _update_job(data)
    if answer[0] < 400:
        glue._jobs[data["JobName"]].update(_kept(data.get("JobUpdate", {})))
    return answer


def start_job_run(data: dict[str, Any]) -> Answer:
    """StartJobRun: refuse beyond MaxConcurrentRuns, else start the first attempt in a thread."""
    name = data.get("JobName")
    job = glue._jobs.get(name)
    if job is None:
        return _refused("EntityNotFoundException", f"Failed to start job run due to missing metadata: {name}")
    try:
        glue_arguments.parse_conf(_merged(job, data, "").get("--conf", ""))
    except ValueError as error:
        return _refused("InvalidInputException", str(error))
    limit = int(job.get("ExecutionProperty", {}).get("MaxConcurrentRuns") or 1)
    with _lock:
        active = [run for run in glue._job_runs.get(name, []) if run["JobRunState"] in ACTIVE]
        if len(active) >= limit:
            return _refused("ConcurrentRunsExceededException", f"Concurrent runs exceeded for {name}")
        run = _new_run(job, data, f"jr_{secrets.token_hex(32)}", attempt=0)
    _start(run, job, data)
    return json_response({"JobRunId": run["Id"]})  # type: ignore[no-any-return]


def batch_stop_job_run(data: dict[str, Any]) -> Answer:
    """BatchStopJobRun: the runs become STOPPING at once and STOPPED when their processes are gone."""
    name, stopped, errors = data.get("JobName"), [], []
    runs = {run["Id"]: run for run in glue._job_runs.get(name, [])}
    for run_id in data.get("JobRunIds", []):
        run = runs.get(run_id)
        if run is None:
            errors.append(_stop_error(name, run_id, "EntityNotFoundException", f"Job run {run_id} not found"))
        elif not _stop(run):
            reason = f"Job run {run_id} is in state {run['JobRunState']} and cannot be stopped"
            errors.append(_stop_error(name, run_id, "JobRunInTerminalStateException", reason))
        else:
            stopped.append({"JobName": name, "JobRunId": run_id})
    return json_response({"SuccessfulSubmissions": stopped, "Errors": errors})  # type: ignore[no-any-return]


def get_job_runs(data: dict[str, Any]) -> Answer:
    """GetJobRuns: the newest run first, as on AWS."""
    if data.get("JobName") not in glue._jobs:
        return _refused("EntityNotFoundException", f"Job {data.get('JobName')} not found")
    runs = glue._job_runs.get(data["JobName"], [])
    return json_response({"JobRuns": runs[::-1]})  # type: ignore[no-any-return]


def running(run_id: str) -> JobProcess | None:
    """The process of a run; None before it is made and once it has ended."""
    return _processes.get(run_id)


def end_all(seconds: float = 15) -> None:
    """Stop every run and wait until its processes are gone."""
    for process in list(_processes.values()):
        process.stop.set()
    deadline = time.monotonic() + seconds
    for thread in list(_threads.values()):
        thread.join(max(0.0, deadline - time.monotonic()))


def close_lost_runs() -> None:
    """Runs that a killed server left as running are over: nothing runs any more."""
    for runs in glue._job_runs._data.values():
        for run in runs:
            if run["JobRunState"] in ACTIVE and run["Id"] not in _processes:
                _finish(run, Outcome("FAILED", "The embedded AWS was ended while this run was active"))


def _start(run: Run, job: dict[str, Any], data: dict[str, Any]) -> None:
    context = contextvars.copy_context()  # carries the request's account and region
    thread = threading.Thread(target=context.run, args=(_attempts, run, job, data), name=run["Id"][:12], daemon=True)
    _threads[run["Id"]] = thread
    thread.start()


def _attempts(run: Run, job: dict[str, Any], data: dict[str, Any]) -> None:
    """Run the attempt, and after a failure further ones up to the job's MaxRetries."""
    first_id = run["Id"]
    try:
        while True:
            stopped = _attempt(run, job, data)
            if run["JobRunState"] != "FAILED" or stopped or run["Attempt"] >= int(job.get("MaxRetries") or 0):
                return
            attempt = run["Attempt"] + 1
            with _lock:
                run = _new_run(job, data, f"{first_id}_attempt_{attempt}", attempt, previous=run["Id"])
    finally:
        _threads.pop(first_id, None)


def _attempt(run: Run, job: dict[str, Any], data: dict[str, Any]) -> bool:
    """Run one attempt to its end; whether it was asked to stop."""
    process = None
    try:
        process = _process(run, job, data)
        _processes[run["Id"]] = process
        with _lock:
            if run["JobRunState"] == "STOPPING":
                process.stop.set()
            else:
                run["JobRunState"] = "RUNNING"
        outcome = process.run()
    except (roles.RoleError, JavaError) as error:
        outcome = Outcome("FAILED", str(error))
    except Exception as error:
        # The run must not stay RUNNING for ever; the error itself goes on to the server's log.
        _finish(run, Outcome("FAILED", f"Internal error of the embedded AWS: {error!r}"))
        raise
    finally:
        _processes.pop(run["Id"], None)
    _finish(run, outcome)
    return process is not None and process.stop.is_set()


def _process(run: Run, job: dict[str, Any], data: dict[str, Any]) -> JobProcess:
    command = job.get("Command", {})
    spec = JobSpec(
        run_id=run["Id"],
        kind=command.get("Name", "glueetl"),
        script=command.get("ScriptLocation", ""),
        arguments=glue_arguments.read(_merged(job, data, run["Id"])),
        timeout_seconds=limits(job, data),
        glue_version=job.get("GlueVersion", "5.1"),
    )
    session = roles.assume(
        job.get("Role", ""), "glue.amazonaws.com", "GlueJobRunnerSession", roles.glue_arn("job", job["Name"])
    )
    return JobProcess(spec, session, get_region(), _place["endpoint_url"], _place["work_dir"] / run["Id"])


def _finish(run: Run, outcome: Outcome) -> None:
    now = time.time()
    with _lock:
        run["ExecutionTime"] = int(now - run["StartedOn"])
        run["CompletedOn"] = run["LastModifiedOn"] = round(now, 3)
        if outcome.message:
            run["ErrorMessage"] = outcome.message
        run["JobRunState"] = outcome.state
    arguments = {**(glue._jobs.get(run["JobName"], {}).get("DefaultArguments") or {}), **run["Arguments"]}
    jobs.count_run(run["JobName"], run["Id"], outcome.state, now - run["StartedOn"], arguments)
    events.job_state_change(run["JobName"], run["Id"], outcome.state, outcome.message)


def _stop(run: Run) -> bool:
    with _lock:
        if run["JobRunState"] not in ACTIVE:
            return False
        run["JobRunState"] = "STOPPING"
        run["LastModifiedOn"] = round(time.time(), 3)
        process = _processes.get(run["Id"])
    if process is not None:
        process.stop.set()
    return True


def _new_run(job: dict[str, Any], data: dict[str, Any], run_id: str, attempt: int, previous: str = "") -> Run:
    now = round(time.time(), 3)
    run: Run = {
        "Id": run_id,
        "Attempt": attempt,
        "JobName": job["Name"],
        "StartedOn": now,
        "LastModifiedOn": now,
        "JobRunState": "STARTING",
        "Arguments": dict(data.get("Arguments", {})),
        "PredecessorRuns": [],
        "AllocatedCapacity": int(data.get("NumberOfWorkers") or job.get("NumberOfWorkers") or 2),
        "ExecutionTime": 0,
        "Timeout": int(data.get("Timeout") or job.get("Timeout") or 2880),
        "MaxCapacity": float(job.get("MaxCapacity") or job.get("NumberOfWorkers") or 2),
        "WorkerType": data.get("WorkerType") or job.get("WorkerType", "G.1X"),
        "NumberOfWorkers": int(data.get("NumberOfWorkers") or job.get("NumberOfWorkers") or 2),
        "LogGroupName": "/aws-glue/jobs",
        "GlueVersion": job.get("GlueVersion", "5.1"),
    }
    run |= {"PreviousRunId": previous} if previous else {}
    glue._job_runs.setdefault(job["Name"], []).append(run)
    return run


def _merged(job: dict[str, Any], data: dict[str, Any], run_id: str) -> dict[str, str]:
    own = {"--JOB_NAME": job["Name"], "--JOB_RUN_ID": run_id} if glue._is_spark_job(job) else {}
    fixed = job.get("NonOverridableArguments") or {}
    return glue_arguments.merge(job.get("DefaultArguments") or {}, data.get("Arguments") or {}, fixed, own)


def _kept(data: dict[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in _KEPT if name in data}


def _refused(code: str, message: str) -> Answer:
    return error_response_json(code, message, 400)  # type: ignore[no-any-return]


def _stop_error(job: str | None, run: str, code: str, message: str) -> dict[str, Any]:
    return {"JobName": job, "JobRunId": run, "ErrorDetail": {"ErrorCode": code, "ErrorMessage": message}}
