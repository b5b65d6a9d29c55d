"""Tasks that wait for a token: a token an attempt, the call's own errors, permissions, timeouts, stopping."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from workflow import execute, make_machine, wait_for_execution

from localaws import EmbeddedAws

QUEUE = "tokens"


@pytest.fixture(scope="module")
def queue(aws: EmbeddedAws) -> str:
    return str(aws.client("sqs").create_queue(QueueName=QUEUE)["QueueUrl"])


def allow_queue(aws: EmbeddedAws) -> dict[str, Any]:
    arn = f"arn:aws:sqs:{aws.region}:{aws.account_id}:{QUEUE}"
    return {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}


def waiting_task(queue: str, **more: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token"}},
        "End": True,
        **more,
    }


def next_token(aws: EmbeddedAws, queue: str) -> str:
    sqs = aws.client("sqs")
    message = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"][0]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return str(json.loads(message["Body"])["token"])


def start(aws: EmbeddedAws, machine: str) -> str:
    return str(aws.client("stepfunctions").start_execution(stateMachineArn=machine)["executionArn"])


def test_the_answer_is_the_tasks_result_and_a_second_one_is_refused(aws: EmbeddedAws, queue: str) -> None:
    machine = make_machine(aws, "token-answer", {"Wait": waiting_task(queue)}, allow_queue(aws))
    states = aws.client("stepfunctions")
    execution, token = start(aws, machine), next_token(aws, queue)
    states.send_task_success(taskToken=token, output='{"done": true}')
    done = wait_for_execution(aws, execution)
    assert (done["status"], json.loads(done["output"])) == ("SUCCEEDED", {"done": True})
    with pytest.raises(ClientError) as refused:
        states.send_task_success(taskToken=token, output="{}")
    assert refused.value.response["Error"]["Code"] == "TaskTimedOut"
    with pytest.raises(ClientError) as unknown:
        states.send_task_failure(taskToken="none such", error="E", cause="c")
    assert unknown.value.response["Error"]["Code"] == "InvalidToken"


def test_a_failure_is_named_and_a_retry_has_a_token_of_its_own(aws: EmbeddedAws, queue: str) -> None:
    retry = {"ErrorEquals": ["CrawlerFailed"], "IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 1}
    machine = make_machine(aws, "token-retry", {"Wait": waiting_task(queue, Retry=[retry])}, allow_queue(aws))
    states = aws.client("stepfunctions")
    execution, first = start(aws, machine), next_token(aws, queue)
    states.send_task_failure(taskToken=first, error="CrawlerFailed", cause="no such bucket")
    second = next_token(aws, queue)
    assert second != first
    states.send_task_failure(taskToken=second, error="CrawlerFailed", cause="still none")
    done = wait_for_execution(aws, execution)
    assert (done["status"], done["error"], done["cause"]) == ("FAILED", "CrawlerFailed", "still none")


def test_nobodys_answer_times_out_and_asks_again(aws: EmbeddedAws, queue: str) -> None:
    retry = {"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 1}
    task = waiting_task(queue, TimeoutSeconds=1, Retry=[retry])
    machine = make_machine(aws, "token-timeout", {"Wait": task}, allow_queue(aws))
    states = aws.client("stepfunctions")
    execution, first = start(aws, machine), next_token(aws, queue)
    second = next_token(aws, queue)
    with pytest.raises(ClientError) as refused:
        states.send_task_success(taskToken=first, output="{}")
    assert refused.value.response["Error"]["Code"] == "TaskTimedOut"
    states.send_task_success(taskToken=second, output='"late"')
    assert wait_for_execution(aws, execution)["status"] == "SUCCEEDED"


def test_the_role_must_allow_the_call(aws: EmbeddedAws, queue: str) -> None:
    machine = make_machine(aws, "token-denied", {"Wait": waiting_task(queue)})
    done = execute(aws, machine)
    assert (done["status"], done["error"]) == ("FAILED", "Sqs.AccessDeniedException")


def test_a_lambda_that_cannot_be_called_fails_the_task_at_once(aws: EmbeddedAws, queue: str) -> None:
    task = waiting_task(queue)
    task |= {
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": "no-such-function", "Payload": {"token.$": "$$.Task.Token"}},
        "TimeoutSeconds": 30,
    }
    allowed = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}
    machine = make_machine(aws, "token-no-lambda", {"Wait": task}, allowed)
    began = time.monotonic()
    done = execute(aws, machine)
    assert done["status"] == "FAILED"
    assert done["error"] != "States.Timeout"
    assert time.monotonic() - began < 10


def test_a_stopped_execution_waits_no_longer(aws: EmbeddedAws, queue: str) -> None:
    machine = make_machine(aws, "token-stopped", {"Wait": waiting_task(queue)}, allow_queue(aws))
    states = aws.client("stepfunctions")
    execution, token = start(aws, machine), next_token(aws, queue)
    states.stop_execution(executionArn=execution)
    assert wait_for_execution(aws, execution)["status"] == "ABORTED"
    time.sleep(0.5)
    with pytest.raises(ClientError) as refused:
        states.send_task_success(taskToken=token, output="{}")
    assert refused.value.response["Error"]["Code"] == "TaskTimedOut"
