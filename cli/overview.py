"""The whole lake at a glance: one document, and the tables that show it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from cli.lake import Lake
from cli.text import short_moment, short_run
from lakehouse.batches.decide import missing
from lakehouse.contract.model import Pipeline
from lakehouse.names import UNKNOWN
from lakehouse.repair.dead_letters import QUEUES
from lakehouse.repair.queues import DeadLetterQueues
from lakehouse.sweep.decide import overdue

BATCHES_SHOWN = 10
Block = tuple[str, Sequence[str], list[Sequence[object]]]
"""A table: title, columns, rows."""


def overview(lake: Lake) -> dict[str, Any]:
    """Server, stack, and each pipeline's files, batches, last run and gold, as one JSON value."""
    return {
        "server": {"endpoint_url": lake.server.endpoint_url, "pid": lake.server.pid, "home": str(lake.home.path)},
        "stack": _stack(lake),
        "pipelines": [_pipeline(lake, pipeline) for pipeline in lake.pipelines.values()],
        "unknown_files": sum(1 for _ in lake.ledger.files(UNKNOWN)),
        "dead_letters": _dead_letters(lake),
    }


def _stack(lake: Lake) -> dict[str, Any]:
    stack = lake.client("cloudformation").describe_stacks(StackName=lake.prefix)["Stacks"][0]
    return {"name": lake.prefix, "status": stack["StackStatus"], "bucket": lake.settings.bucket}


def _dead_letters(lake: Lake) -> int:
    """Messages that nobody works on until a person does."""
    queues = DeadLetterQueues(lake.client("sqs"), lake.client("lambda"), lake.prefix)
    return sum(queues.count(queue) for queue in QUEUES)


def _pipeline(lake: Lake, pipeline: Pipeline) -> dict[str, Any]:
    files = Counter(file.verdict for file in lake.ledger.files(pipeline.name))
    batches = [
        {
            "batch": state.batch,
            "files": len(state.slots),
            "rows": sum(slot.rows for slot in state.slots.values()),
            "missing": list(missing(pipeline, state)),
            "overdue": bool(overdue(pipeline, state, datetime.now(UTC))),
            "run_id": state.run_id,
            "chosen_engine": state.engine,
            "at": state.at,
        }
        for state in lake.ledger.batches(pipeline.name)
    ]
    last = next(lake.ledger.runs(pipeline.name), None)
    return {
        "pipeline": pipeline.name,
        "title": pipeline.title,
        "engine": pipeline.engine,
        "files": {"accepted": files["accepted"], "refused": files["refused"]},
        "batches": batches,
        "last_run": last and {"run_id": last.run_id, "status": last.status, "at": last.at, "error": last.error},
        "gold": [_gold(lake, pipeline, table.name) for table in pipeline.gold],
    }


def _gold(lake: Lake, pipeline: Pipeline, table: str) -> dict[str, Any]:
    """A gold table as readers see it, or as not there yet."""
    pointer = lake.ledger.pointer(pipeline.name, table)
    found = {"table": table, "rows": None, "run_id": None, "location": None, "at": None}
    if pointer is None:
        return found
    found |= {"run_id": pointer.run_id, "location": pointer.location, "at": pointer.at}
    for run in lake.ledger.runs(pipeline.name):
        if run.run_id == pointer.run_id and table in run.gold:
            return found | {"rows": run.gold[table].rows}
    return found


def status_blocks(document: dict[str, Any]) -> Iterator[Block]:
    """The document as tables."""
    server, stack = document["server"], document["stack"]
    lines: list[Sequence[object]] = [
        ("server", f"{server['endpoint_url']}, process {server['pid']}"),
        ("state", server["home"]),
        ("stack", f"{stack['name']}: {stack['status']}"),
        ("bucket", stack["bucket"]),
    ]
    if document["unknown_files"]:
        lines.append(("no place", f"{document['unknown_files']:,} files fit no pipeline: lake quarantine list"))
    if document["dead_letters"]:
        lines.append(("dead letters", f"{document['dead_letters']:,} messages that nobody works on: lake dlq list"))
    yield "The lake", ("", ""), lines
    yield (
        "Pipelines",
        ("pipeline", "!engine", ">files", ">refused", ">batches", "!last run", "!at (UTC)"),
        [_pipeline_row(one) for one in document["pipelines"]],
    )
    yield (
        "Batches",
        ("pipeline", "batch", ">files", ">rows in force", "state"),
        [row for one in document["pipelines"] for row in _batch_rows(one)],
    )
    yield (
        "Gold",
        ("table", ">rows", "!published (UTC)", "!run"),
        [
            (gold["table"], gold["rows"], short_moment(gold["at"]), gold["run_id"] and short_run(gold["run_id"]))
            for one in document["pipelines"]
            for gold in one["gold"]
        ],
    )


def _pipeline_row(one: dict[str, Any]) -> Sequence[object]:
    files, last = one["files"], one["last_run"]
    total = files["accepted"] + files["refused"]
    return (
        one["pipeline"],
        one["engine"],
        total,
        files["refused"],
        len(one["batches"]),
        last["status"] if last else None,
        short_moment(last["at"]) if last else None,
    )


def _batch_rows(one: dict[str, Any]) -> Iterator[Sequence[object]]:
    for batch in one["batches"][:BATCHES_SHOWN]:
        waits = ", ".join(batch["missing"])
        word = "overdue" if batch["overdue"] else "incomplete"
        state = f"{word}: waits for {waits}" if waits else "complete"
        if batch["chosen_engine"]:
            state += f", on {batch['chosen_engine']} by choice"
        yield one["pipeline"], batch["batch"], batch["files"], batch["rows"], state
    if len(one["batches"]) > BATCHES_SHOWN:
        yield one["pipeline"], f"and {len(one['batches']) - BATCHES_SHOWN:,} more", None, None, None
