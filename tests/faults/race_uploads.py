"""Sixteen datasets of one batch that arrive at once, each at a gate of its own."""

import json
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from lakehouse.contract.load import load_pipeline
from lakehouse.contract.model import Dataset, Pipeline
from lakehouse.events import ObjectCreated
from lakehouse.gate.handle import Gate
from lakehouse.gate.judge import Judgement, judge
from localaws import EmbeddedAws
from tests.aws.gate_world import World
from tests.faults.race_turns import Turns

DATASETS = 16
REPEATS = 4
"""Events that come twice, at most."""
GOOD_ROWS, ROWS = 10, 12
"""Of a file: `GOOD_ROWS` are accepted, one is refused in some datasets, the rest are exact duplicates."""
TOLD_OF = ("d3", "d11")
"""Datasets whose file has a row that is refused, so that people have to be told once."""


def sixteen(folder: Path) -> Pipeline:
    """The contract of the pipeline `race`: sixteen datasets that make a batch together."""
    lines = ['name = "race"', 'title = "Sixteen datasets"', 'engine = "duckdb"']
    for number in range(DATASETS):
        lines += [
            f"[datasets.d{number}]",
            'description = "Numbers"',
            f'paths = ["d{number}/{{batch}}/{{file}}.{{ext}}"]',
            'formats = ["ndjson"]',
            'key = ["id"]',
            'columns = [{ name = "id", type = "long", comment = "Identity" }]',
        ]
    (folder / "race").mkdir()
    (folder / "race" / "pipeline.toml").write_text("\n".join(lines))
    return load_pipeline(folder / "race")


def content(dataset: str) -> str:
    """A file of the dataset: `ROWS` lines."""
    rows = [json.dumps({"id": number}) for number in range(GOOD_ROWS)]
    rows += [json.dumps({"id": None})] if dataset in TOLD_OF else []
    return "\n".join(rows + rows[:1] * (ROWS - len(rows))) + "\n"


@dataclass
class Judged:
    """The gate's judge, which looks at each content once: the races are not in the judging."""

    folder: Path

    def __post_init__(self) -> None:
        self._known: dict[tuple[str, bytes], Judgement] = {}
        self._lock = threading.Lock()

    def __call__(self, stream: BinaryIO, key: str, dataset: Dataset, workdir: Path, reopen: Any) -> Judgement:
        body = stream.read()
        with self._lock:
            known = self._known.get((dataset.name, body))
            if known is None:
                known = self._known[dataset.name, body] = self._judged(body, key, dataset)
        return known

    def _judged(self, body: bytes, key: str, dataset: Dataset) -> Judgement:
        place = self.folder / f"judged-{len(self._known)}"
        place.mkdir()
        file = place / "in"
        file.write_bytes(body)
        with file.open("rb") as stream:
            return judge(stream, key, dataset, place)


class Uploads:
    """A lake for the pipeline `race`, with gates that have clients of their own."""

    def __init__(self, aws: EmbeddedAws, folder: Path, gate: type[Gate] = Gate) -> None:
        self.pipeline = sixteen(folder)
        self.world = World(aws, self.pipeline.name)
        self.world.pipelines = {self.pipeline.name: self.pipeline}
        self.turns = Turns(DATASETS + REPEATS)
        self._judge = Judged(folder)
        self._gates = [self._gate(lane, gate) for lane in range(len(self.turns.lanes))]

    def _gate(self, lane: int, kind: type[Gate]) -> Gate:
        gate = self.world.gate(self.turns.hook(lane, self.world.new_clients()), self._judge)
        return kind(**{name: getattr(gate, name) for name in Gate.__dataclass_fields__})

    def arrive(self, batch: str, free: bool = False) -> list[tuple[int, str]]:
        """All sixteen files at once, some of their events twice; the order of the gates' steps.

        The batch's name is the seed: the same name brings the same order. With `free` nobody waits for anybody.
        """
        rng = random.Random(f"events of {batch}")
        events = [self._upload(batch, dataset.name) for dataset in self.pipeline.datasets]
        rng.shuffle(events)
        repeats = [(rng.choice(events), f"{batch}-again-{number}") for number in range(rng.randint(0, REPEATS))]
        arrivals = [(event, f"{batch}-{event.key}") for event in events] + repeats
        self.turns.free = free
        return self.turns.run([self._handling(*one) for one in enumerate(arrivals)], batch)[1]

    def _upload(self, batch: str, dataset: str) -> ObjectCreated:
        return self.world.put(f"bronze/race/{dataset}/{batch}/rows.ndjson", content(dataset))

    def _handling(self, lane: int, arrival: tuple[ObjectCreated, str]) -> Callable[[], None]:
        return lambda: self._gates[lane].handle(*arrival)
