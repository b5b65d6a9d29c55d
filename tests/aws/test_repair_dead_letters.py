"""Dead letters: a look hides nothing for long, what is given back is given back at least once and lost never."""

import json

import pytest
from gate_world import users
from repair_world import CrashError, RepairWorld

from lakehouse.repair.judge_again import arrival
from lakehouse.repair.queues import DeadLetterQueues
from localaws import EmbeddedAws


@pytest.fixture(scope="module")
def lake(aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> RepairWorld:
    return RepairWorld(aws, tmp_path_factory.mktemp("letters"))


def failed_on(lake: RepairWorld, batch: str, count: int) -> None:
    """Files that the gate could not handle: nothing is known of them but a dead letter each."""
    for number in range(count):
        key = f"bronze/activity/users/{batch}/{number}.json"
        lake.world.put(key, users(number))
        lake.send("gate-dlq", arrival(lake.world.bucket, key))


def judged(lake: RepairWorld, batch: str) -> list[tuple[str, int]]:
    found = [slot for slot in lake.ledger.slots("activity") if slot.batch == batch]
    return sorted((slot.key.rsplit("/", 1)[-1], slot.revision) for slot in found)


def test_a_look_shows_everything_and_hides_nothing(lake: RepairWorld, batch: str) -> None:
    failed_on(lake, batch, 23)
    seen = lake.dead_letters.look("intake", 100)
    assert (seen.count, len({letter.message_id for letter in seen.letters})) == (23, 23)
    assert {letter.about for letter in seen.letters} >= {f"bronze/activity/users/{batch}/22.json"}
    assert lake.waiting("gate-dlq") == 23
    assert len(lake.dead_letters.look("intake", 5).letters) == 5
    assert lake.waiting("gate-dlq") == 23
    assert len(list(lake.dead_letters.redrive("intake", 4))) == 4
    assert (lake.waiting("gate-dlq"), lake.work()) == (19, 4)
    assert len(list(lake.dead_letters.redrive("intake", 100))) == 19
    assert (lake.waiting("gate-dlq"), lake.work()) == (0, 19)
    assert judged(lake, batch) == sorted((f"{number}.json", 1) for number in range(23))


@pytest.mark.parametrize(
    ("operation", "when"),
    [("SendMessage", "before-call"), ("SendMessage", "after-call"), ("DeleteMessage", "before-call")],
)
def test_a_redrive_that_dies_between_handing_over_and_deleting_is_repeated(
    lake: RepairWorld, batch: str, operation: str, when: str
) -> None:
    failed_on(lake, batch, 6)
    dying = DeadLetterQueues(lake.dying("sqs", operation, when, after=2), lake.client("lambda"), lake.world.prefix)
    with pytest.raises(CrashError):
        list(dying.redrive("intake", 100))
    assert lake.waiting("gate-dlq") == 4  # none is lost, and none is hidden
    assert len(list(lake.dead_letters.redrive("intake", 100))) == 4
    assert lake.waiting("gate-dlq") == 0
    handled = lake.work()
    assert handled == (6 if (operation, when) == ("SendMessage", "before-call") else 7)
    assert judged(lake, batch) == [(f"{number}.json", 1) for number in range(6)]


def test_what_fails_again_meanwhile_is_left_for_the_next_time(lake: RepairWorld, batch: str) -> None:
    failed_on(lake, batch, 12)
    given = []
    for one in lake.dead_letters.redrive("intake", 100):
        given.append(one)
        if len(given) == 1:
            failed_on(lake, batch, 1)
    assert len(given) == 12
    assert lake.waiting("gate-dlq") == 1
    assert len(list(lake.dead_letters.redrive("intake", 100))) == 1
    lake.work()


def test_what_has_no_place_to_go_back_to_stays_in_sight(lake: RepairWorld) -> None:
    topic = lake.world.settings.topic_arn
    lake.send("events-dlq", json.dumps({"source": "x", "detail-type": "T", "detail": {}}), TARGET_ARN=topic)
    assert [one.handed_over for one in lake.dead_letters.redrive("events", 100)] == [False]
    assert lake.waiting("events-dlq") == 1
    lake.world.sqs.purge_queue(QueueUrl=lake.urls["events-dlq"])
