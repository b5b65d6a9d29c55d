"""Runs of several batches of one pipeline at the same time, by the handlers of lambda/: step by step in a given order,
or with turns at every AWS call and every change of silver."""

import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest import mock

import lakehouse.aws
from lakehouse.batches.decide import run_needed
from lakehouse.publish import partitions
from lakehouse.silver import commit
from tests.faults.contents import MARKER, Content, content
from tests.faults.race_turns import Turns
from tests.faults.reader import Reader, must
from tests.faults.recomputation import DATASETS, PARTED, WHOLE, Slot, parted, whole
from tests.faults.world import SERVICES, World, function, message

STEPS = 4
"""Of a run: commit, gold, publish, derive."""
CHANGES_GOLD = ("publish", "derive")
LANES = 3
SILVER = ("open_or_create", "commit_swap", "pinned_tables")
"""What a commit does to silver: a lane stops before each."""


class Bench:
    """A lake in which several runs go on at the same time. Use `at_work`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.turns = Turns(LANES)
        self.turns.free = True
        self.uploaded: dict[tuple[str, str], Content] = {}
        self.in_force: dict[str, dict[str, Slot]] = {pipeline: {} for pipeline in DATASETS}
        """By pipeline and object key."""
        self.reader = Reader(world, self.uploaded)
        self._here = threading.local()
        self._clients = [self._new_clients(lane) for lane in range(LANES)]

    @contextmanager
    def at_work(self) -> Iterator["Bench"]:
        """Handlers run in this lake, each with the clients and the disk of the lane that it is called in."""
        keys = self.world.cloud.aws.keys["admin"]
        env = {"AWS_ACCESS_KEY_ID": keys.access_key_id, "AWS_SECRET_ACCESS_KEY": keys.secret_access_key}
        with (
            self.world.open(),
            mock.patch.dict(os.environ, env),
            mock.patch.object(lakehouse.aws, "_client", lambda service: self._clients[self._lane][service]),
            mock.patch.object(tempfile, "gettempdir", self._disk),
            mock.patch.object(partitions, "AT_ONCE", 1),
            mock.patch.multiple(commit, **{name: self._stopping(name) for name in SILVER}),
        ):
            yield self

    def bring(self, pipeline: str, batch: str, number: int) -> None:
        """A batch's files come, or its first file is corrected; the gate sees to it and starts the batch's run."""
        first, *others = DATASETS[pipeline]
        if not self.world.ledger.batch(pipeline, batch).slots:
            for dataset in others:
                self._arrive(pipeline, dataset, batch, "f.ndjson", content("clean", number + 1))
                self._arrive(pipeline, dataset, batch, "_SUCCESS", MARKER)
        self._arrive(pipeline, first, batch, "f.ndjson", content("clean", number))

    def needed(self, pipeline: str, batch: str) -> dict[str, Any]:
        """Input of the execution that the gate has started for what the batch holds."""
        run = run_needed(self.world.pipelines[pipeline], self.world.ledger.batch(pipeline, batch))
        assert run is not None
        assert run.run_id in self.world.executions(pipeline)
        self.reader.runs[run.run_id] = (pipeline, batch)
        return asdict(run)

    def step_by_step(self, runs: Sequence[dict[str, Any]], order: Sequence[int]) -> None:
        """Do the runs' steps; `order` names a run for each. Whoever reads gold meanwhile never sees it go back."""
        going = [self._steps(run) for run in runs]
        for number in order:
            if next(going[number]) in CHANGES_GOLD:
                self.reader.look()

    def call_by_call(self, runs: Sequence[dict[str, Any]], seed: str) -> None:
        """Do the runs at the same time, with a turn before every AWS call and every change of silver."""

        def work(lane: int, run: dict[str, Any]) -> Callable[[], None]:
            def whole_run() -> None:
                self._here.lane = lane
                for _ in self._steps(run):
                    pass

            return whole_run

        self.turns.free = False
        try:
            self.turns.run([work(lane, run) for lane, run in enumerate(runs)], seed)
        finally:
            self.turns.free = True

    def check(self, pipeline: str) -> None:
        """Gold stands for all that is in force, and says so.

        Raises:
            Violation: it does not.
        """
        self.reader.look()
        newest, held = self.reader.newest(pipeline), self.in_force[pipeline].values()
        silver = {name: [slot for slot in held if f"/{name}/" in slot.key] for name in DATASETS[pipeline]}
        for table in WHOLE.get(pipeline, ()):
            found, versions = self.reader.shown(table)
            must(versions == newest, f"gold.{table} is not of the newest silver", versions, newest)
            rows, want = self._rows(found["StorageDescriptor"]["Location"]), whole(table, silver)
            must(rows == want, f"gold.{table} is not what is in force", rows, want)
        for table in PARTED.get(pipeline, ()):
            places = self.reader.partitions(table)
            parts = {value: self._rows(location) for value, (location, _) in places.items()}
            wanted = parted(table, silver)
            must(parts == wanted, f"gold.{table} is not what is in force", parts, wanted)

    def _steps(self, run: dict[str, Any]) -> Iterator[str]:
        """The steps of a run, as its workflow does them: each has been done when its name comes."""
        said: list[dict[str, Any]] = []
        plan = function("commit")(run, None)
        assert not plan["overtaken"]
        yield "commit"
        function("gold")(plan, None)
        yield "gold"
        self._here.said = said
        function("publish")(plan, None)
        yield "publish"
        for event in list(said):
            function("derive")(event, None)
        yield "derive"

    def _arrive(self, pipeline: str, dataset: str, batch: str, name: str, file: Content) -> None:
        key = f"bronze/{pipeline}/{dataset}/day={batch}/{name}"
        version = self.world.put(key, file.body)
        function("gate")(message(self.world, key, f"{key} {version}", version), None)
        self.uploaded[key, file.sha256] = file
        if file is not MARKER:
            self.in_force[pipeline][key] = Slot(batch, key, file.accepted)

    def _rows(self, location: str) -> Any:
        prefix = location.removeprefix(f"s3://{self.world.bucket}/")
        return self.reader.rows([key for key in self.world.objects(prefix) if key.endswith(".parquet")])

    def _new_clients(self, lane: int) -> dict[str, Any]:
        clients = {service: self.world.cloud.aws.client(service) for service in SERVICES}
        clients["events"].meta.events.register("provide-client-params.events.PutEvents", self._hear)
        self.turns.hook(lane, {name: client for name, client in clients.items() if name != "s3"})
        return clients

    def _hear(self, params: Any, **_: Any) -> None:
        """What is said on the bus is kept for the lane that says it."""
        for entry in params["Entries"]:
            self._here.said.append({"detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])})

    @property
    def _lane(self) -> int:
        return int(getattr(self._here, "lane", 0))

    def _disk(self) -> str:
        folder = Path(self.world.folder) / f"disk-{self._lane}"
        folder.mkdir(exist_ok=True)
        return str(folder)

    def _stopping(self, name: str) -> Callable[..., Any]:
        original = getattr(commit, name)

        def stopping(*arguments: Any, **named: Any) -> Any:
            if not self.turns.free:
                self.turns.lanes[self._lane].pause(name)
            return original(*arguments, **named)

        return stopping
