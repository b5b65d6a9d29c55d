"""Invokes a pipeline's generator where it is deployed: it puts its files into bronze itself."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.config import Config

from cli.errors import CliError
from cli.lake import Lake, client
from cli.samples import period_of
from cli.screen import Screen
from cli.text import count_text
from lakehouse.contract.model import Pipeline

LONGEST_SECONDS = 900
"""What a Lambda function may take at most."""


@dataclass(frozen=True)
class Wanted:
    """What a person asks a generator for; nothing means the generator's own default."""

    rows: int | None
    seed: int | None
    dirty: float
    files: int
    at: datetime
    """Moment of the first file, UTC."""


def invoke(lake: Lake, pipeline: Pipeline, wanted: Wanted, screen: Screen) -> list[dict[str, Any]]:
    """Invoke the generator once for each file of a dataset; its answers, in order.

    Raises:
        CliError: the pipeline has no generator, or it failed; says what it said.
    """
    if pipeline.generator is None:
        raise CliError(f"Pipeline '{pipeline.name}' has no generator", "Its contract lacks the table [generator]")
    name = f"{lake.prefix}-{pipeline.name}-generate"
    patient = Config(read_timeout=LONGEST_SECONDS, retries={"max_attempts": 0})
    function = client(lake.home, lake.server, lake.region, "operator", "lambda", patient)
    answers = []
    did = f"{name} put {{}} into bronze"
    with screen.bar(f"{name} works", wanted.files, lambda done: did.format(count_text(done, "document"))) as advance:
        for number in range(wanted.files):
            event = _event(wanted, number, period_of(pipeline))
            reply = function.invoke(FunctionName=name, Payload=json.dumps(event))
            answer = json.loads(reply["Payload"].read())
            if "FunctionError" in reply:
                raise CliError(f"{name} failed: {answer.get('errorMessage', answer)}", f"Its log: /aws/lambda/{name}")
            answers.append(answer)
            advance(1)
    return answers


def _event(wanted: Wanted, number: int, period: timedelta) -> dict[str, Any]:
    event: dict[str, Any] = {"time": (wanted.at + number * period).strftime("%Y-%m-%dT%H:%M:%SZ")}
    if wanted.rows is not None:
        event["rows"] = wanted.rows
    if wanted.seed is not None:
        event["seed"] = wanted.seed + number
    if wanted.dirty:
        event["dirty"] = wanted.dirty
    return event
