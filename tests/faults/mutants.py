"""Weaker designs, each put in the place of the real one: the schedules must notice every one of them."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import uuid4

from lakehouse import names, runs
from lakehouse.batches import start
from lakehouse.batches.decide import Run, run_needed
from lakehouse.contract.model import Pipeline
from lakehouse.engines import duckdb_run
from lakehouse.gate import objects
from lakehouse.gate.objects import ObjectVersion
from lakehouse.ledger.gold import GoldLedger
from lakehouse.ledger.items import BatchState, PartitionPointer
from lakehouse.ledger.store import Ledger
from lakehouse.publish.pointer import Pointer
from lakehouse.silver.slots import SlotSwap, decide_swap
from tests.faults.world import module

Patch = AbstractContextManager[Any]


@contextmanager
def _all(*patches: Patch) -> Iterator[None]:
    with ExitStack() as stack:
        for patch in patches:
            stack.enter_context(patch)
        yield


def list_then_start() -> Patch:
    """Look what the batch holds; if it is complete, start a run, of any name."""

    def naive(pipeline: Pipeline, state: BatchState, ledger: Ledger, stepfunctions: Any, arn: str) -> Run | None:
        run = run_needed(pipeline, ledger.batch(state.pipeline, state.batch))
        if run is None:
            return None
        run = replace(run, run_id=f"{run.run_id}-{uuid4().hex[:6]}")
        stepfunctions.start_execution(stateMachineArn=arn, name=run.run_id, input=json.dumps(asdict(run)))
        runs.started(ledger, run.pipeline, run.batch, run.run_id, run.generation, run.manifest_hash)
        ledger.batch_started(run.pipeline, run.batch, run.generation, run.run_id)
        return run

    return mock.patch("lakehouse.gate.settle.start_if_complete", naive)


def claim_then_start() -> Patch:
    """Write down that the run is started, and start it then."""

    def naive(pipeline: Pipeline, state: BatchState, ledger: Ledger, stepfunctions: Any, arn: str) -> Run | None:
        run = run_needed(pipeline, state)
        if run is None or state.run_id == run.run_id:
            return run
        ledger.batch_started(run.pipeline, run.batch, run.generation, run.run_id)
        start.start_execution(run, stepfunctions, arn)
        runs.started(ledger, run.pipeline, run.batch, run.run_id, run.generation, run.manifest_hash)
        return run

    return mock.patch("lakehouse.gate.settle.start_if_complete", naive)


def append_instead_of_swap() -> Patch:
    """A commit adds the files in force and takes nothing away."""

    def naive(want: Any, have: Any) -> SlotSwap:
        swap = decide_swap(want, have)
        return SlotSwap(swap.add, ()) if swap.add else swap

    return mock.patch("lakehouse.silver.commit.decide_swap", naive)


def overwrite_in_place() -> Patch:
    """Gold always goes into the same folder."""

    def naive(pipeline: str, table: str, run: str, attempt: str) -> str:
        return f"{names.GOLD}/{pipeline}/{table}/current/"

    return mock.patch.object(names, "gold_run_prefix", naive)


def publish_before_complete() -> Patch:
    """The pointer moves first, the files come then."""
    waiting: list[tuple[Any, bytes, str, str]] = []

    def send(self: Any, file: Path, key: str) -> int:
        waiting.append((self.s3, file.read_bytes(), self.bucket, key))
        return file.stat().st_size

    def after(publish: Callable[..., Any]) -> Callable[..., Any]:
        def naive(*arguments: Any) -> Any:
            shown = publish(*arguments)
            while waiting:
                s3, body, bucket, key = waiting[0]
                s3.put_object(Bucket=bucket, Key=key, Body=body)
                waiting.pop(0)
            return shown

        return naive

    from lakehouse.publish.publish import publish_run

    return _all(
        mock.patch.object(duckdb_run._Attempt, "_send", send),
        mock.patch("lakehouse.publish.run.publish_run", after(publish_run)),
        mock.patch("lakehouse.publish.derive.publish_run", after(publish_run)),
    )


def publish_without_comparing() -> Patch:
    """Whoever comes last is shown."""

    def show(shown: Pointer | None, remembered: Pointer | None, offered: Pointer) -> Pointer:
        return offered

    def put(self: GoldLedger, pointer: PartitionPointer) -> bool:
        self.table.put(pointer)
        return True

    return _all(
        mock.patch("lakehouse.publish.publish.pointer_to_show", show),
        mock.patch.object(GoldLedger, "put_partition", put),
    )


def judge_the_events_version() -> Patch:
    """The gate looks at the version that the event names, whether or not it is the newest."""
    named: dict[str, str] = {}
    handle_messages = module("gate").handle_messages

    def remember(event: Mapping[str, Any], handle: Any) -> Any:
        found = json.loads(event["Records"][0]["body"])["detail"]["object"]
        named[found["key"]] = found["version-id"]
        return handle_messages(event, handle)

    def version(s3: Any, bucket: str, key: str) -> ObjectVersion:
        head = s3.head_object(Bucket=bucket, Key=key, VersionId=named[key])
        at = head["LastModified"].isoformat(timespec="seconds")
        return ObjectVersion(key, named[key], head["ETag"], head["ContentLength"], at)

    return _all(
        mock.patch.object(module("gate"), "handle_messages", remember),
        mock.patch.object(objects, "current_version", version),
    )


def swallow_an_error() -> Patch:
    """A gate that fails says nothing, and its message is gone."""
    handle_messages = module("gate").handle_messages

    def naive(event: Mapping[str, Any], handle: Any) -> Any:
        try:
            return handle_messages(event, handle)
        except ExceptionGroup:
            return {"batchItemFailures": []}

    return mock.patch.object(module("gate"), "handle_messages", naive)


MUTANTS: dict[str, Callable[[], Patch]] = {
    mutant.__name__: mutant
    for mutant in (
        list_then_start,
        claim_then_start,
        append_instead_of_swap,
        overwrite_in_place,
        publish_before_complete,
        publish_without_comparing,
        judge_the_events_version,
        swallow_an_error,
    )
}
