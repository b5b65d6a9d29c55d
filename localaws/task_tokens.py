"""Step Functions tasks that wait for a token (`.waitForTaskToken`).

*ministack*: every attempt of a task has the same token; a Lambda that fails is waited for all the same; the state
machine's role is not asked; the wait outlives a stopped execution; heartbeats do not count.
*AWS*: each attempt has a token of its own, and the answer to an earlier one is refused as TaskTimedOut; what the call
itself raises fails the task at once; the role must allow the call; HeartbeatSeconds holds.
*Here*: as on AWS. Tokens are shorter than AWS's.
"""

import base64
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json, new_uuid
from ministack.services import stepfunctions as sfn

Data = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

_POLL_SECONDS = 0.1
_MOST_ENDED = 100_000
_WAITING = ".waitForTaskToken"

_ended: deque[str] = deque(maxlen=_MOST_ENDED)
"""Tokens that are answered or given up."""
_calls: dict[str, Callable[..., Any]] = {}

_apply_parameters, _apply_arguments = sfn._apply_parameters, sfn._apply_jsonata_arguments
_send = {"success": sfn._send_task_success, "failure": sfn._send_task_failure, "heartbeat": sfn._send_task_heartbeat}


def install(invoke: Callable[[str, Any], Any], over: Callable[[], bool]) -> None:
    """Put our own functions in the place of ministack's.

    `invoke` calls a task's resource with the role's permissions; `over` tells whether the execution has ended.
    """
    _calls.update(invoke=invoke, over=over)
    sfn._apply_parameters, sfn._apply_jsonata_arguments = apply_parameters, apply_arguments
    sfn._invoke_with_callback = invoke_with_callback
    sfn._send_task_success = lambda data: _answer("success", data)
    sfn._send_task_failure = lambda data: _answer("failure", data)
    sfn._send_task_heartbeat = lambda data: _answer("heartbeat", data)


def apply_parameters(state: Data, value: Any, context: Data) -> Any:
    """The task's Parameters, made before each attempt: so each gets its own token."""
    _renew_token(state, context)
    return _apply_parameters(state, value, context)


def apply_arguments(state: Data, value: Any, context: Data) -> Any:
    """The same for JSONata's Arguments."""
    _renew_token(state, context)
    return _apply_arguments(state, value, context)


def invoke_with_callback(resource: str, data: Any, token: str, state: Data) -> Any:
    """Call the resource, then wait for the answer to the token."""
    info: Data = {"event": threading.Event(), "result": None, "error": None, "heartbeat": None}
    deadline = time.monotonic() + float(state.get("TimeoutSeconds", 99_999_999))
    sfn._task_tokens[token] = info
    try:
        _calls["invoke"](resource.replace(_WAITING, ""), data)
        _wait(info, deadline, float(state.get("HeartbeatSeconds", 99_999_999)))
    finally:
        _ended.append(token)
        sfn._task_tokens.pop(token, None)
    if info["error"]:
        raise sfn._ExecutionError(info["error"]["Error"], info["error"]["Cause"])
    return json.loads(info["result"])


def _wait(info: Data, deadline: float, heartbeat_seconds: float) -> None:
    beat, beat_at = info["heartbeat"], time.monotonic()
    while not info["event"].wait(_POLL_SECONDS):
        now = time.monotonic()
        if info["heartbeat"] != beat:
            beat, beat_at = info["heartbeat"], now
        if _calls["over"]():
            raise sfn._ExecutionError("States.TaskFailed", "The task was cancelled")
        if now >= deadline:
            raise sfn._ExecutionError("States.Timeout", "The task's TimeoutSeconds are over")
        if now >= beat_at + heartbeat_seconds:
            raise sfn._ExecutionError("States.HeartbeatTimeout", "The task's HeartbeatSeconds are over")


def _renew_token(state: Data, context: Data) -> None:
    if state.get("Type") == "Task" and _WAITING in state.get("Resource", ""):
        context["Task"] = {"Token": token_of(context["StateMachine"]["Id"])}


def token_of(machine_arn: str) -> str:
    """A new token. As AWS's, it tells the service whose task it is, so that policies can be asked for that machine."""
    return base64.urlsafe_b64encode(f"{new_uuid()} {machine_arn}".encode()).decode()


def machine_of(token: str) -> str | None:
    """The state machine whose task a token is of; None for anything else."""
    try:
        _, _, machine_arn = base64.urlsafe_b64decode(token).decode().partition(" ")
    except ValueError:
        return None
    return machine_arn or None


def _answer(kind: str, data: Data) -> Answer:
    """SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat."""
    token = data.get("taskToken", "")
    if token in _ended:
        return _refused("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
    if token not in sfn._task_tokens:
        return _refused("InvalidToken", "Invalid Token: 'Invalid token'")
    if kind == "success":
        try:
            json.loads(data.get("output", ""))
        except ValueError as error:
            return _refused("InvalidOutput", f"Invalid Output: {error}")
    answer: Answer = _send[kind](data)
    if kind != "heartbeat":
        _ended.append(token)
    return answer


def _refused(code: str, message: str) -> Answer:
    answer: Answer = error_response_json(code, message, 400)
    return answer
