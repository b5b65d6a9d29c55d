"""What happens to a run, as the ledger remembers it. Each step is recorded by the part that did it.

started → committed → gold_written → published, or superseded where a newer run's result was there already. A run that
failed may go on from where it failed, so `failed` gives way to the next step; `published` and `superseded` are final:
whatever is recorded after them changes nothing and answers None. A failed run keeps the times of the steps it did.
"""

from collections.abc import Mapping

from lakehouse.ledger.items import GoldResult, RunRecord, RunStatus, now
from lakehouse.ledger.store import Ledger

FINAL: tuple[RunStatus, ...] = ("published", "superseded")


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
) -> RunRecord | None:
    """Silver holds what is in force: table version by dataset, the engine for gold, bronze bytes of the manifest."""
    values = {"engine": engine, "versions": dict(versions), "manifest_bytes": manifest_bytes, "committed_at": now()}
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
    """Readers saw a newer run's gold already; this run's stays unpublished."""
    return _record(ledger, pipeline, batch, run_id, {"status": "superseded"})


def failed(ledger: Ledger, pipeline: str, batch: str, run_id: str, error: str) -> RunRecord | None:
    """The run's execution failed: `error` says why, for people. None when it had reached its end all the same."""
    return _record(ledger, pipeline, batch, run_id, {"status": "failed", "error": error})


def _record(
    ledger: Ledger,
    pipeline: str,
    batch: str,
    run_id: str,
    values: Mapping[str, object],
    first: Mapping[str, object] | None = None,
) -> RunRecord | None:
    return ledger.update_run(pipeline, batch, run_id, values, first or {}, unless_status=FINAL)
