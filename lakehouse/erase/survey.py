"""Everything that is stored, looked through for a person: the search before an erasure and the proof after it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lakehouse import names
from lakehouse.contract.model import Pipeline
from lakehouse.erase.bronze import placed
from lakehouse.erase.mentions import mentions, speaks
from lakehouse.erase.person import Person
from lakehouse.erase.rewrite import without
from lakehouse.erase.stored import Version, read, versions

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_logs.client import CloudWatchLogsClient
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sqs.client import SQSClient

LAYERS = (names.BRONZE, names.SILVER, names.QUARANTINE, names.GOLD, names.EXPORTS, "warehouse")
ELSEWHERE = "other pipelines"
LEDGER, LOGS, QUEUES, MAILS, KEYS = "ledger", "logs", "queues", "mails", "keys of objects"


@dataclass(frozen=True)
class Hit:
    """One thing that speaks of the person."""

    place: str
    name: str
    """Key of an object, key of a ledger item, log stream, queue or mail."""
    version: Version | None = None
    """Of an object."""
    item: Mapping[str, Any] | None = field(default=None, repr=False)
    """The ledger's item, as DynamoDB gave it."""


@dataclass
class Survey:
    """What was looked through, by place, and what was found."""

    scanned: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    hits: list[Hit] = field(default_factory=list)

    def note(self, place: str, size: int, hit: Hit | None) -> None:
        """Count one thing."""
        self.scanned[place] += 1
        self.bytes[place] += size
        if hit is not None:
            self.hits.append(hit)

    @property
    def remains(self) -> list[Hit]:
        """What speaks of the person where this pipeline keeps things. Another pipeline's is that one's to forget."""
        return [hit for hit in self.hits if hit.place != ELSEWHERE]

    def by_place(self) -> list[dict[str, object]]:
        """`place, scanned, bytes, hits`, as a table."""
        hits = Counter(hit.place for hit in self.hits)
        places = sorted(self.scanned.keys() | hits.keys())
        return [{"place": p, "scanned": self.scanned[p], "bytes": self.bytes[p], "hits": hits[p]} for p in places]


@dataclass(frozen=True)
class Searched:
    """What is looked through, and with which clients."""

    s3: "S3Client"
    dynamodb: "DynamoDBClient"
    logs: "CloudWatchLogsClient"
    sqs: "SQSClient"
    bucket: str
    ledger_table: str
    log_groups: tuple[str, ...]
    """What the names of the lake's log groups begin with."""
    queues: tuple[str, ...]
    """Names of the dead-letter queues. The others empty themselves."""
    mails: Iterable[tuple[str, bytes]] = ()
    """Letters that are kept on this machine: name and bytes."""


def survey(searched: Searched, pipeline: Pipeline, person: Person) -> Survey:
    """Look through everything."""
    found = Survey()
    _objects(searched, pipeline, person, found)
    for item in items(searched.dynamodb, searched.ledger_table):
        name = f"{item['pk']['S']} {item['sk']['S']}"
        found.note(LEDGER, len(str(item)), Hit(LEDGER, name, item=item) if speaks(item, person) else None)
    for stream, size, said in log_streams(searched, person):
        found.note(LOGS, size, Hit(LOGS, stream) if said else None)
    for queue, message in _dead_letters(searched):
        found.note(QUEUES, len(message), Hit(QUEUES, queue) if person.mentioned_in(message) else None)
    for name, mail in searched.mails:
        found.note(MAILS, len(mail), Hit(MAILS, name) if person.mentioned(mail) else None)
    return found


def _objects(searched: Searched, pipeline: Pipeline, person: Person, found: Survey) -> None:
    for version in versions(searched.s3, searched.bucket):
        layer, _, below = version.key.partition("/")
        place = layer
        if layer in LAYERS and below.partition("/")[0] not in (pipeline.name, names.UNKNOWN):
            place = ELSEWHERE
        data = read(searched.s3, searched.bucket, version)
        said = mentions(data, version.key, person)
        if place == names.BRONZE and not said:
            _, dataset = placed(pipeline, version.key)
            said = without(data, version.key, dataset, person).touched
        found.note(place, len(data), Hit(place, version.key, version) if said else None)
        if version.current and place != ELSEWHERE:
            found.note(KEYS, len(version.key), Hit(KEYS, version.key) if person.mentioned_in(version.key) else None)


def items(dynamodb: "DynamoDBClient", table: str) -> Iterator[Mapping[str, Any]]:
    """Every item of the ledger."""
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def log_streams(searched: Searched, person: Person) -> Iterator[tuple[str, int, bool]]:
    """Of each log stream `<group>:<stream>`, its bytes, and whether it speaks of the person."""
    for prefix in searched.log_groups:
        for page in searched.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix):
            for group in page["logGroups"]:
                yield from _streams_of(searched.logs, group["logGroupName"], person)


def _streams_of(logs: "CloudWatchLogsClient", group: str, person: Person) -> Iterator[tuple[str, int, bool]]:
    sizes: Counter[str] = Counter()
    speaking: set[str] = set()
    for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
        for event in page["events"]:
            sizes[event["logStreamName"]] += len(event["message"])
            if person.mentioned_in(event["message"]):
                speaking.add(event["logStreamName"])
    for stream, size in sorted(sizes.items()):
        yield f"{group}:{stream}", size, stream in speaking


def _dead_letters(searched: Searched) -> Iterator[tuple[str, str]]:
    """Messages of the dead-letter queues. They stay there, and are visible again when all are read."""
    for name in searched.queues:
        url = searched.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        seen: dict[str, str] = {}
        while True:
            answer = searched.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60)
            new = {one["MessageId"]: one for one in answer.get("Messages", [])}
            if not new.keys() - seen.keys():
                break
            for message_id, one in new.items():
                seen[message_id] = one["ReceiptHandle"]
                yield name, one["Body"]
        for handle in seen.values():
            searched.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
