"""A crowd of files of several pipelines that arrive at a deployed lake at once, and the processes that work on them."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lakehouse import names
from lakehouse.contract.load import pipelines
from lakehouse.contract.model import Place
from lakehouse.contract.route import place_of
from lakehouse.generate import load_generator
from lakehouse.ledger.store import Ledger
from lakehouse.plan import following_tables
from tests.lake import Lake

PIPELINES = {name: found for name, found in pipelines().items() if name in ("activity", "carts", "transactions")}
START = datetime(2026, 3, 1, tzinfo=UTC)
UPLOADS_AT_ONCE = 16
SAMPLED_SECONDS = 0.2


@dataclass(frozen=True)
class Crowd:
    """Files by bronze key, with rows in each."""

    files: dict[str, Path]
    rows: dict[str, int]

    def places(self) -> dict[str, Place]:
        """Where each key belongs."""
        found = {key: place_of(key, PIPELINES) for key in self.files}
        return {key: place for key, place in found.items() if isinstance(place, Place)}

    def of(self, pipeline: str) -> dict[str, list[Path]]:
        """A pipeline's files by dataset, in ascending order of (batch, object key)."""
        places = [place for place in self.places().values() if place.pipeline == pipeline]
        found: defaultdict[str, list[Path]] = defaultdict(list)
        for place in sorted(places, key=lambda place: (place.batch, place.key)):
            found[place.dataset].append(self.files[place.key])
        return dict(found)


def make_crowd(folder: Path, activity: int, carts: int, transactions: int) -> Crowd:
    """So many files: of `activity` three a batch, of the others ten a day."""
    files: dict[str, Path] = {}
    for number in range(activity // 3):
        made = load_generator(PIPELINES["activity"])(folder / f"activity-{number}", rows=20, seed=number)
        files |= {f"bronze/activity/{name}/b{number:02}/{name}.json": path for name, path in made.items()}
    for name, count in (("carts", carts), ("transactions", transactions)):
        generate = load_generator(PIPELINES[name])
        for number in range(count):
            at = START + timedelta(days=number // 10, minutes=5 + number % 10)
            root = folder / name
            (path,) = generate(root, rows=5, seed=number, at=at).values()
            files[f"{names.BRONZE}/{name}/{path.relative_to(root)}"] = path
    return Crowd(files, {key: 20 if key.startswith("bronze/activity/") else 5 for key in files})


def bring(lake: Lake, crowd: Crowd) -> None:
    """Upload all at once. The gold of `activity` is made by DuckDB, as a person may choose: Spark takes its time."""
    ledger = Ledger(lake.client("dynamodb"), lake.settings.ledger_table)
    for batch in {place.batch for place in crowd.places().values() if place.pipeline == "activity"}:
        ledger.renew("activity", batch, "duckdb")
    s3 = lake.client("s3")
    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        sent = [
            pool.submit(s3.put_object, Bucket=lake.bucket, Key=key, Body=path.read_bytes())
            for key, path in crowd.files.items()
        ]
        for one in sent:
            one.result()


def wait_until_at_rest(lake: Lake, seconds: float) -> None:
    """No message waits, no execution runs, and what follows published gold is made too."""
    ledger = Ledger(lake.client("dynamodb"), lake.settings.ledger_table)
    deadline = time.monotonic() + seconds
    quiet = 0
    while quiet < 2:
        assert time.monotonic() < deadline, f"not at rest after {seconds} s"
        time.sleep(0.5)
        quiet = quiet + 1 if _at_rest(lake, ledger) else 0


def _at_rest(lake: Lake, ledger: Ledger) -> bool:
    if messages(lake, "gate"):
        return False
    if any(status == "RUNNING" for pipeline in PIPELINES for status in executions(lake, pipeline).values()):
        return False
    return all(
        table.name in run.derived
        for pipeline in PIPELINES.values()
        for run in ledger.runs(pipeline.name)
        for first in run.gold
        for table in following_tables(pipeline, first)
        if run.status == "published"
    )


def executions(lake: Lake, pipeline: str) -> dict[str, str]:
    """Status by name of a pipeline's executions."""
    arn = f"{lake.settings.state_machine_arn_prefix}{pipeline}"
    pages = lake.client("stepfunctions").get_paginator("list_executions").paginate(stateMachineArn=arn)
    return {one["name"]: one["status"] for page in pages for one in page["executions"]}


def messages(lake: Lake, queue: str) -> int:
    """Messages in a queue of the stack, those that are being worked on included."""
    sqs = lake.client("sqs")
    wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    url = sqs.get_queue_url(QueueName=lake.named(queue))["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"]
    return sum(int(found[name]) for name in wanted)


@dataclass
class Workers:
    """The most memory that a worker process of each Lambda function held, and how many there were at a time."""

    peak_mb: dict[str, float] = field(default_factory=dict)
    """By function: resident memory of its greatest worker, MB of 1024² bytes."""
    allowed_mb: dict[str, int] = field(default_factory=dict)
    """By function: its `MemorySize`."""
    at_once: dict[str, int] = field(default_factory=dict)

    def look(self) -> None:
        from ministack.core import lambda_runtime

        with lambda_runtime._lock:
            pools = [list(pool) for pool in lambda_runtime._workers.values()]
        for pool in pools:
            alive = [worker for worker in pool if worker._proc is not None and worker._proc.poll() is None]
            for worker in alive:
                name = worker.func_name
                self.allowed_mb[name] = int(worker.config["MemorySize"])
                self.peak_mb[name] = max(self.peak_mb.get(name, 0.0), _peak_mb(worker._proc.pid))
            if alive:
                name = alive[0].func_name
                self.at_once[name] = max(self.at_once.get(name, 0), len(alive))


@contextmanager
def watched() -> Iterator[Workers]:
    """Look at the workers of the embedded AWS until the block ends."""
    workers, ended = Workers(), threading.Event()

    def watch() -> None:
        while not ended.wait(SAMPLED_SECONDS):
            workers.look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield workers
        workers.look()
    finally:
        ended.set()
        thread.join()


def _peak_mb(process_id: int) -> float:
    """The kernel remembers a process's greatest resident memory (`VmHWM`), so seldom looking misses no peak of it."""
    try:
        text = Path(f"/proc/{process_id}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it ended, before or while it was read
        return 0.0
    lines = [line.split() for line in text.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0][1]) / 1024 if lines else 0.0
