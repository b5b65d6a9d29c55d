"""What a run costs is quantities times prices with AWS's minimums, and docs/cost.md says what the code computes."""

from dataclasses import replace
from types import MappingProxyType

import pytest
from template_world import PIPELINES, RESOURCES

from lakehouse.contract.model import Pipeline
from scripts.cost.model import Calls, Run, cost_of, quantities_of, total_usd
from scripts.cost.months import hours_between, idle, scheduled
from scripts.cost.page import ENGINES, PAGE, SIZES, page_text, surroundings
from scripts.cost.prices import Price, Prices, read_prices
from scripts.cost.scale import Scaled, scaled

AROUND, PRICES = surroundings(), read_prices()


def by_hand(**usd: float) -> Prices:
    """Prices of one unit each."""
    lines = {name: Price(price, 1, "unit", name, "https://example.com", "known") for name, price in usd.items()}
    return Prices("2026-01-01", "nowhere", lines)


def test_a_run_on_duckdb_by_hand() -> None:
    """Two functions and some requests: 3 s at 1 GB + 10 s at 2 GB with 1.5 GB more disk."""
    prices = by_hand(lambda_gb_second=2, lambda_request=0.5, lambda_storage_gb_second=0.25, s3_put=0.01, s3_get=0.001)
    run = Run(
        counts={"s3_put": 7, "s3_get": 40},
        functions=(Calls("gate", 2, 3, 1024), Calls("gold", 1, 10, 2048, 2048)),
    )
    found = {line.price: line.usd for line in cost_of(run, prices)}
    assert found == {
        "lambda_gb_second": pytest.approx((3 * 1 + 10 * 2) * 2),
        "lambda_request": pytest.approx(3 * 0.5),
        "lambda_storage_gb_second": pytest.approx(10 * 1.5 * 0.25),
        "s3_put": pytest.approx(0.07),
        "s3_get": pytest.approx(0.04),
    }
    assert total_usd(cost_of(run, prices)) == pytest.approx(46 + 1.5 + 3.75 + 0.11)
    assert [line.price for line in cost_of(run, prices)][:2] == ["lambda_gb_second", "lambda_storage_gb_second"]


def test_a_run_on_spark_by_hand() -> None:
    """Half a minute is billed as one, a crawl of five minutes as ten, a query of a byte as 10 MB, ten seconds of
    Redshift as sixty; what is longer is billed as it is."""
    prices = by_hand(glue_dpu_hour=0.44, crawler_dpu_hour=0.44, athena_tb=5, redshift_rpu_hour=0.36)
    run = Run(
        glue_dpus=2,
        glue_seconds=30,
        crawl_seconds=(300, 1200),
        query_bytes=(1, 1024**4),
        redshift_rpus=8,
        redshift_seconds=10,
    )
    found = {line.price: line.usd for line in cost_of(run, prices)}
    assert found == {
        "glue_dpu_hour": pytest.approx(2 / 60 * 0.44),
        "crawler_dpu_hour": pytest.approx((2 * 600 + 2 * 1200) / 3600 * 0.44),
        "athena_tb": pytest.approx(5 * (10 / 1024**2 + 1)),
        "redshift_rpu_hour": pytest.approx(8 / 60 * 0.36),
    }
    longer = replace(run, glue_seconds=1800, redshift_seconds=3600)
    assert quantities_of(longer)["glue_dpu_hour"] == pytest.approx(1)
    assert quantities_of(longer)["redshift_rpu_hour"] == pytest.approx(8)


def test_what_has_no_price_is_no_silent_zero() -> None:
    with pytest.raises(KeyError, match="s3_put"):
        cost_of(Run(counts={"s3_put": 1}), by_hand())


def test_every_price_has_a_page_of_aws_and_is_used() -> None:
    used = set[str]()
    for price in PRICES.by_name.values():
        assert price.address.startswith("https://aws.amazon.com/")
        assert price.seen in ("aws", "report", "known")
        assert price.usd > 0 < price.per
    for pipeline in PIPELINES:
        for engine in ENGINES:
            used |= quantities_of(scaled(pipeline, engine, SIZES[0], AROUND).run).keys()
    used |= quantities_of(idle(RESOURCES, PIPELINES, AROUND)).keys()
    assert used | {"s3_gb_month"} == set(PRICES.by_name)


def test_every_pipeline_is_counted_and_what_is_not_is_said() -> None:
    assert {name for name in AROUND.counted if name != "rows"} == {pipeline.name for pipeline in PIPELINES}
    counted = {f"{one.name} on {engine}" for one in PIPELINES for engine in AROUND.counted[one.name]}
    every = {f"{one.name} on {engine}" for one in PIPELINES for engine in ENGINES}
    assert set(AROUND.uncounted()) == every - counted
    assert all(one in PAGE.read_text() for one in AROUND.uncounted())


def test_what_was_not_counted_is_taken_from_the_other_engine() -> None:
    name = PIPELINES[0].name
    around = replace(AROUND, counted={**AROUND.counted, name: {"duckdb": AROUND.counted[name]["duckdb"]}})
    assert "invocations_gold" not in around.calls(name, "spark")
    assert around.calls(name, "spark")["s3_get"] == AROUND.counted[name]["duckdb"]["s3_get"]
    assert f"{name} on spark" in around.uncounted()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda one: one.name)
def test_more_rows_cost_more_and_never_less_than_in_proportion_to_their_bytes(pipeline: Pipeline, engine: str) -> None:
    small, large = (scaled(pipeline, engine, rows, AROUND) for rows in SIZES)
    assert large.bronze_bytes == pytest.approx(1000 * small.bronze_bytes)
    assert large.files >= small.files >= 1
    assert usd(large) > usd(small) > 0
    assert usd(large) < 1000 * usd(small)  # what does not grow with the rows is paid once


def usd(one: Scaled) -> float:
    return total_usd(cost_of(one.run, PRICES))


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda one: one.name)
def test_what_does_not_fit_into_a_function_is_said(pipeline: Pipeline) -> None:
    assert not scaled(pipeline, "duckdb", SIZES[0], AROUND).cannot
    large = scaled(pipeline, "duckdb", SIZES[1], AROUND)
    disk = AROUND.config.functions["gold"].storage_mb * 1024**2
    assert any("/tmp" in why for why in large.cannot) == (large.silver_bytes + large.gold_bytes > disk)
    seconds = AROUND.config.functions["gold"].timeout_seconds
    assert any("gold takes" in why for why in large.cannot) == (large.gold_seconds > seconds)


def test_a_job_that_takes_too_long_gets_more_workers() -> None:
    """A hundred times as much: the page names the limit, and more workers keep it."""
    long = scaled(PIPELINES[0], "spark", 100 * SIZES[1], AROUND)
    assert any("more workers" in why for why in long.cannot)
    config = replace(AROUND.config, glue=replace(AROUND.config.glue, workers=300))
    many = scaled(PIPELINES[0], "spark", 100 * SIZES[1], replace(AROUND, config=config))
    assert not any("more workers" in why for why in many.cannot)


def test_a_larger_function_costs_more_for_the_same_time() -> None:
    functions = AROUND.config.functions
    gate = replace(functions["gate"], memory_mb=2 * functions["gate"].memory_mb)
    config = replace(AROUND.config, functions=MappingProxyType({**functions, "gate": gate}))
    dearer = scaled(PIPELINES[0], "duckdb", SIZES[0], replace(AROUND, config=config))
    assert usd(dearer) > usd(scaled(PIPELINES[0], "duckdb", SIZES[0], AROUND))


@pytest.mark.parametrize(
    ("schedule", "hours"), [("rate(5 minutes)", 1 / 12), ("rate(1 hour)", 1), ("cron(0 6 * * ? *)", 24)]
)
def test_schedules_are_read(schedule: str, hours: float) -> None:
    assert hours_between(schedule) == pytest.approx(hours)


def test_a_schedule_of_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match="expected rate"):
        hours_between("cron(0 6 ? * MON *)")


def test_a_month_is_its_runs_and_what_stands_beside_them() -> None:
    for pipeline in PIPELINES:
        month = scheduled(pipeline, AROUND)
        assert (month is None) == (pipeline.generator is None or pipeline.generator.schedule is None)
        if month:
            runs, one, whole = month
            assert total_usd(cost_of(whole, PRICES)) >= runs * usd(one) * 0.999


def test_idle_counts_every_alarm_of_the_template() -> None:
    found = quantities_of(idle(RESOURCES, PIPELINES, AROUND))
    alarms = sum(one["Type"] == "AWS::CloudWatch::Alarm" for one in RESOURCES.values())
    assert found["alarm_month"] == alarms + len(PIPELINES)  # an alarm over a share looks at two metrics
    assert found["lambda_request"] == 4 * AROUND.value("hours_per_month")


def test_the_page_says_what_the_code_computes() -> None:
    """docs/cost.md: `make docs` writes its tables."""
    assert page_text(PAGE.read_text()) == PAGE.read_text()
