"""The gate when AWS fails or many gates work at once: a crash at any call and its repeat, and races of threads."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from gate_world import World, events, orders, users

from lakehouse.events import ObjectCreated


class CrashError(Exception):
    """The Lambda died here."""


class Crashing:
    """Clients of which one call, counted from 0 over all services, dies: before AWS sees it or after its effect."""

    def __init__(self, world: World, at: int = -1, when: str = "before-call") -> None:
        self.calls: list[str] = []
        self.at, self.when = at, when
        self.lock = threading.Lock()
        self.clients = world.new_clients()
        for client in self.clients.values():
            client.meta.events.register("before-call.*.*", self._before)
            client.meta.events.register("after-call.*.*", self._after)

    def _before(self, model: Any, **_: Any) -> None:
        with self.lock:
            self.calls.append(model.name)
            dies = len(self.calls) - 1 == self.at and self.when == "before-call"
        if dies:
            raise CrashError(model.name)

    def _after(self, model: Any, **_: Any) -> None:
        if self.when == "after-call" and len(self.calls) - 1 == self.at:
            raise CrashError(model.name)


def outcome(world: World, batch: str) -> dict[str, Any]:
    """All that a batch left behind, without times and names that differ from batch to batch."""
    state = world.ledger.batch("activity", batch)
    slots = [slot for slot in world.ledger.slots("activity") if slot.batch == batch]
    files = [file for file in world.ledger.files("activity") if file.batch == batch]
    return {
        "generation": state.generation,
        "in_force": sorted((slot.dataset, slot.rows, slot.bytes, slot.revision) for slot in state.slots.values()),
        "slots": sorted((slot.dataset, slot.verdict, slot.revision, slot.notified_revision) for slot in slots),
        "files": sorted((file.dataset, file.verdict, file.rows_in, file.bytes) for file in files),
        "quarantined": sorted(
            key.rsplit("/", 1)[-1]
            for file in files
            for key in world.keys(f"quarantine/activity/{file.dataset}/{file.file_id}/")
        ),
        "started_is_recorded": state.run_id == (world.executions(batch) or [None])[-1],
        "executions": len(world.executions(batch)),
        "runs": len(world.runs(batch)),
        "told": len({letter["id"] for letter in world.messages(batch)}),
    }


def prepared(world: World, batch: str) -> None:
    gate = world.gate()
    gate.handle(world.put(f"bronze/activity/orders/{batch}/o.json", orders(1)), "p1")
    gate.handle(world.put(f"bronze/activity/events/{batch}/e.json", events(1)), "p2")


def accept(world: World, batch: str, gate: Callable[[ObjectCreated, str], None]) -> None:
    """The file that completes its batch."""
    gate(world.put(f"bronze/activity/users/{batch}/u.json", users(1, 2)), "m1")


def refuse(world: World, batch: str, gate: Callable[[ObjectCreated, str], None]) -> None:
    """A correction that is refused."""
    world.gate().handle(world.put(f"bronze/activity/users/{batch}/u.json", users(1, 2)), "p3")
    gate(world.put(f"bronze/activity/users/{batch}/u.json", b""), "m1")


@pytest.mark.parametrize("scenario", [accept, refuse])
@pytest.mark.parametrize("when", ["before-call", "after-call"])
def test_a_crash_at_any_call_and_its_repeat_leave_what_one_clean_pass_leaves(
    world: World, batch: str, scenario: Callable[..., None], when: str
) -> None:
    clean = Crashing(world)
    prepared(world, f"{batch}clean")
    scenario(world, f"{batch}clean", world.gate(clean.clients).handle)
    expected = outcome(world, f"{batch}clean")
    assert expected["executions"] == 1
    assert len(clean.calls) >= 8
    found = {}
    for at, call in enumerate(clean.calls):
        crashing, name = Crashing(world, at, when), f"{batch}n{at}"
        prepared(world, name)
        scenario(world, name, until_done(world, crashing))
        found[f"{at} {call}"] = outcome(world, name)
        assert len(crashing.calls) > at, "the crash was hit"
    assert found == dict.fromkeys(found, expected)


def until_done(world: World, crashing: Crashing) -> Callable[[ObjectCreated, str], None]:
    """A gate whose message is delivered again after a crash, to another container."""

    def handle(event: ObjectCreated, message_id: str) -> None:
        try:
            world.gate(crashing.clients).handle(event, message_id)
        except CrashError:
            world.gate().handle(event, message_id)

    return handle


@pytest.mark.parametrize("when", ["before-call", "after-call"])
def test_a_gate_that_died_is_made_good_by_the_next_version_and_then_by_its_own_repeat(
    world: World, batch: str, when: str
) -> None:
    key = f"bronze/activity/users/{batch}/u.json"
    clean = Crashing(world)
    world.gate(clean.clients).handle(world.put(key, b""), "m0")
    for at in range(len(clean.calls)):
        name = f"{batch}n{at}"
        prepared(world, name)
        key = f"bronze/activity/users/{name}/u.json"
        refused = world.put(key, b"")
        with pytest.raises(CrashError):
            world.gate(Crashing(world, at, when).clients).handle(refused, "m1")
        world.gate().handle(world.put(key, users(1, 2)), "m2")
        world.gate().handle(refused, "m1")
        left = outcome(world, name)
        assert (left["executions"], left["runs"], left["started_is_recorded"]) == (1, 1, True)
        assert ("users", 2) in [entry[:2] for entry in left["in_force"]]
        verdicts = [file[1] for file in left["files"] if file[0] == "users"]
        assert verdicts in (["accepted"], ["accepted", "refused"])
        assert left["told"] == verdicts.count("refused"), "whoever recorded the refusal, it is told of"


def in_threads(work: list[Callable[[], None]]) -> None:
    """Do all at once; raises the first failure."""
    barrier = threading.Barrier(len(work))

    def one(task: Callable[[], None]) -> None:
        barrier.wait()
        task()

    with ThreadPoolExecutor(len(work)) as pool:
        for done in [pool.submit(one, task) for task in work]:
            done.result()


def test_datasets_arriving_at_once_and_repeatedly_start_one_run(world: World, batch: str) -> None:
    gates = [world.gate(world.new_clients()) for _ in range(4)]
    for number in range(6):
        name = f"{batch}n{number}"
        arrived = [
            world.put(f"bronze/activity/users/{name}/u.json", users(1)),
            world.put(f"bronze/activity/events/{name}/e.json", events(1)),
            world.put(f"bronze/activity/orders/{name}/o.json", orders(1)),
        ]
        work = [
            lambda event=arrived[index % 3], gate=gates[index % 4], index=index: gate.handle(event, f"m{index}")
            for index in range(16)
        ]
        in_threads(work)
        state = world.ledger.batch("activity", name)
        assert (state.generation, len(state.slots)) == (3, 3)
        assert world.executions(name) == world.runs(name) == [state.run_id]
        assert {slot.revision for slot in state.slots.values()} == {1}


def test_versions_and_repeats_at_once_converge_on_the_newest(world: World, batch: str) -> None:
    gates = [world.gate(world.new_clients()) for _ in range(4)]
    prepared(world, batch)
    key = f"bronze/activity/users/{batch}/u.json"
    bodies: list[str | bytes] = [users(1), b"", users(1, 2), users(1), b" ", users(1, 2, 3)]

    def arrive(index: int) -> None:
        if index < len(bodies):
            world.put(key, bodies[index])
        gates[index % 4].handle(ObjectCreated(world.bucket, key), f"m{index}")

    for _ in range(3):
        in_threads([lambda index=index: arrive(index) for index in range(12)])
        head = world.s3.head_object(Bucket=world.bucket, Key=key)
        slot = world.slot(batch, key)
        assert slot.judged_version_id == head["VersionId"]
        state = world.ledger.batch("activity", batch)
        entry = state.slots.get(slot.slot_id)
        assert (entry.file_id if entry else None) == slot.in_force_file_id
        assert (entry.revision if entry else None) in (slot.revision, None)
        assert slot.notified_revision == slot.revision
    assert world.executions(batch)[-1] == world.ledger.batch("activity", batch).run_id


def test_the_same_refused_file_judged_by_many_at_once_is_told_of_once(world: World, batch: str) -> None:
    gates = [world.gate(world.new_clients()) for _ in range(4)]
    key = f"bronze/activity/users/{batch}/u.json"
    event = world.put(key, b"")
    in_threads([lambda index=index: gates[index % 4].handle(event, f"m{index}") for index in range(12)])
    assert len(world.messages(key, at_least=1)) == 1
    assert world.slot(batch, key).revision == 1
