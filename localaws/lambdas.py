"""Lambda functions that see what AWS would show them, and whose errors have names.

*ministack*: a worker inherits the whole environment of the server (credentials files, profiles, PYTHONPATH of whoever
started it); every exception of a handler is a `Runtime.HandlerError`; workers outlive a server that stops; an attempt
that began before a function's code was replaced starts a worker with the old code afterwards, which is then kept warm;
a worker that cannot start takes all others of its function with it, at work or just starting; a function gets
credentials of its role whether or not the role trusts Lambda.
*AWS*: a function gets its own variables and the runtime's; an invocation's error carries the exception's class name and
stack trace, which Step Functions matches in `Retry` and `Catch`; every attempt runs the code as it is then; a role that
does not trust Lambda on behalf of the function is refused.
*Here*: as on AWS. Third-party packages come from the virtual environment, where AWS has layers; the function's own code
only from its zip. When the server stops, running invocations may end, then all workers do.
"""

import contextlib
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import iam, lambda_svc

from localaws import roles

Result = dict[str, Any]

_NO_ROLE = "The role defined for the function cannot be assumed by Lambda."
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_REPORT = 'json.dumps({"status": "error", "error": str(e), "trace": traceback.format_exc()})'
_FULL_REPORT = (
    'json.dumps({"status": "error", "error": str(e), "trace": traceback.format_exc(), "type": type(e).__name__, '
    '"stack": traceback.format_tb(e.__traceback__)})'
)

_local = threading.local()
_stopping = threading.Event()

_spawn, _invoke = lambda_runtime.Worker._spawn, lambda_runtime.Worker.invoke
_execute_warm, _poll_sqs = lambda_svc._execute_function_warm, lambda_svc._poll_sqs
_acquire, _invalidate = lambda_runtime.acquire_worker, lambda_runtime.invalidate_worker


def install() -> None:
    """Put our own functions in the place of ministack's.

    Raises:
        RuntimeError: ministack's worker script is not the one that this hook was written for.
    """
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(_REPORT) != 1:
        raise RuntimeError("ministack's Lambda worker has changed: localaws.lambdas must be adapted to it")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_REPORT, _FULL_REPORT)
    lambda_runtime.subprocess = _Subprocess()
    lambda_runtime.Worker._spawn, lambda_runtime.Worker.invoke = spawn, invoke
    lambda_svc._execute_function_warm, lambda_svc._poll_sqs = execute_warm, poll_sqs
    lambda_svc.acquire_worker, lambda_svc.invalidate_worker = acquire, invalidate


def end_all(seconds: float = 10) -> None:
    """Take no more messages, let running invocations end for so long, then end every worker."""
    _stopping.set()
    deadline = time.monotonic() + seconds
    while lambda_runtime.workers_in_use() and time.monotonic() < deadline:
        time.sleep(0.05)
    lambda_runtime.reset()


def poll_sqs() -> bool:
    """Look for messages of event source mappings, unless the server stops."""
    return False if _stopping.is_set() else bool(_poll_sqs())


def spawn(worker: Any) -> None:
    """Start a worker's process with the environment of its function alone."""
    _local.variables = worker.config.get("Environment", {}).get("Variables", {})
    try:
        _spawn(worker)
    finally:
        _local.variables = {}


def invoke(worker: Any, event: Any, request_id: str, **options: Any) -> Result:
    """Run one invocation, remembering how it failed."""
    result: Result = _invoke(worker, event, request_id, **options)
    _local.result, _local.request_id = result, request_id
    return result


def execute_warm(function: Any, event: Any, request_id: str) -> Result:
    """Run one invocation; an error body as AWS writes it: errorMessage, errorType, requestId, stackTrace."""
    _local.result, _local.worker = {}, None
    if not _may_work(function.get("config") or function):
        return {"error": True, "body": {"errorMessage": _NO_ROLE, "errorType": "AccessDeniedException"}}
    try:
        answer: Result = _execute_warm(_with_latest_code(function), event, request_id)
    finally:
        _local.worker = None
    failure: Result = _local.result
    if answer.get("error") and failure.get("type"):
        answer["body"] = {
            "errorMessage": failure["error"],
            "errorType": failure["type"],
            "requestId": _local.request_id,
            "stackTrace": failure["stack"],
        }
    return answer


def _may_work(config: Any) -> bool:
    """Whether the function's role trusts Lambda on behalf of the function."""
    role = iam._roles.get(config.get("Role", "").rsplit("/", 1)[-1])
    trust = role.get("AssumeRolePolicyDocument") if role else None
    return roles.trusts(trust, "lambda.amazonaws.com", config["FunctionArn"])


def acquire(name: str, config: Any, code_zip: bytes, **options: Any) -> tuple[Any, str]:
    """Lease a worker that runs this code. One with other code that was left in the pool is ended."""
    while True:
        worker, how = _acquire(name, config, code_zip, **options)
        if worker is None or worker.code_zip == code_zip:
            _local.worker = worker
            return worker, how
        _end(worker)


def invalidate(name: str, **which: Any) -> None:
    """End a function's workers; where one of them has failed its invocation, only that one."""
    worker = getattr(_local, "worker", None)
    if worker is None:
        _invalidate(name, **which)
    else:
        _end(worker)


def _end(worker: Any) -> None:
    """Take a worker out of its pool and end it."""
    with lambda_runtime._lock:
        for workers in lambda_runtime._workers.values():
            workers[:] = [other for other in workers if other is not worker]
    worker.kill()


def process_ids(function: str) -> list[int]:
    """The processes of a function's workers, whether or not they run an invocation."""
    with lambda_runtime._lock:
        workers = [worker for pool in lambda_runtime._workers.values() for worker in pool]
    found = [worker._proc for worker in workers if worker.func_name == function]
    return [process.pid for process in found if process is not None]


def _with_latest_code(function: Any) -> Any:
    """The function's record, whose copy may be older than the code that the function has now."""
    config = function.get("config") or function
    live = lambda_svc._functions.get(config["FunctionName"]) if config.get("Version") in (None, "$LATEST") else None
    return {**function, "code_zip": live["code_zip"]} if live and live.get("code_zip") else function


def function_environment(given: dict[str, str], variables: dict[str, str], task_root: Path) -> dict[str, str]:
    """Of what ministack would give a worker: the function's own variables, the runtime's, and the system's paths."""
    inherited = {
        name
        for name, value in given.items()
        if os.environ.get(name) == value and name not in variables and name not in _PASSED_ON
    }
    env = {name: value for name, value in given.items() if name not in inherited}
    scratch = task_root.parent / "tmp"
    scratch.mkdir(exist_ok=True)
    return {"TZ": ":UTC", "PYTHONUNBUFFERED": "1", **env, "TMPDIR": str(scratch), "HOME": str(scratch)}


class _Subprocess:
    """The subprocess module as ministack's Lambda runtime sees it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    def Popen(self, command: Any, **options: Any) -> Any:  # noqa: N802 (the module's own name)
        options["env"] = function_environment(options["env"], _local.variables, Path(options["cwd"]))
        return _WorkerProcess(command, **options)


class _WorkerProcess(subprocess.Popen[str]):
    """A worker's process that closes its pipes and ends when it is let go of; ministack leaves both to chance."""

    def __del__(self, *arguments: Any, **options: Any) -> None:
        for pipe in (self.stdin, self.stdout, self.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):  # the process is gone, what was not yet written with it
                    pipe.close()
        if self.returncode is None and self.poll() is None:
            self.kill()
            self.wait()
        super().__del__(*arguments, **options)
