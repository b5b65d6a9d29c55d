"""What happens to a run, as the ledger remembers it. Each step is recorded by the part that did it.

started → committed → gold_written → published, or superseded where a newer run stands for the batch. A run that
failed may go on from where it failed, so `failed` gives way to the next step; `published` and `superseded` are final:
whatever is recorded after them changes nothing and answers None, but for the error of a step after the publishing.
A failed run keeps the times of the steps it did.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lakehouse import names
from lakehouse.errors import BalanceError, EventError
from lakehouse.ledger.items import DatasetBalance, GoldResult, RunRecord, RunStatus, now
from lakehouse.ledger.store import Ledger
from lakehouse.log import log
from lakehouse.notify import Notification, send

if TYPE_CHECKING:
    from mypy_boto3_sns.client import SNSClient

FINAL: tuple[RunStatus, ...] = ("published", "superseded")
LEDGER_CHARACTERS = 2_000


def started(
    ledger: Ledger, pipeline: str, batch: str, run_id: str, generation: int, manifest_hash: str
) -> RunRecord | None:
    """The run's execution was started. A later step that was recorded already is kept."""
    first = {"status": "started", "generation": generation, "manifest_hash": manifest_hash, "started_at": now()}
    return _record(ledger, pipeline, batch, run_id, {}, first)


def committed(
    ledger: Ledger,
    pipeline: str,
    batch: str,
    run_id: str,
    engine: str,
    versions: Mapping[str, int],
    manifest_bytes: int,
    balance: Mapping[str, DatasetBalance] = MappingProxyType({}),
) -> RunRecord | None:
    """Silver holds what is in force: table version by dataset, the engine for gold, bronze bytes of the manifest.

    Args:
        balance: the batch's rows by dataset; empty where it was not drawn up.
    """
    values = {"engine": engine, "versions": dict(versions), "manifest_bytes": manifest_bytes, "committed_at": now()}
    values["balance"] = dict(balance)
    return _record(ledger, pipeline, batch, run_id, {"status": "committed", **values})


def gold_written(
    ledger: Ledger, pipeline: str, batch: str, run_id: str, gold: Mapping[str, GoldResult]
) -> RunRecord | None:
    """The engine wrote all gold tables of the pipeline: result by table name."""
    values = {"gold": dict(gold), "gold_at": now()}
    return _record(ledger, pipeline, batch, run_id, {"status": "gold_written", **values})


def published(ledger: Ledger, pipeline: str, batch: str, run_id: str) -> RunRecord | None:
    """Readers see the run's gold."""
    return _record(ledger, pipeline, batch, run_id, {"status": "published", "published_at": now()})


def superseded(ledger: Ledger, pipeline: str, batch: str, run_id: str) -> RunRecord | None:
    """A newer run stands for the batch, or readers saw its gold already: this run ends without publishing."""
    return _record(ledger, pipeline, batch, run_id, {"status": "superseded"})


def failed(ledger: Ledger, pipeline: str, batch: str, run_id: str, error: str) -> RunRecord | None:
    """The run's execution failed: `error` says why, for people. None when it had reached its end all the same."""
    return _record(ledger, pipeline, batch, run_id, {"status": "failed", "error": error})


def failed_afterwards(ledger: Ledger, pipeline: str, batch: str, run_id: str, error: str) -> RunRecord | None:
    """Readers see the run's gold, but a later step of its workflow failed: it stays `published`, with the error.

    None when nobody sees its gold: whatever it did after that is of no account.
    """
    return ledger.update_run(pipeline, batch, run_id, {"error": error}, {}, unless_status=("superseded",))


@dataclass(frozen=True)
class RunFailure:
    """Why a run's execution failed, as its workflow says."""

    pipeline: str
    batch: str
    run_id: str
    error: str
    """Step Functions' error name, such as `States.TaskFailed`, and the exception's class where the task named one."""
    said: str
    """What the failed task said, for people who may see data: it may quote some."""


def failure_of(event: Mapping[str, Any]) -> RunFailure:
    """The failure in the input of the workflow's failure state: the run's plan with `error: {Error, Cause}` added.

    Raises:
        EventError: a field is missing.
    """
    try:
        error = event["error"]
        name, (kind, said) = str(error["Error"]), _of_cause(str(error.get("Cause", "")))
        name = f"{name} ({kind})" if kind and kind != name else name
        return RunFailure(event["pipeline"], event["batch"], event["run_id"], name, said)
    except (KeyError, TypeError, AttributeError) as problem:
        raise EventError(
            f"Input of the failure state lacks something: {problem!r}. Expected pipeline, batch, run_id, error.Error"
        ) from problem


def is_unbalanced(failure: RunFailure) -> bool:
    """Whether rows were lost or doubled: the step says so as the class of its error, a Glue job in what it says."""
    return BalanceError.__name__ in f"{failure.error} {failure.said}"


def record_failure(failure: RunFailure, ledger: Ledger, sns: "SNSClient", topic_arn: str) -> dict[str, object]:
    """Record a failed run and tell people. A run whose gold is superseded is left alone."""
    fields = {"pipeline": failure.pipeline, "batch": failure.batch, "run_id": failure.run_id}
    error = f"{failure.error}: {failure.said}"[:LEDGER_CHARACTERS]
    run = failed(ledger, **fields, error=error) or failed_afterwards(ledger, **fields, error=error)
    log("run_failed" if run else "superseded_run_failed", **fields, error=failure.error)
    if run is not None:
        send(sns, topic_arn, about_failure(failure, published=run.status == "published"))
    return {**fields, "recorded": run is not None}


def about_failure(failure: RunFailure, published: bool = False) -> Notification:
    """What to tell of a failed run. What the task said stays in the ledger: it may quote data.

    Args:
        published: readers see its gold already, and a later step failed.
    """
    seen = "is this run's; a later step failed" if published else "is as it was before"
    text = (
        f"The run {failure.run_id} of {failure.pipeline}, batch {failure.batch}, failed: {failure.error}.\n"
        f"What readers see of {failure.pipeline} {seen}. What went wrong: lake runs {failure.pipeline}\n"
    )
    return Notification(
        id=names.digest("notification", failure.run_id, failure.error, failure.said),
        kind="run_failed",
        pipeline=failure.pipeline,
        subject=f"[{failure.pipeline}] Run failed: batch {failure.batch}, {failure.error}",
        text=text,
        details={"batch": failure.batch, "run_id": failure.run_id, "error": failure.error},
    )


def _of_cause(cause: str) -> tuple[str | None, str]:
    """Exception class and sentence in a cause: Lambda and Glue wrap them in JSON, with traces or a job run around."""
    try:
        document = json.loads(cause)
    except ValueError:
        return None, cause
    if not isinstance(document, dict):
        return None, cause
    kind, said = document.get("errorType"), document.get("errorMessage") or document.get("ErrorMessage")
    return (str(kind) if kind else None), (str(said) if said else cause)


def _record(
    ledger: Ledger,
    pipeline: str,
    batch: str,
    run_id: str,
    values: Mapping[str, object],
    first: Mapping[str, object] | None = None,
) -> RunRecord | None:
    return ledger.update_run(pipeline, batch, run_id, values, first or {}, unless_status=FINAL)
