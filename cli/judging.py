"""Asks the gate to judge files anew and waits for what it says."""

import time
from collections.abc import Sequence

from cli.ending import pause
from cli.errors import CliError
from cli.follow import LOOK_AT_LOGS_AFTER_SECONDS, VERDICT_SECONDS, gate_log, raise_gate_error
from cli.lake import Lake
from cli.screen import Screen
from cli.text import count_text
from lakehouse.repair.dead_letters import INTAKE_QUEUE
from lakehouse.repair.judge_again import Judged, Released, ask, intake_is_empty, outcomes

IDLE_SECONDS = 3.0
"""An intake queue that is empty for so long, with files still not judged anew, means that the gate left them alone."""


def judge_anew(lake: Lake, wanted: Sequence[Judged]) -> int:
    """Ask the gate; when that began, milliseconds since 1970."""
    began_at_ms = int(time.time() * 1000)
    ask(lake.client("sqs"), _intake(lake), lake.settings.bucket, (one.slot.key for one in wanted))
    return began_at_ms


def await_verdicts(lake: Lake, asked: Sequence[Judged], began_at_ms: int, screen: Screen) -> list[Released]:
    """Wait until all files that the gate was asked for are judged under the present contract and in force.

    Raises:
        CliError: the gate failed, or has nothing to do and has not judged some of them.
    """
    started, look, busy = time.monotonic(), LOOK_AT_LOGS_AFTER_SECONDS, time.monotonic()
    found: dict[str, Released] = {}
    with screen.waiting(f"Gate judges {count_text(len(asked), 'file')} anew"):
        while len(found) < len(asked):
            open_ones = [one for one in asked if one.slot.key not in found]
            if not intake_is_empty(lake.client("sqs"), _intake(lake)):
                busy = time.monotonic()
            found |= outcomes(open_ones, lake.keyed, lake.ledger)
            waited = time.monotonic() - started
            if len(found) < len(asked) and time.monotonic() - busy > IDLE_SECONDS:
                raise CliError(_left(asked, found), "lake up   (it deploys the contracts of this checkout)")
            if waited > look:
                raise_gate_error(lake, began_at_ms, f"{count_text(len(asked), 'file')} were sent to it again")
                look += LOOK_AT_LOGS_AFTER_SECONDS
            if waited > VERDICT_SECONDS:
                raise CliError(f"The gate has not judged all files within {VERDICT_SECONDS:.0f} s", gate_log(lake))
            if len(found) < len(asked):
                time.sleep(pause(waited))
    return [found[one.slot.key] for one in asked]


def _intake(lake: Lake) -> str:
    url: str = lake.client("sqs").get_queue_url(QueueName=f"{lake.prefix}-{INTAKE_QUEUE}")["QueueUrl"]
    return url


def _left(asked: Sequence[Judged], found: dict[str, Released]) -> str:
    left = [one.slot.key for one in asked if one.slot.key not in found]
    return (
        f"The gate has looked at {left[0]} and left it alone ({len(left):,} of {len(asked):,} files): the lake works "
        "by another contract than this checkout's, or the file is gone from bronze"
    )
