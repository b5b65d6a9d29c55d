"""Lambda functions see what AWS would show them, and their errors have names."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from glue_job import make_role
from test_localaws_cloudformation import LAMBDA_TRUST, code
from workflow import execute, make_machine

from localaws import EmbeddedAws, lambdas


def make_function(aws: EmbeddedAws, name: str, text: str, *statements: dict[str, Any], **settings: Any) -> str:
    """A function with a role of its own; its name."""
    role = make_role(aws, f"{name}-role", *statements, trust=LAMBDA_TRUST)
    aws.client("lambda").create_function(
        FunctionName=name,
        Role=role,
        Runtime="python3.11",
        Handler="f.handler",
        Code={"ZipFile": code(text)},
        **settings,
    )
    return name


def invoke(aws: EmbeddedAws, name: str, event: object = None) -> dict[str, Any]:
    """The answer of one synchronous invocation."""
    answer = aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    return {"error": answer.get("FunctionError"), "payload": json.loads(answer["Payload"].read())}


def test_a_function_sees_its_own_variables_and_none_of_the_servers(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/of/the/developer")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/of/the/developer")
    text = "import os, sys\ndef handler(event, context): return {'env': dict(os.environ), 'path': sys.path}"
    settings = {"Environment": {"Variables": {"MINE": "1"}}}
    make_function(aws, "sees", text, **settings)
    seen = invoke(aws, "sees")["payload"]
    env = seen["env"]
    assert (env["MINE"], env["AWS_LAMBDA_FUNCTION_NAME"], env["AWS_REGION"]) == ("1", "sees", aws.region)
    assert env["AWS_ENDPOINT_URL"] == aws.endpoint_url
    assert "PYTHONPATH" not in env
    assert "AWS_SHARED_CREDENTIALS_FILE" not in env
    assert "S3_DATA_DIR" not in env
    assert str(Path.cwd()) not in seen["path"]


def test_a_handlers_error_carries_its_class_and_stack(aws: EmbeddedAws) -> None:
    text = "class Late(Exception): ...\ndef handler(event, context):\n    raise Late('by a day')"
    make_function(aws, "late", text)
    answer = invoke(aws, "late")
    assert answer["error"] == "Unhandled"
    payload = answer["payload"]
    assert (payload["errorType"], payload["errorMessage"]) == ("Late", "by a day")
    assert "f.py" in payload["stackTrace"][-1]
    assert payload["requestId"]


def test_step_functions_catches_a_handlers_error_by_its_class(aws: EmbeddedAws) -> None:
    make_function(aws, "picky", "class Late(Exception): ...\ndef handler(event, context):\n    raise Late('by a day')")
    arn = f"arn:aws:lambda:{aws.region}:{aws.account_id}:function:picky"
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": arn, "Payload.$": "$"},
        "Catch": [{"ErrorEquals": ["Late"], "ResultPath": "$.error", "Next": "Caught"}],
        "End": True,
    }
    states = {"Task": task, "Caught": {"Type": "Pass", "End": True}}
    allow = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arn}
    done = execute(aws, make_machine(aws, "catches", states, allow), input="{}")
    caught = json.loads(done["output"])["error"]
    assert (done["status"], caught["Error"], json.loads(caught["Cause"])["errorMessage"]) == (
        "SUCCEEDED",
        "Late",
        "by a day",
    )


def test_a_state_machine_without_permission_cannot_invoke(aws: EmbeddedAws) -> None:
    make_function(aws, "closed", "def handler(event, context): return 1")
    arn = f"arn:aws:lambda:{aws.region}:{aws.account_id}:function:closed"
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": arn}}
    done = execute(aws, make_machine(aws, "may-not", {"Task": {**task, "End": True}}), input="{}")
    assert (done["status"], done["error"]) == ("FAILED", "Lambda.AWSLambdaException")
    assert f"is not authorized to perform: lambda:InvokeFunction on resource: {arn}" in done["cause"]


def test_an_attempt_after_the_code_was_replaced_runs_the_new_code(aws: EmbeddedAws) -> None:
    """An event that failed is tried again a second later; the code may have been mended in between."""
    from ministack.services import lambda_svc

    before = _replaced(aws, "mended")
    assert lambda_svc._execute_function_with_config_scope(before, {})["body"] == "new"
    assert invoke(aws, "mended")["payload"] == "new"


def test_a_worker_that_was_started_with_the_old_code_is_not_kept(aws: EmbeddedAws) -> None:
    """An attempt may read the code just before it is replaced and take its worker just after that."""
    from ministack.core import lambda_runtime

    before = _replaced(aws, "kept")
    stale, _ = lambda_runtime.acquire_worker("kept", before["config"], before["code_zip"])
    lambda_runtime.release_worker(stale)
    assert stale.code_zip == before["code_zip"]
    assert invoke(aws, "kept")["payload"] == "new"
    assert stale not in [worker for pool in lambda_runtime._workers.values() for worker in pool]


def _replaced(aws: EmbeddedAws, name: str) -> dict[str, Any]:
    """Make a function that answers 'old' and let it answer 'new'; its record as an earlier attempt holds it."""
    from ministack.services import lambda_svc

    text = "def handler(event, context): return {!r}"
    make_function(aws, name, text.format("old"))
    assert invoke(aws, name)["payload"] == "old"
    before = dict(lambda_svc._functions[name])
    aws.client("lambda").update_function_code(FunctionName=name, ZipFile=code(text.format("new")))
    return before


def test_a_worker_that_cannot_start_harms_no_other(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    from ministack.core import lambda_runtime

    text = "import time\ndef handler(event, context):\n    time.sleep(event)\n    return 'done'"
    name = make_function(aws, "one-of-two", text, Timeout=30)
    start = lambda_runtime.Worker._spawn

    def fail(worker: Any) -> None:
        monkeypatch.setattr(lambda_runtime.Worker, "_spawn", start)
        raise RuntimeError("no memory")

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(invoke, aws, name, 3)
        while not lambdas.process_ids(name):
            time.sleep(0.05)
        monkeypatch.setattr(lambda_runtime.Worker, "_spawn", fail)
        assert invoke(aws, name, 0)["payload"]["errorMessage"] == "no memory"
        assert not working.done()
        assert working.result() == {"error": None, "payload": "done"}
    assert invoke(aws, name, 0)["payload"] == "done"


def test_sessions_come_while_expired_ones_go(aws: EmbeddedAws) -> None:
    from ministack.services import sts

    class Busy(dict[str, Any]):
        """Looked at, it lets another thread add a session."""

        def get(self, key: str, default: Any = None) -> Any:
            sts._sessions[f"ASIA{uuid4().hex}"] = {}
            return super().get(key, default)

    sts._sessions |= {"ASIABUSY": Busy(), "ASIAOLD": {"Expiration": 1}}
    sts.register_session("ASIANEW", {})
    assert "ASIANEW" in sts._sessions
    assert "ASIAOLD" not in sts._sessions
