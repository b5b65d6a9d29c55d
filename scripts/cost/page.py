"""Writes the made part of docs/cost.md: `make docs`. With --check it only compares."""

import json
import sys
import tomllib
from collections.abc import Iterator, Sequence

from deploy.config import load_config
from deploy.template import build_template
from lakehouse.contract.load import pipelines
from lakehouse.contract.model import Pipeline
from scripts.cost.count import COUNTED_FILE
from scripts.cost.model import Line, cost_of, total_usd
from scripts.cost.months import idle, scheduled
from scripts.cost.prices import Prices, read_prices
from scripts.cost.scale import ENGINES, GB, Scaled, Surroundings, read_figures, scaled
from scripts.document_pipelines import ROOT, page

PAGE = ROOT / "docs" / "cost.md"
MADE_BY = "docs/prices.toml, scripts/cost/counted.toml and scripts/cost/figures.toml by `make docs`"
SIZES = (1_000_000, 1_000_000_000)
_SHOWN = 3
_LEAST_USD = 0.0001


def made() -> str:
    """Markdown of every table."""
    prices, around = read_prices(), surroundings()
    found = tuple(pipelines().values())
    parts = (_runs(found, prices, around), _bill(found, prices, around), _months(found, prices, around))
    return "\n".join(
        ["", *(line for part in parts for line in part), *_counted(around), *_figures(around), *_prices(prices), ""]
    )


def surroundings() -> Surroundings:
    """The account's environment, the figures, the counts."""
    return Surroundings(load_config("aws"), read_figures(), tomllib.loads(COUNTED_FILE.read_text()))


def usd(amount: float) -> str:
    """`$0.0004`, `$12.30`, `<$0.0001`."""
    if amount >= 0.1 or amount == 0:
        return f"${amount:,.2f}"
    return f"${amount:.2g}" if amount >= _LEAST_USD else f"<${_LEAST_USD:.4f}"


def _runs(found: Sequence[Pipeline], prices: Prices, around: Surroundings) -> Iterator[str]:
    yield from ("", "## One run", "")
    yield "| pipeline | rows | engine | bronze | files | gate | gold | one run | dearest | a month of its storage |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for pipeline in found:
        for rows in SIZES:
            for engine in ENGINES:
                one = scaled(pipeline, engine, rows, around)
                lines = cost_of(one.run, prices)
                cells = (
                    f"{pipeline.name}{' (its own)' if pipeline.engine == engine else ''}",
                    _rows(rows),
                    engine,
                    _bytes(one.bronze_bytes),
                    f"{one.files:,}",
                    _time(one.gate_seconds),
                    _time(one.gold_seconds),
                    f"cannot: {'; '.join(one.cannot)}" if one.cannot else f"**{usd(total_usd(lines))}**",
                    _dearest(lines, prices),
                    usd(prices.by_name["s3_gb_month"].of(_stored(one) / GB)),
                )
                yield f"| {' | '.join(cells)} |"


def _bill(found: Sequence[Pipeline], prices: Prices, around: Surroundings) -> Iterator[str]:
    """The whole bill of each pipeline's own engine at a million rows."""
    yield from ("", "## Every position of a run of a million rows, on the pipeline's own engine", "")
    own = {one.name: scaled(one, _own_engine(one), SIZES[0], around) for one in found}
    bills = {name: {line.price: line for line in cost_of(one.run, prices)} for name, one in own.items()}
    yield f"| position | {' | '.join(bills)} |"
    yield f"|---|{'---|' * len(bills)}"
    for name, price in prices.by_name.items():
        of_each = [bill.get(name) for bill in bills.values()]
        if any(of_each):
            cells = [f"{_amount(line.quantity)} = {usd(line.usd)}" if line else "" for line in of_each]
            yield f"| {price.what.partition(';')[0]}: {price.unit} | {' | '.join(cells)} |"
    totals = [usd(sum(line.usd for line in bill.values())) for bill in bills.values()]
    yield f"| **together** | {' | '.join(f'**{one}**' for one in totals)} |"


def _months(found: Sequence[Pipeline], prices: Prices, around: Surroundings) -> Iterator[str]:
    resources = json.loads(build_template())["Resources"]
    still = cost_of(idle(resources, found, around), prices)
    yield from ("", "## A month in which nothing happens", "", "| position | quantity | |", "|---|---|---|")
    for line in still:
        price = prices.by_name[line.price]
        yield f"| {price.what} | {_amount(line.quantity)} {price.unit} | {usd(line.usd)} |"
    yield f"| **together** | | **{usd(total_usd(still))}** |"
    yield from ("", "## A month of the generators' schedules", "")
    yield "| pipeline | schedule | rows | runs a month | a month | dearest |"
    yield "|---|---|---|---|---|---|"
    for pipeline in found:
        if (month := scheduled(pipeline, around)) and pipeline.generator:
            runs, _, run = month
            lines = cost_of(run, prices)
            yield (
                f"| {pipeline.name} | `{pipeline.generator.schedule}` | {pipeline.generator.rows:,} | {runs:,.0f} "
                f"| **{usd(total_usd(lines))}** | {_dearest(lines, prices)} |"
            )


def _counted(around: Surroundings) -> Iterator[str]:
    """What was counted in small runs."""
    yield from (
        "",
        f"## Counted: a run of {around.counted['rows']:,} rows a dataset, tables being there, on the embedded AWS",
        "",
    )
    names = [name for name in around.counted if name != "rows"]
    if around.uncounted():
        yield from (f"Not counted yet: {', '.join(around.uncounted())}. The other engine's requests are taken.", "")
    columns = [(name, engine) for name in names for engine in ENGINES if engine in around.counted[name]]
    keys = list(dict.fromkeys(key for name, engine in columns for key in around.counted[name][engine]))
    yield f"| | {' | '.join(f'{name}, {engine}' for name, engine in columns)} |"
    yield f"|---|{'---|' * len(columns)}"
    for key in keys:
        cells = [around.counted[name][engine].get(key, "") for name, engine in columns]
        yield f"| {key.replace('_', ' ')} | {' | '.join(map(str, cells))} |"


def _figures(around: Surroundings) -> Iterator[str]:
    yield from ("", "## Figures that the scaling goes by", "", "| figure | value | | from |", "|---|---|---|---|")
    for name, one in around.figures.items():
        yield f"| {name.replace('_', ' ')} | {one.value:g} {one.unit} | {one.mark} | {one.source} |"


def _prices(prices: Prices) -> Iterator[str]:
    yield from ("", f"## Prices: {prices.region}, written down on {prices.written}", "")
    yield "| price | USD | for | page | seen |"
    yield "|---|---|---|---|---|"
    for one in prices.by_name.values():
        yield f"| {one.what} | {one.usd:g} | {one.per:,g} {one.unit} | {one.address} | {one.seen} |"


def _own_engine(pipeline: Pipeline) -> str:
    return "spark" if pipeline.engine == "spark" else "duckdb"


def _dearest(lines: Sequence[Line], prices: Prices) -> str:
    total = sum(line.usd for line in lines)
    few = [line for line in lines[:_SHOWN] if line.usd >= total / 20]
    return ", ".join(f"{prices.by_name[one.price].what.partition(',')[0]} {one.usd / total:.0%}" for one in few)


def _stored(one: Scaled) -> float:
    return one.bronze_bytes + one.silver_bytes + one.gold_bytes


def _rows(rows: int) -> str:
    return f"{rows // 1_000_000_000} B" if rows >= 1_000_000_000 else f"{rows // 1_000_000} M"


def _bytes(size: float) -> str:
    return f"{size / GB:,.1f} GB" if size >= GB else f"{size / 1e6:,.0f} MB"


def _time(seconds: float) -> str:
    return f"{seconds / 60:,.0f} min" if seconds >= 120 else f"{seconds:,.1f} s"


def _amount(quantity: float) -> str:
    return f"{quantity:,.0f}" if quantity >= 100 else f"{quantity:.3g}"


def page_text(text: str) -> str:
    """The page with its tables renewed."""
    return page(text, made(), MADE_BY)


def main() -> int:
    check, text = "--check" in sys.argv[1:], PAGE.read_text()
    wanted = page_text(text)
    if check and wanted != text:
        print(f"{PAGE.relative_to(ROOT)} is stale: run `make docs` and commit it", file=sys.stderr)
    if not check:
        PAGE.write_text(wanted)
    print(f"cost: {len(read_prices().by_name)} prices, {'stale' if wanted != text else 'up to date'}")
    return 1 if check and wanted != text else 0


if __name__ == "__main__":
    sys.exit(main())
