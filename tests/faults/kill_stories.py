"""Runs of two pipelines from the files' arrival to what readers see, told step by step, so that a step may die.

Each play of a story brings data of its own, told by its number, and ends with what it left behind in a form in which
all plays of a story are equal.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from tests.faults.kill_lake import Event, Kill, KillLake
from tests.faults.kill_process import MOMENTS
from tests.faults.kill_readers import NOTHING, Audience, Place, Rows
from tests.faults.kill_state import State, base_of, end_state, fill_log
from tests.faults.tally import FULL

FIRST = 1001
"""Plays have numbers of four digits, so that all files have the same size."""


@dataclass
class Play:
    """One telling of a story: `kills` by step."""

    lake: KillLake
    audience: Audience
    pipeline: str
    number: int
    kills: Mapping[str, Kill]
    writes: dict[str, list[str]] = field(default_factory=dict)
    """What each step wrote, in the order of their arrival; where it died, the repeat's."""

    def step(self, name: str, function: str, event: Event) -> Event:
        """One function's work; its answer."""
        kill = self.kills.get(name)
        answer, counted = self.lake.invoke(function, event, kill, self.audience.look)
        self.writes[name] = counted.writes
        return answer

    def file(self, name: str, key: str, body: str) -> list[Event]:
        """A file arrives and is judged; the inputs of the runs that it starts."""
        before = len(self.lake.executions(self.pipeline))
        self.step(name, "gate", self.lake.put(key, body))
        return self.lake.started(self.pipeline, since=before)

    def run(self, name: str, asked: Event) -> Event:
        """A run's three steps; its plan."""
        plan = self.step(f"{name}commit", "commit", asked)
        self.step(f"{name}gold", "gold", plan)
        self.step(f"{name}publish", "publish", plan)
        return plan


class Carts:
    """A file that is refused, then one that corrects what its slot brought, up to the gold that follows gold."""

    pipeline = "carts"
    steps = ("refused", "gate", "commit", "gold", "publish", "derive")
    key = "bronze/carts/carts/date=2026-01-01/a.csv"
    products = Place("abandoned_products", ("product_id", "abandoned_amount", "abandoned_value"))
    offers = Place("promotions", ("customer_id", "product_id", "abandoned_amount", "rank"))

    def __init__(self, lake: KillLake, audience: Audience) -> None:
        self.lake, self.audience, self._number = lake, audience, FIRST - 1
        for place in (self.products, self.offers):
            audience.allowed.also(place, 0, NOTHING)

    def play(self, kills: Mapping[str, Kill]) -> tuple[Play, State]:
        """One correction, by a commit that also sums up the table's log."""
        self._number += 1
        fill_log(self.lake, self.key)
        play = Play(self.lake, self.audience, self.pipeline, self._number, kills)
        base = base_of(self.lake, self.key)
        assert play.file("refused", self.key, f"no header {self._number}\n1,2,3\n") == []
        (asked,) = play.file("gate", self.key, self.body(self._number))
        for place, rows in self.gold(self._number).items():
            self.audience.allowed.also(place, self._number, rows)
        plan = play.run("", asked)
        self.audience.allowed.only(self.products, self._number)
        play.step("derive", "derive", self._published(plan))
        self.audience.allowed.only(self.offers, self._number)
        self.audience.look()
        return play, end_state(self.lake, base, [self.key], plan, self._number)

    def _published(self, plan: Event) -> Event:
        """The event after which `promotions` is made, once: a repeated one is for the tests of repeats."""
        about = {"run_id": plan["run_id"], "table": self.products.table}
        _, event = self.lake.said.wait(lambda said: about.items() <= said["detail"].items())
        return dict(event)

    def body(self, number: int) -> str:
        """18 good lines and a bad one, of which every gold row shows the play's number."""
        good = [
            f"{product},{number}{customer},{product},{amount},${number}.0{product}"
            for product in range(1, 10)
            for customer, amount in ((1, product), (2, 1))
        ]
        lines = ["cart_id,customer_id,product_id,product_amount,product_price", *good, f"9,{number}9,1,0,$1.00"]
        return "\n".join(lines) + "\n"

    def gold(self, number: int) -> dict[Place, Rows]:
        """What readers see once the play is over."""
        products = [(p, p + 1, f"{(p + 1) * number + (p + 1) * p // 100}.{(p + 1) * p % 100:02}") for p in range(1, 10)]
        offers = [(f"{number}1", p, p, 10 - p) for p in range(1, 10)] + [(f"{number}2", p, 1, p) for p in range(1, 10)]
        return {self.products: text_of(products), self.offers: text_of(offers)}


class Transactions:
    """A new day: a first file makes its partition, a second one changes it; then the two become one."""

    pipeline = "transactions"
    steps = tuple(f"{file}:{step}" for file in "ab" for step in ("gate", "commit", "gold", "publish"))
    steps = (*steps, "compact", "failed")

    def __init__(self, lake: KillLake, audience: Audience) -> None:
        self.lake, self.audience, self._number = lake, audience, FIRST - 1

    def play(self, kills: Mapping[str, Kill]) -> tuple[Play, State]:
        """One day."""
        self._number += 1
        day = date(2020, 1, 1) + timedelta(days=self._number - FIRST)
        play = Play(self.lake, self.audience, self.pipeline, self._number, kills)
        place = Place("transactions", ("transaction_id", "category", "quantity", "total_amount"), "date", str(day))
        allowed, rows = self.audience.allowed, NOTHING
        keys = [f"bronze/transactions/transactions/date={day}/{name}.ndjson" for name in ("a", "b")]
        base = base_of(self.lake, keys[0])
        allowed.also(place, 0, NOTHING)
        for version, (name, key) in enumerate(zip("ab", keys, strict=True), start=1):
            (asked,) = play.file(f"{name}:gate", key, self.body(name, day))
            rows = tuple(sorted((*rows, *self.gold(name))))
            allowed.also(place, version, rows)
            plan = play.run(f"{name}:", asked)
            allowed.only(place, version)
        play.step("compact", "compact", {"time": f"{day + timedelta(days=2)}T03:00:00Z"})
        play.step("failed", "failed", {**plan, "error": {"Error": "States.Timeout", "Cause": "too late"}})
        state = end_state(self.lake, base, keys, plan, self._number)
        allowed.forget(place)
        return play, state

    def body(self, name: str, day: date) -> str:
        """Four good rows and a bad one, of which every gold row shows play and file."""
        row = '{{"transaction_id": "{0}", "timestamp": "{1}T10:00:00", "customer_id": "c", "product_id": "p", '
        row += '"product_name": "n", "category": "{0}", "quantity": {2}, "price": 2.5, "total_amount": {3}}}\n'
        good = [row.format(f"{name}{self._number}-{n}", day, n, n * 2.5) for n in range(1, 5)]
        return "".join(good) + row.format(f"bad{self._number}", day, 1, 3.5)

    def gold(self, name: str) -> Rows:
        """What a file brings to its day's partition."""
        identity = f"{name}{self._number}"
        return tuple((f"{identity}-{n}", f"{identity}-{n}", str(n), f"{n * 2.5:.2f}") for n in range(1, 5))


Story = Carts | Transactions


def plans(writes: Mapping[str, Sequence[str]]) -> Iterator[dict[str, Kill]]:
    """The plays in which every step dies once, until each has died at every write, before and after it; in the sample
    one play."""
    deaths = {
        step: [Kill(at, moment) for at in range(1, len(found) + 1) for moment in MOMENTS]
        for step, found in writes.items()
    }
    if FULL:
        for play in range(max(map(len, deaths.values()))):
            yield {step: kills[play] for step, kills in deaths.items() if play < len(kills)}
    else:
        # Neighbours die at different writes, some before them and some after.
        yield {step: kills[(3 * place) % len(kills)] for place, (step, kills) in enumerate(deaths.items())}


def text_of(rows: Iterable[Sequence[object]]) -> Rows:
    """Rows as readers give them."""
    return tuple(sorted(tuple(str(value) for value in row) for row in rows))
