"""Lakes as a function finds them, and what it does then, for faults to be directed at. A new function: add one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from unittest import mock

from lakehouse.gate import objects
from lakehouse.tidy.bronze import MARK
from tests.faults.contents import MARKER, content
from tests.faults.driver import Driver
from tests.faults.invariants import check
from tests.faults.network import Attempt
from tests.faults.reader import must
from tests.faults.world import ROOT, Event

Act = Callable[[Attempt], bool]
"""Does it in an attempt; False: it failed and has to be repeated."""
ONE, TWO = "2026-01-01", "2026-01-02"
SOLD = f"bronze/kiosk/sold/day={ONE}/a.ndjson"
STALL = [f"bronze/stall/{path.format(f'day={ONE}')}" for path in ("sales/{}/a.ndjson", "returns/{}/a.ndjson")]


@dataclass(frozen=True)
class Scenario:
    """A function in a lake."""

    name: str
    prepare: Callable[[Driver], Act]
    verify: Callable[[Driver], None]


def gate_new(driver: Driver) -> Act:
    driver.upload(SOLD, content("bad_rows", 1))
    return lambda attempt: driver.deliver(driver.inbox[0], attempt)


def gate_refused(driver: Driver) -> Act:
    _to_gold(driver, SOLD, "clean")
    driver.upload(SOLD, content("refused", 2))
    return lambda attempt: driver.deliver(driver.inbox[-1], attempt)


def gate_corrected(driver: Driver) -> Act:
    _to_gold(driver, SOLD, "clean")
    driver.upload(SOLD, content("doubled", 2))
    return lambda attempt: driver.deliver(driver.inbox[-1], attempt)


def gate_same_again(driver: Driver) -> Act:
    _to_gold(driver, SOLD, "bad_rows")
    driver.upload(SOLD, content("bad_rows", 1))
    return lambda attempt: driver.deliver(driver.inbox[-1], attempt)


def gate_half_done(driver: Driver) -> Act:
    """A gate died once it had stored what it made of a file, and one before it was about to tell."""
    driver.upload(SOLD, content("refused", 1))
    driver.deliver(driver.inbox[0], Attempt(at={"Publish": "crash_before"}))
    driver.upload(SOLD, content("bad_rows", 1))
    driver.deliver(driver.inbox[1], Attempt(at={"TransactWriteItems": "crash_before"}))
    return lambda attempt: driver.deliver(driver.inbox[1], attempt)


def gate_marker(driver: Driver) -> Act:
    for key in STALL:
        driver.upload(key, content("clean", 1))
        driver.deliver(driver.inbox[-1])
    driver.upload(f"bronze/stall/returns/day={ONE}/_SUCCESS", MARKER)
    return lambda attempt: driver.deliver(driver.inbox[-1], attempt)


def gate_marker_first(driver: Driver) -> Act:
    driver.upload(f"bronze/stall/returns/day={ONE}/_SUCCESS", MARKER)
    return lambda attempt: driver.deliver(driver.inbox[-1], attempt)


def gate_deleted(driver: Driver) -> Act:
    """A delete marker lies on the object: what arrived counts all the same."""
    driver.upload(SOLD, content("clean", 1))
    driver.world.s3.delete_object(Bucket=driver.world.bucket, Key=SOLD)
    return lambda attempt: driver.deliver(driver.inbox[-1], attempt)


def gate_large(driver: Driver) -> Act:
    """The way of large silver files. (That parts are put together is for tests/aws/test_gate_objects.py.)"""
    driver.upload(SOLD, content("clean", 1))

    def act(attempt: Attempt) -> bool:
        with mock.patch.object(objects, "PARTS_FROM_BYTES", 0):
            return driver.deliver(driver.inbox[-1], attempt)

    return act


def commit_first(driver: Driver) -> Act:
    return _at_state(driver, "commit", SOLD)


def commit_again(driver: Driver) -> Act:
    _to_gold(driver, SOLD, "clean")
    return _at_state(driver, "commit", SOLD)


def commit_overtaken(driver: Driver) -> Act:
    first = _at_state(driver, "commit", SOLD)
    driver.upload(SOLD, content("clean", 0))
    driver.deliver(driver.inbox[-1])
    return first


def gold_first(driver: Driver) -> Act:
    return _at_state(driver, "gold", SOLD)


def gold_again(driver: Driver) -> Act:
    """The batch held other files before."""
    _to_gold(driver, SOLD, "clean")
    return _at_state(driver, "gold", SOLD)


def gold_with_csv(driver: Driver) -> Act:
    return _at_state(driver, "gold", *STALL)


def publish_first(driver: Driver) -> Act:
    return _at_state(driver, "publish", SOLD)


def publish_again(driver: Driver) -> Act:
    _to_gold(driver, SOLD, "clean")
    return _at_state(driver, "publish", SOLD)


def publish_emptied(driver: Driver) -> Act:
    """Each row of the first day comes again on the second: the first day's partition goes."""
    _to_gold(driver, SOLD, "bad_rows")
    return _at_state(driver, "publish", SOLD.replace(ONE, TWO))


def publish_superseded(driver: Driver) -> Act:
    """A late repeat of the run's commit has found it overtaken while the engine was at work."""
    step_until(driver, "gold", SOLD)
    execution = next(iter(driver.executions.values()))
    driver.upload(SOLD, content("clean", 0))
    driver.deliver(driver.inbox[-1])
    driver.repeat(execution)
    driver.step(execution)
    return lambda attempt: driver.step(execution, attempt)


def publish_whole(driver: Driver) -> Act:
    return _at_state(driver, "publish", *STALL)


def derive_parted(driver: Driver) -> Act:
    step_until(driver, "published", SOLD)
    return lambda attempt: driver.derive(driver.published[-1], attempt)


def derive_whole(driver: Driver) -> Act:
    step_until(driver, "published", *STALL)
    return lambda attempt: driver.derive(driver.published[-1], attempt)


def failed(driver: Driver) -> Act:
    return _at_state(driver, "failed", SOLD)


def compact(driver: Driver) -> Act:
    _to_gold(driver, SOLD, "clean")
    _to_gold(driver, SOLD.replace("a.nd", "b.nd"), "clean")
    return _invoked(driver, "compact", {"time": "2026-02-01T03:00:00Z"})


def swept(driver: Driver) -> Act:
    """A gate died before it started what is complete, and its message is lost."""
    driver.upload(SOLD, content("bad_rows", 1))
    driver.deliver(driver.inbox[0], Attempt(at={"StartExecution": "crash_before"}))
    driver.inbox[0].done = True
    return _invoked(driver, "sweep", {"time": (datetime.now(UTC) + timedelta(minutes=30)).isoformat()})


def tidied(driver: Driver) -> Act:
    """A former run of gold was noted more than two weeks ago, another is there since."""
    today = datetime.now(UTC)
    for kind in ("clean", "bad_rows"):
        _to_gold(driver, SOLD, kind)
    assert driver.invoke("tidy", {"time": today.isoformat()})
    _to_gold(driver, SOLD, "doubled")
    return _invoked(driver, "tidy", {"time": (today + timedelta(days=16)).isoformat()})


def marked(driver: Driver) -> Act:
    """A slot has a former version."""
    for kind in ("clean", "bad_rows"):
        _to_gold(driver, SOLD, kind)
    return _invoked(driver, "tidy", {"time": datetime.now(UTC).isoformat()})


def generated(driver: Driver) -> Act:
    """A generator of the project's own."""

    def act(attempt: Attempt) -> bool:
        where = {"LAKE_PIPELINES_DIR": str(ROOT / "pipelines"), "LAKE_PIPELINE": "activity"}
        with mock.patch.dict("os.environ", where):
            return driver.invoke("generate", {"rows": 5, "seed": 1, "time": "2026-01-01T00:00:00Z"}, attempt)

    return act


def _invoked(driver: Driver, handler: str, event: Event) -> Act:
    return lambda attempt: driver.invoke(handler, event, attempt)


def _arrive(driver: Driver, keys: tuple[str, ...], kind: str) -> None:
    for number, key in enumerate(keys):
        driver.upload(key, content(kind, number + 1))
        driver.deliver(driver.inbox[-1])
    if len(keys) > 1:
        driver.upload(f"bronze/stall/returns/day={ONE}/_SUCCESS", MARKER)
        driver.deliver(driver.inbox[-1])


def _to_gold(driver: Driver, key: str, kind: str) -> None:
    _arrive(driver, (key,), kind)
    driver.settle_everything()


def step_until(driver: Driver, state: str, *keys: str) -> None:
    _arrive(driver, keys, "bad_rows")
    execution = list(driver.executions.values())[-1]
    if state == "failed":
        execution.state, execution.error = "failed", "made up"
    while execution.state != state:
        driver.step(execution)


def _at_state(driver: Driver, state: str, *keys: str) -> Act:
    step_until(driver, state, *keys)
    execution = list(driver.executions.values())[-1]
    return lambda attempt: driver.step(execution, attempt)


def all_is_well(driver: Driver) -> None:
    """What is under way comes to its end, and the four invariants hold."""
    driver.finish()
    check(driver)


def rows_are_in_one_file(driver: Driver) -> None:
    """After a compaction: the same rows, in one file."""
    log = driver.reader.logs["kiosk", "sold"]
    held = log.at(log.newest())
    must(list(held) == [(ONE, "*")], "not compacted", held)
    rows = driver.reader.silver_rows("kiosk", "sold", held[ONE, "*"][0])
    brought = [row for uploads in driver.uploads.values() for row in uploads[-1].content.accepted]
    must(sorted(rows.elements()) == sorted(brought), "compaction changed rows", rows, brought)


def the_first_run_is_gone(driver: Driver) -> None:
    """Of three runs the last two are left, of which readers see one."""
    runs = {key.split("run=")[1].split("/")[0] for key in driver.world.objects("gold/kiosk/") if "run=" in key}
    must(len(runs) == 2, "not tidied", runs)
    all_is_well(driver)


def the_former_version_is_marked(driver: Driver) -> None:
    """It may expire; the one in force carries no mark."""
    s3, bucket = driver.world.s3, driver.world.bucket
    versions = s3.list_object_versions(Bucket=bucket, Prefix=SOLD)["Versions"]
    where = [{"Bucket": bucket, "Key": SOLD, "VersionId": one["VersionId"]} for one in versions]
    tags = [s3.get_object_tagging(**one)["TagSet"] for one in where]
    must(tags == [[], [MARK]], "former versions are not marked, and no others", tags)
    all_is_well(driver)


def files_are_there(driver: Driver) -> None:
    """A generator's files, whose bytes its arguments decide."""
    found = driver.world.objects("bronze/activity/")
    must(len(found) == 3, "generated files are missing", found)


SCENARIOS = (
    *(
        Scenario(prepare.__name__, prepare, all_is_well)
        for prepare in (gate_new, gate_refused, gate_corrected, gate_same_again, gate_half_done, gate_marker)
    ),
    *(
        Scenario(prepare.__name__, prepare, all_is_well)
        for prepare in (gate_marker_first, gate_deleted, gate_large, commit_first, commit_again, commit_overtaken)
    ),
    *(
        Scenario(prepare.__name__, prepare, all_is_well)
        for prepare in (gold_first, gold_again, gold_with_csv, publish_first, publish_again, publish_emptied)
    ),
    *(
        Scenario(prepare.__name__, prepare, all_is_well)
        for prepare in (publish_superseded, publish_whole, derive_parted, derive_whole, failed, swept)
    ),
    Scenario("compact", compact, rows_are_in_one_file),
    Scenario("tidied", tidied, the_first_run_is_gone),
    Scenario("marked", marked, the_former_version_is_marked),
    Scenario("generated", generated, files_are_there),
)
