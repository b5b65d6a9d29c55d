"""Gold that follows gold: of the same silver, once, never older after newer, and repeats change nothing."""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from athena_client import Athena
from event_queue import queue_of_events
from gold_tables import Crash, Hooked
from shop_world import SHOP, Shop, event_of, sale

from lakehouse import runs
from lakehouse.contract.load import pipelines
from lakehouse.errors import EngineError, EventError, PublishError
from lakehouse.ledger.items import GoldResult, RunRecord
from lakehouse.ledger.store import Ledger
from lakehouse.publish.announce import GoldPublished, announce
from lakehouse.publish.catalog import Catalog
from lakehouse.publish.derive import derive
from tests.lake import Lake

ONE, TWO = "2026-01-01", "2026-01-02"


@pytest.fixture(scope="module")
def tables(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    shop = Shop(lake, tmp_path_factory.mktemp("shop"))
    shop.create_tables()
    yield shop
    shop.drop_tables()


@pytest.fixture
def shop(tables: Shop) -> Shop:
    tables.said.clear()
    tables.told.clear()
    return tables


def athena(shop: Shop, query: str) -> list[list[str | None]]:
    return Athena(shop.lake.aws, shop.lake.bucket, shop.lake.settings.gold_database).rows(query)


def test_a_day_of_the_shop_from_files_to_derived_gold(shop: Shop) -> None:
    shop.bring_day(ONE, "a", sale("s1", "1.00") + sale("s2", "2.00", "Bé"))
    shop.bring_day(TWO, "a", sale("s2", "9.00") + sale("s3", "4.00"))
    plans = [shop.run(ONE, "day-1"), shop.run(TWO, "day-2")]
    assert [(one.run_id, one.table) for one in shop.said] == [
        (run, table) for run in ("day-1", "day-2") for table in ("city_totals", "sales_by_day")
    ]
    assert all(dict(one.versions) == dict(plans[0].versions) for one in shop.said[:2])
    outcomes = [shop.derive(GoldPublished.from_event(event_of(one))) for one in list(shop.said)]
    assert outcomes == [{table: "published"} for _ in range(2) for table in ("best_city", "day_totals")]

    by_day = athena(shop, "select sale_id, amount, cast(day as varchar) from sales_by_day order by 1")
    assert by_day == [["s1", "1.00", ONE], ["s2", "9.00", TWO], ["s3", "4.00", TWO]]
    totals = athena(shop, "select city, amount, cast(day as varchar) from day_totals order by 3")
    assert totals == [["Aa", "1.00", ONE], ["Aa", "13.00", TWO]]
    assert athena(shop, "select city, amount from best_city") == [["Aa", "14.00"]]

    run = shop.ledger.run("shop", TWO, "day-2")
    assert run is not None
    assert (run.status, dict(run.derived)) == ("published", {"best_city": "published", "day_totals": "published"})
    assert {day: one.rows for day, one in run.gold["sales_by_day"].partitions.items()} == {ONE: 1, TWO: 2}
    csv = run.gold["best_city"].csv
    assert csv is not None
    assert csv.startswith(f"s3://{shop.lake.bucket}/exports/shop/best_city/run=day-2/")
    assert shop.text(csv) == "city,amount\r\nAa,14.00\r\n"
    assert shop.catalog.read("best_city").definition["Parameters"]["lakegate.csv"] == csv
    told = [(message.kind, message.subject) for message in shop.told if message.details["run_id"] == "day-2"]
    assert told == [
        ("run_succeeded", "[shop] Run succeeded: city_totals (1 rows), sales_by_day (3 rows)"),
        ("gold_derived", "[shop] Gold derived: best_city (1 rows)"),
        ("gold_derived", "[shop] Gold derived: day_totals (2 rows)"),
    ]
    assert str(run.gold["city_totals"].csv) in shop.told[1].text


def test_an_event_that_comes_again_changes_nothing(shop: Shop) -> None:
    day = "2026-02-01"
    shop.bring_day(day, "a", sale("again", "1.00"))
    shop.run(day, "again")
    event = next(one for one in shop.said if one.table == "city_totals")
    first = shop.derive(event)
    before, said, told = shop.ledger.run("shop", day, "again"), len(shop.said), len(shop.told)
    version = shop.catalog.read("best_city").version_id
    assert shop.derive(event) == first == {"best_city": "published"}
    assert (shop.ledger.run("shop", day, "again"), len(shop.said), len(shop.told)) == (before, said, told)
    assert shop.catalog.read("best_city").version_id == version


def test_a_correction_gives_keys_back_to_other_days(shop: Shop) -> None:
    early, late = "2026-03-01", "2026-03-02"
    shop.bring_day(early, "a", sale("moved", "1.00"))
    shop.bring_day(late, "a", sale("moved", "2.00") + sale("stays", "2.00"))
    shop.run(early, "m1")
    shop.run(late, "m2")
    query = f"select sale_id, cast(day as varchar) from sales_by_day where day between date '{early}' and date '{late}'"
    assert athena(shop, f"{query} order by 1") == [["moved", late], ["stays", late]]
    shop.bring_day(late, "a", sale("stays", "3.00"))
    shop.run(late, "m3")
    assert athena(shop, f"{query} order by 1") == [["moved", early], ["stays", late]]
    shop.bring_day(early, "a", sale("other", "3.00"))
    shop.run(early, "m4")
    assert athena(shop, f"{query} order by 1") == [["other", early], ["stays", late]]


def result(run: str, attempt: str = "1") -> GoldResult:
    return GoldResult(
        f"s3://lake/gold/shop/best_city/run={run}/{attempt}/", 1, 10, attempt, "duckdb", csv=f"s3://{run}"
    )


def event_for(shop: Shop, run: str, version: int) -> GoldPublished:
    """A run that has published `city_totals` of a silver version far above those of other tests."""
    versions = {"sales": 1_000_000 + version}
    runs.committed(shop.ledger, "shop", "fake", run, "duckdb", versions, 1)
    written = {"city_totals": GoldResult(f"s3://lake/totals/{run}/", 1, 1, "1", "duckdb")}
    runs.gold_written(shop.ledger, "shop", "fake", run, written)
    runs.published(shop.ledger, "shop", "fake", run)
    return GoldPublished("shop", "fake", run, "city_totals", versions, {"sales": 1}, "s3://lake/", "duckdb")


def derived(shop: Shop, event: GoldPublished, make: Callable[[Any], GoldResult], hook: Any = None) -> dict[str, str]:
    def hooked(client: Any) -> Any:
        return Hooked(client, hook) if hook else client

    def say(published: Any) -> None:
        if hook:
            hook("before announce")
        shop.said.extend(published)

    def tell(message: Any) -> None:
        if hook:
            hook("before tell")
        shop.told.append(message)

    catalog = Catalog(hooked(shop.catalog.client), shop.catalog.database)
    ledger = Ledger(hooked(shop.ledger.table.client), shop.ledger.table.name)
    return derive(SHOP, event, make, catalog, ledger, say, tell)


def never(_: Any) -> GoldResult:
    raise AssertionError("made again")


def test_an_older_event_after_a_newer_one_is_superseded(shop: Shop) -> None:
    old, new = event_for(shop, "old", 1), event_for(shop, "new", 2)
    assert derived(shop, new, lambda _: result("new")) == {"best_city": "published"}
    shop.said.clear()
    assert derived(shop, old, lambda _: result("old")) == {"best_city": "superseded"}
    pointer = shop.catalog.read("best_city").pointer
    assert pointer is not None
    assert (pointer.run_id, pointer.csv) == ("new", "s3://new")
    assert shop.said == []
    assert "overtaken" in shop.told[-1].subject


def test_what_the_runs_engine_made_is_only_published(shop: Shop) -> None:
    event = event_for(shop, "spark", 3)
    shop.ledger.add_gold("shop", "fake", "spark", "best_city", replace(result("spark"), engine="spark"))
    assert derived(shop, event, never) == {"best_city": "published"}
    assert [(one.table, one.engine) for one in shop.said] == [("best_city", "spark")]


def test_of_two_that_make_it_at_once_the_first_counts_for_both(shop: Shop) -> None:
    event = event_for(shop, "twice", 4)

    def slow(_: Any) -> GoldResult:
        derived(shop, event, lambda _: result("twice", "quick"))
        return result("twice", "slow")

    assert derived(shop, event, slow) == {"best_city": "published"}
    run, pointer = shop.ledger.run("shop", "fake", "twice"), shop.catalog.read("best_city").pointer
    assert run is not None
    assert pointer is not None
    assert pointer.location == run.gold["best_city"].location == result("twice", "quick").location
    assert len({message.id for message in shop.told}) == 1


def test_a_crash_at_any_call_is_repaired_by_the_retry(shop: Shop) -> None:
    crashes = []
    for point in itertools.count():
        run = f"crash-{point}"
        event, made, seen = event_for(shop, run, 10 + point), itertools.count(1), itertools.count()
        shop.said.clear()
        shop.told.clear()

        def die(call: str, point: int = point, seen: Iterator[int] = seen) -> None:
            if next(seen) == point:
                raise Crash(call)

        def make(_: Any, run: str = run, made: Iterator[int] = made) -> GoldResult:
            return result(run, str(next(made)))

        try:
            derived(shop, event, make, die)
        except Crash as crash:
            crashes.append(str(crash))
        else:
            break
        assert derived(shop, event, make) == {"best_city": "published"}
        record, pointer = shop.ledger.run("shop", "fake", run), shop.catalog.read("best_city").pointer
        assert record is not None
        assert pointer is not None
        assert pointer.location == record.gold["best_city"].location
        assert record.derived == {"best_city": "published"}
        assert {one.run_id for one in shop.said} == {run}
        assert len({message.id for message in shop.told}) == 1
    assert {"before update_item", "after update_item", "after update_table", "before announce", "before tell"} <= set(
        crashes
    )


def test_a_failure_is_loud_and_records_nothing(shop: Shop) -> None:
    event = event_for(shop, "broken", 100)

    def broken(_: Any) -> GoldResult:
        raise EngineError("gold/best_city.sql: column 1 is another")

    with pytest.raises(EngineError):
        derived(shop, event, broken)
    run = shop.ledger.run("shop", "fake", "broken")
    assert run is not None
    assert (list(run.gold), run.derived, shop.told) == (["city_totals"], {}, [])
    with pytest.raises(PublishError, match="knows no run unheard"):
        derived(shop, replace(event, run_id="unheard"), never)


def test_events_are_said_before_the_run_is_recorded_as_published(shop: Shop) -> None:
    day = "2026-04-01"
    shop.bring_day(day, "a", sale("said", "1.00"))
    plan = shop.commit(day, "said")
    runs.gold_written(shop.ledger, "shop", day, "said", shop.make(plan))
    shop.said = dying = Dying(shop, day, "said")
    with pytest.raises(Crash):
        shop.finish(plan)
    assert dying.statuses == ["gold_written"]
    shop.said = []
    assert shop.finish(plan) == "published"
    assert shop.finish(plan) == "published"
    assert [one.table for one in shop.said] == ["city_totals", "sales_by_day"]
    assert len(shop.told) == 1


class Dying(list[GoldPublished]):
    """Whoever says something here dies of it."""

    def __init__(self, shop: Shop, batch: str, run_id: str) -> None:
        super().__init__()
        self.look = lambda: shop.ledger.run("shop", batch, run_id)
        self.statuses: list[str] = []

    def extend(self, _: Any) -> None:
        run = self.look()
        self.statuses.append(run.status if run else "none")
        raise Crash("while it was said")


def test_the_deployed_functions_make_publish_and_derive(lake: Lake, tmp_path: Path) -> None:
    """gold and publish as the workflow calls them; derive hears of it from the bus."""
    carts = Shop(lake, tmp_path, pipelines()["carts"])
    rows = "cart_id,customer_id,product_id,product_amount,product_price\n1,2,3,4,$1.50\n1,2,5,9,$1.00\n"
    batch = carts.bring("carts/date=2027-03-15/a.csv", rows).batch
    plan = carts.commit(batch, "deployed")
    functions = lake.client("lambda")
    for name in ("gold", "publish"):
        payload = json.dumps(plan.as_event())
        answer = functions.invoke(FunctionName=lake.named(name), Payload=payload)
        assert "FunctionError" not in answer, answer["Payload"].read()
    run = wait_until_derived(carts, batch, "deployed")
    assert (run.status, dict(run.derived)) == ("published", {"promotions": "published"})
    assert (run.gold["abandoned_products"].rows, run.gold["promotions"].rows) == (2, 2)
    csv = run.gold["promotions"].csv
    assert csv is not None
    assert carts.text(csv) == "customer_id,product_id,abandoned_amount,rank\r\n2,5,9,1\r\n2,3,4,2\r\n"
    carts.forget(batch)


def wait_until_derived(shop: Shop, batch: str, run_id: str) -> RunRecord:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        run = shop.ledger.run(shop.pipeline.name, batch, run_id)
        if run and run.derived:
            return run
        time.sleep(0.1)
    raise AssertionError(f"nothing was derived in 60 s: {run}")


def test_the_bus_carries_the_event(lake: Lake) -> None:
    receive = queue_of_events(lake.aws, "gold-published", {"source": ["shop-test"], "detail-type": ["Gold Published"]})
    said = [
        GoldPublished("shop", "bä", "r", f"t{n}", {"sales": n}, {"sales": 1}, "s3://x/", "duckdb") for n in range(12)
    ]
    announce(lake.client("events"), "shop-test", said)
    events = [receive() for _ in said]
    assert sorted((GoldPublished.from_event(event) for event in events), key=lambda one: one.versions["sales"]) == said


def test_what_the_bus_refuses_is_loud() -> None:
    class Full:
        def put_events(self, **_: object) -> dict[str, object]:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}

    event = GoldPublished("p", "b", "r", "t", {}, {}, "s3://x/", "duckdb")
    with pytest.raises(PublishError, match="ThrottlingException"):
        announce(Full(), "lake", [event])  # type: ignore[arg-type]


@pytest.mark.parametrize("event", [{"detail-type": "Other"}, {"detail-type": "Gold Published", "detail": {}}, {}])
def test_another_event_is_an_error(event: dict[str, Any]) -> None:
    with pytest.raises(EventError, match="Gold Published"):
        GoldPublished.from_event(event)
