"""Tables that follow another: made once that one is published, of the same silver versions, and published as any other.

Called with every `Gold Published` event. Whatever is repeated changes nothing: what was made is in the run's ledger
item, publishing is monotone, and how a table ended is recorded last.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from lakehouse.contract.model import GoldTable, Pipeline
from lakehouse.errors import PublishError
from lakehouse.ledger.items import GoldResult, RunRecord
from lakehouse.ledger.store import Ledger
from lakehouse.log import log
from lakehouse.plan import following_tables
from lakehouse.publish.announce import Announce, GoldPublished
from lakehouse.publish.catalog import Catalog
from lakehouse.publish.messages import about_derived
from lakehouse.publish.publish import Outcome, publish_run
from lakehouse.publish.run import Tell

Make = Callable[[GoldTable], GoldResult]
"""An engine makes one table of the event's silver versions."""


def derive(
    pipeline: Pipeline,
    event: GoldPublished,
    make: Make,
    catalog: Catalog,
    ledger: Ledger,
    announce: Announce,
    tell: Tell,
) -> dict[str, str]:
    """Make (unless the run's engine has made them) and publish the tables that follow the event's; how each ended.

    Raises:
        PublishError: the ledger does not know the event's run.
        EngineError: a result is not what the contract declares.
    """
    outcomes = {}
    for table in following_tables(pipeline, event.table):
        run = _known(ledger, event)
        if table.name in run.derived:
            outcomes[table.name] = run.derived[table.name]
            log("derived_before", pipeline=event.pipeline, batch=event.batch, run_id=event.run_id, table=table.name)
            continue
        run = _made(run, table, event, make, ledger)
        outcomes[table.name] = _publish(run, table.name, event, catalog, ledger, announce, tell)
        ledger.add_derived(event.pipeline, event.batch, event.run_id, table.name, outcomes[table.name])
    return outcomes


def _made(run: RunRecord, table: GoldTable, event: GoldPublished, make: Make, ledger: Ledger) -> RunRecord:
    """The run with a result of the table. Of two that make it at the same time the first counts for both."""
    if table.name in run.gold:
        return run
    recorded = ledger.add_gold(event.pipeline, event.batch, event.run_id, table.name, make(table))
    if recorded is None:
        raise PublishError(f"Run {event.run_id} of {event.pipeline} is gone from the ledger")
    return recorded


def _publish(
    run: RunRecord,
    table: str,
    event: GoldPublished,
    catalog: Catalog,
    ledger: Ledger,
    announce: Announce,
    tell: Tell,
) -> Outcome:
    result = run.gold[table]
    made: Mapping[str, GoldResult] = {table: result}
    shown = publish_run(catalog, ledger, event.pipeline, event.run_id, made, event.versions)[table]
    if shown.any:
        announce([replace(event, table=table, location=shown.location, engine=result.engine)])
    tell(about_derived(run, table, result, shown.outcome))
    return shown.outcome


def _known(ledger: Ledger, event: GoldPublished) -> RunRecord:
    run = ledger.run(event.pipeline, event.batch, event.run_id)
    if run is None:
        raise PublishError(f"The ledger knows no run {event.run_id} of {event.pipeline}, batch {event.batch}")
    return run
