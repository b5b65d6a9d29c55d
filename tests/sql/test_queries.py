"""Every named query gives, through the embedded Athena, what plain Python computes from the files of bronze."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from localaws import EmbeddedAws
from tests.aws.athena_client import fresh
from tests.sql.world import World, build

PIPELINES = Path(__file__).parents[2] / "pipelines"
Row = dict[str, Any]
Rows = Mapping[str, list[Row]]
Answer = list[tuple[Any, ...]]
CENT = Decimal("0.01")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def groups(rows: Iterable[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    """Rows by the values of some columns."""
    found: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        found[tuple(row[name] for name in names)].append(row)
    return found


def mean(values: Sequence[Decimal]) -> Decimal:
    return (sum(values, Decimal(0)) / len(values)).quantize(CENT, ROUND_HALF_UP)


def ranked(rows: Iterable[tuple[Any, ...]], by: int, limit: int | None = None) -> Answer:
    """The greatest first, ties by the first columns."""
    return sorted(sorted(rows), key=lambda row: row[by], reverse=True)[:limit]


def moment(text: str) -> str:
    """A timestamp as Athena shows it."""
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S}.000"


# transactions


def sold(rows: Iterable[Row]) -> tuple[int, Decimal, Decimal]:
    amounts = [row["total_amount"] for row in rows]
    return len(amounts), sum(amounts, Decimal(0)), mean(amounts)


def sales_by_category(rows: Rows) -> Answer:
    found = groups(rows["transactions"], "category")
    extremes = {key: sorted(row["total_amount"] for row in own) for key, own in found.items()}
    return ranked(((*key, *sold(own), extremes[key][0], extremes[key][-1]) for key, own in found.items()), by=2)


def hourly_pattern(rows: Rows) -> Answer:
    timed = [row | {"hour": datetime.fromisoformat(row["timestamp"]).hour} for row in rows["transactions"]]
    return sorted((*key, *sold(own)) for key, own in groups(timed, "hour").items())


def top_customers(rows: Rows) -> Answer:
    found = []
    for key, own in groups(rows["transactions"], "customer_id").items():
        times = sorted(moment(row["timestamp"]) for row in own)
        found.append((*key, *sold(own), times[0], times[-1]))
    return ranked(found, by=2, limit=20)


def product_performance(rows: Rows) -> Answer:
    found = []
    for key, own in groups(rows["transactions"], "product_id", "product_name", "category").items():
        count, total, _ = sold(own)
        pieces, customers = sum(row["quantity"] for row in own), len({row["customer_id"] for row in own})
        found.append((*key, count, pieces, total, mean([row["price"] for row in own]), customers))
    return ranked(found, by=5)


def daily_trend(rows: Rows) -> Answer:
    dated = [row | {"day": row["timestamp"][:10]} for row in rows["transactions"]]
    found: Answer = []
    for (day,), own in sorted(groups(dated, "day").items()):
        count, total, average = sold(own)
        change = total - found[-1][3] if found else None
        found.append((day, count, len({row["customer_id"] for row in own}), total, average, change))
    return found


def day_of_week(rows: Rows) -> Answer:
    dated = [row | {"day": datetime.fromisoformat(row["timestamp"]).weekday()} for row in rows["transactions"]]
    return sorted((day, DAYS[day], *sold(own)) for (day,), own in groups(dated, "day").items())


def large_transactions(rows: Rows) -> Answer:
    names = ["customer_id", "product_name", "category", "quantity", "price", "total_amount"]
    found = [
        (row["transaction_id"], moment(row["timestamp"]), *(row[name] for name in names))
        for row in rows["transactions"]
        if row["total_amount"] > 1000
    ]
    return ranked(found, by=7)


# shipping


def figures(own: Sequence[Row]) -> tuple[Decimal, int, int, int]:
    cost = sum((Decimal(row["shipping_cost"]) for row in own), Decimal("0.00"))
    return cost, sum(row["shipping_distance"] for row in own), sum(row["quantity"] for row in own), len(own)


def totals(rows: Rows) -> Answer:
    cities = groups(rows["shipments"], "destination_city")
    return [("overall", *figures(rows["shipments"])), *sorted((*key, *figures(own)) for key, own in cities.items())]


def cost_by_month(rows: Rows) -> Answer:
    dated = [row | {"month": row["shipping_date"].replace("/", "-")[:8] + "01"} for row in rows["shipments"]]
    found = []
    for key, own in groups(dated, "month").items():
        cost, distance, _, count = figures(own)
        found.append((*key, count, cost, distance, (cost / distance).quantize(CENT, ROUND_HALF_UP)))
    return sorted(found)


# carts


def price(row: Row) -> Decimal:
    return Decimal(row["product_price"].replace("$", "").replace(",", ""))


def products_left(rows: Rows) -> Answer:
    """(product, pieces, value), the 50 most left."""
    found = []
    for (product,), own in groups(rows["carts"], "product_id").items():
        pieces = sum(int(row["product_amount"]) for row in own)
        value = sum((int(row["product_amount"]) * price(row) for row in own), Decimal(0))
        found.append((int(product), pieces, value))
    return sorted(found, key=lambda one: (-one[1], one[0]))[:50]


def offers(rows: Rows) -> Answer:
    """(customer, product, pieces, rank)"""
    found: Answer = []
    for (customer,), own in groups(rows["carts"], "customer_id").items():
        left = [
            (int(product), sum(int(row["product_amount"]) for row in lines))
            for (product,), lines in groups(own, "product_id").items()
        ]
        best = sorted(left, key=lambda one: (-one[1], one[0]))[:10]
        found += [(int(customer), *offer, rank) for rank, offer in enumerate(best, start=1)]
    return sorted(found)


def top_products(rows: Rows) -> Answer:
    return [(*one, (one[2] / one[1]).quantize(CENT, ROUND_HALF_UP)) for one in products_left(rows)[:10]]


def best_offers(rows: Rows) -> Answer:
    values = {product: value for product, _, value in products_left(rows)}
    return [(*offer[:3], values.get(offer[1])) for offer in offers(rows) if offer[3] == 1]


def offers_by_product(rows: Rows) -> Answer:
    found = []
    for (product,), own in groups([{"product": one[1], "one": one} for one in offers(rows)], "product").items():
        ones = [row["one"] for row in own]
        found.append((product, len(ones), sum(one[3] == 1 for one in ones), sum(one[2] for one in ones)))
    return sorted(found, key=lambda one: (-one[1], -one[2], one[0]))


# sales


def sales(rows: Rows) -> list[Row]:
    """Sales with their totals and what the seed files say of their products."""
    names = ("product_id", "product_name", "category", "price", "supplier_id")
    lines = (PIPELINES / "sales" / "seeds" / "dim_products.csv").read_text().splitlines()[1:]
    products = {line.split(",")[0]: dict(zip(names, line.split(","), strict=True)) for line in lines}
    found = []
    for row in rows["transactions"]:
        pieces = int(row["quantity"])
        total = pieces * Decimal(row["price"])
        size = "Small" if total <= 100 else "Medium" if total <= 500 else "Large"
        found.append({**products[row["product_id"]], **row, "pieces": pieces, "total": total, "size": size})
    return found


def summed(own: Sequence[Row]) -> Decimal:
    return sum((row["total"] for row in own), Decimal(0))


def sales_by_class(rows: Rows) -> Answer:
    found = groups(sales(rows), "size")
    return ranked(((*key, len(own), summed(own), mean([row["total"] for row in own])) for key, own in found.items()), 2)


def sales_by_supplier(rows: Rows) -> Answer:
    found = []
    for key, own in groups(sales(rows), "supplier_id").items():
        products = len({row["product_id"] for row in own})
        found.append((*key, products, sum(row["pieces"] for row in own), summed(own)))
    return ranked(found, by=3)


def top_sold(rows: Rows) -> Answer:
    found = groups(sales(rows), "product_id", "product_name", "category")
    return ranked(((*key, sum(row["pieces"] for row in own), summed(own)) for key, own in found.items()), 4, 10)


def payment_types(rows: Rows) -> Answer:
    found = groups(sales(rows), "transaction_date", "payment_type")
    return sorted((*key, len(own), summed(own)) for key, own in found.items())


# activity


def users(rows: Rows) -> list[Row]:
    """Users with their events, orders and money."""
    events, orders = groups(rows["events"], "user_id"), groups(rows["orders"], "user_id")
    found = []
    for row in rows["users"]:
        own = orders.get((row["user_id"],), [])
        paid = [order["order_amount"] for order in own if order["payment_status"] == "success"]
        amount = sum((order["order_amount"] for order in own), Decimal("0.00"))
        count = len(events.get((row["user_id"],), []))
        own_figures = {"orders": len(own), "paid": len(paid), "amount": amount}
        found.append(row | own_figures | {"events": count, "revenue": sum(paid, Decimal("0.00"))})
    return found


def revenue_by_country(rows: Rows) -> Answer:
    names = ("events", "orders", "paid", "amount", "revenue")
    found = groups(users(rows), "country")
    return sorted((*key, len(own), *(sum(row[name] for row in own) for name in names)) for key, own in found.items())


def revenue_by_source(rows: Rows) -> Answer:
    found = []
    for key, own in groups(users(rows), "marketing_source").items():
        paying = sum(row["paid"] > 0 for row in own)
        found.append((*key, len(own), paying, sum((row["revenue"] for row in own), Decimal("0.00"))))
    return ranked(found, by=3)


def top_users(rows: Rows) -> Answer:
    names = ("user_id", "country", "events", "orders", "paid", "revenue")
    return ranked((tuple(row[name] for name in names) for row in users(rows)), by=5, limit=10)


EXPECTED: dict[str, Callable[[Rows], Answer]] = {
    "activity/revenue_by_country": revenue_by_country,
    "activity/revenue_by_source": revenue_by_source,
    "activity/top_users": top_users,
    "carts/best_offers": best_offers,
    "carts/offers_by_product": offers_by_product,
    "carts/top_products": top_products,
    "sales/payment_types": payment_types,
    "sales/sales_by_class": sales_by_class,
    "sales/sales_by_supplier": sales_by_supplier,
    "sales/top_products": top_sold,
    "shipping/cost_by_month": cost_by_month,
    "shipping/totals": totals,
    "transactions/daily_trend": daily_trend,
    "transactions/day_of_week": day_of_week,
    "transactions/hourly_pattern": hourly_pattern,
    "transactions/large_transactions": large_transactions,
    "transactions/product_performance": product_performance,
    "transactions/sales_by_category": sales_by_category,
    "transactions/top_customers": top_customers,
}


@pytest.fixture(scope="module")
def worlds(aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], World]:
    """A pipeline's world, built when first asked for."""
    built: dict[str, World] = {}

    def world(pipeline: str) -> World:
        if pipeline not in built:
            built[pipeline] = build(pipeline, fresh(aws), tmp_path_factory.mktemp(pipeline))
        return built[pipeline]

    return world


def shown(value: Any) -> str | None:
    """A value as Athena's results have it."""
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return None if value is None else value.isoformat() if isinstance(value, date) else str(value)


@pytest.mark.parametrize("query", EXPECTED)
def test_a_query_answers_what_python_computes_from_the_files(query: str, worlds: Callable[[str], World]) -> None:
    pipeline, name = query.split("/")
    world = worlds(pipeline)
    expected = [[shown(value) for value in row] for row in EXPECTED[query](world.rows)]
    assert expected
    assert world.athena.rows((PIPELINES / pipeline / "queries" / f"{name}.sql").read_text()) == expected


def test_every_query_of_every_pipeline_is_checked_here() -> None:
    found = {f"{path.parents[1].name}/{path.stem}" for path in PIPELINES.glob("*/queries/*.sql")}
    assert found == set(EXPECTED)


TOTALS = (PIPELINES / "shipping" / "queries" / "totals.sql").read_text()


def test_totals_of_no_shipment_are_zero(worlds: Callable[[str], World]) -> None:
    athena = worlds("shipping").athena
    none = TOTALS.replace("from shipments", "from (select * from shipments where shipping_id < 0) as shipments")
    assert none != TOTALS
    assert athena.rows(none) == [["overall", "0.00", "0", "0", "0"]]


def test_columns_of_totals_are_those_that_the_message_is_made_of(worlds: Callable[[str], World]) -> None:
    assert worlds("shipping").athena.run(TOTALS).header == [
        "city",
        "total_cost",
        "total_distance",
        "total_fuel",
        "shipments",
    ]
