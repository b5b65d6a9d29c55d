"""Runs whose gold a Glue job makes: the driver dies, its JVM and its Python with it, and the job is started again."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.faults import tally
from tests.faults.kill_lake import Event, Kill, KillLake
from tests.faults.kill_process import Killer, Victim
from tests.faults.kill_readers import NOTHING, Audience, Place, Rows
from tests.faults.kill_state import State, base_of, end_state
from tests.faults.kill_stories import FIRST, Play, text_of

_WORKFLOW = Path(__file__).parents[2] / "lakehouse" / "workflow.asl.json"
_ENDED = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR")
_PATIENCE_SECONDS = 300


class Shipments:
    """A file that corrects what its slot brought. A clean play makes its gold by DuckDB: what Spark must make too."""

    pipeline = "shipping"
    key = "bronze/shipping/shipments/killed-while-made.ndjson"
    table = Place("shipments", ("shipping_id", "destination_city", "shipping_cost"))

    def __init__(self, lake: KillLake, audience: Audience) -> None:
        self.lake, self.audience, self._number = lake, audience, FIRST - 1
        audience.allowed.also(self.table, 0, NOTHING)

    def clean(self) -> State:
        """A correction by functions alone."""
        play, base, plan = self._begin()
        play.step("gold", "gold", plan)
        return self._end(play, base, plan)

    def play(self, kills: Sequence[Kill]) -> tuple[list[str], State]:
        """A correction whose job dies so often before it ends; what the last job wrote, and the state afterwards."""
        play, base, plan = self._begin()
        for kill in kills:
            self._die(plan, kill)
            self.audience.look()
        state, ended = self._job(plan, Kill(0, "before"))
        assert state == "SUCCEEDED", state
        return ended.writes, self._end(play, base, plan)

    def _begin(self) -> tuple[Play, Any, Event]:
        self._number += 1
        base = base_of(self.lake, self.key)
        play = Play(self.lake, self.audience, self.pipeline, self._number, {})
        (asked,) = play.file("gate", self.key, self.body())
        self.audience.allowed.also(self.table, self._number, self.gold())
        return play, base, play.step("commit", "commit", asked)

    def _end(self, play: Play, base: Any, plan: Event) -> State:
        play.step("publish", "publish", plan)
        self.audience.allowed.only(self.table, self._number)
        self.audience.look()
        return end_state(self.lake, base, [self.key], plan, self._number)

    def _die(self, plan: Event, kill: Kill) -> None:
        state, killer = self._job(plan, kill)
        assert killer.killed is not None, f"the job was not killed at {kill}: it wrote {killer.writes} and {state}"
        assert state == "FAILED", state
        tally.add("kills")
        tally.add("kills:glue job")

    def _job(self, plan: Event, kill: Kill) -> tuple[str, Killer]:
        """Start the job as the workflow does and wait for its end; its state."""
        glue, name = self.lake.glue, self.lake.lake.named(f"{self.pipeline}-gold")
        run_id: list[str] = []
        killer = Killer(Victim("glue job", lambda: _processes(run_id), leads_group=True), kill.at, kill.moment)
        with self.lake.aws.intercept(killer):
            run_id.append(glue.start_job_run(JobName=name, Arguments=_arguments(plan))["JobRunId"])
            deadline = time.monotonic() + _PATIENCE_SECONDS
            while (state := glue.get_job_run(JobName=name, RunId=run_id[0])["JobRun"]["JobRunState"]) not in _ENDED:
                assert time.monotonic() < deadline, f"the job is {state} after {_PATIENCE_SECONDS} s"
                time.sleep(0.1)
        return str(state), killer

    def body(self) -> str:
        """Four rows, each with the play's number."""
        row = {"shipping_date": "2026/01/01", "customer_name": "n", "street_address": "s", "shipping_distance": 50}
        row |= {"destination_city": "main_city", "shipping_cost": 1000.5, "quantity": 2000, "product_id": 1}
        return "".join(f"{json.dumps({'shipping_id': int(one), **row})}\n" for one in self._identities())

    def gold(self) -> Rows:
        """What readers see once the play is over."""
        return text_of((one, "main_city", "1000.50") for one in self._identities())

    def _identities(self) -> list[str]:
        return [f"{self._number}{one}" for one in range(1, 5)]


def _processes(run_id: Sequence[str]) -> list[int]:
    from localaws import glue_jobs

    process = glue_jobs.running(run_id[0]) if run_id else None
    return [process.process_id] if process and process.process_id else []


def _arguments(plan: Event) -> dict[str, str]:
    """The job's arguments as the workflow's state `GoldOnSpark` makes them of the plan."""
    given = json.loads(_WORKFLOW.read_text())["States"]["GoldOnSpark"]["Parameters"]["Arguments"]
    return {name.removesuffix(".$"): _value(text, plan) for name, text in given.items()}


def _value(text: str, plan: Event) -> str:
    field = text.removeprefix("States.JsonToString(").removesuffix(")").removeprefix("$.")
    return json.dumps(plan[field]) if text.startswith("States.JsonToString(") else str(plan[field])
