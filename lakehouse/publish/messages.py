"""What people are told of published gold. Pure."""

from collections.abc import Mapping

from lakehouse import names
from lakehouse.ledger.items import GoldResult, RunRecord
from lakehouse.notify import Notification
from lakehouse.publish.publish import Outcome


def about_run(run: RunRecord, gold: Mapping[str, GoldResult], outcome: Outcome) -> Notification:
    """The message of a run that ended well; `gold`: the tables that it published."""
    return _message(
        run, gold, outcome, "run_succeeded", "Run succeeded", names.digest("notification", run.run_id, outcome)
    )


def about_derived(run: RunRecord, table: str, result: GoldResult, outcome: Outcome) -> Notification:
    """The message of a table that followed another."""
    identity = names.digest("notification", "derived", run.run_id, table, outcome)
    return _message(run, {table: result}, outcome, "gold_derived", "Gold derived", identity)


def _message(
    run: RunRecord, gold: Mapping[str, GoldResult], outcome: Outcome, kind: str, title: str, identity: str
) -> Notification:
    tables = ", ".join(f"{table} ({result.rows:,} rows)" for table, result in sorted(gold.items()))
    if outcome == "published":
        subject = f"[{run.pipeline}] {title}: {tables}"
        text = f"Batch {run.batch}: gold is published.\n"
    else:
        subject = f"[{run.pipeline}] {title} but was overtaken: batch {run.batch}"
        text = f"Batch {run.batch}: newer gold was published already; it holds this batch's rows too.\n"
    lines = "".join(_line(table, result) for table, result in sorted(gold.items()))
    versions = ", ".join(f"{dataset} {version}" for dataset, version in sorted(run.versions.items()))
    return Notification(
        id=identity,
        kind=kind,
        pipeline=run.pipeline,
        subject=subject,
        text=f"{text}{lines}Silver versions: {versions}. Run: {run.run_id}\n",
        details={
            "batch": run.batch,
            "run_id": run.run_id,
            "outcome": outcome,
            "engine": run.engine,
            "versions": dict(run.versions),
            "gold": {table: _details(result) for table, result in sorted(gold.items())},
        },
    )


def _line(table: str, result: GoldResult) -> str:
    where = f"by {result.engine}, in {result.location}"
    parts = f" in {len(result.partitions):,} partitions" if result.partitions else ""
    csv = f"    for spreadsheets: {result.csv}\n" if result.csv else ""
    return f"  {table}: {result.rows:,} rows{parts}, {result.bytes:,} bytes, {where}\n{csv}"


def _details(result: GoldResult) -> dict[str, object]:
    more: dict[str, object] = {"csv": result.csv} if result.csv else {}
    if result.partitions:
        more["partitions"] = {value: one.rows for value, one in sorted(result.partitions.items())}
    return {"location": result.location, "rows": result.rows, "bytes": result.bytes, **more}
