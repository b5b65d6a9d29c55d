"""What a run left behind everywhere, in a form in which runs of equal files are equal.

Hashes, identities, times and the run's own number are replaced by marks, the same by the same, so that what refers to
what still shows; what is counted up from run to run is counted from where the run began.
"""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

from deltalake import DeltaTable
from deltalake.transaction import PostCommitHookProperties

from lakehouse import names
from lakehouse.contract.load import pipelines
from lakehouse.contract.model import Dataset, Place
from lakehouse.contract.route import place_of
from lakehouse.errors import SilverError
from lakehouse.silver.table import CHECKPOINT_COMMITS, active_files, open_table
from tests.faults.kill_lake import Event, KillLake

_MEASURED = {"bytes", "parquet_bytes", "manifest_bytes", "seconds", "version_id", "judged_version_id", "judged_etag"}
_MEASURED |= {"in_force_version_id", "in_force_bytes", "in_force_parquet_bytes", "parts_seconds"}
"""Sizes, durations and object versions: each run has its own."""
_NO_CHECKPOINT = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?")
_IDENTITY = re.compile(r"\b([0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{12}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
_SIZE = re.compile(r"[\d,]+ bytes")
_VERSION = re.compile(r"(Silver versions: \w+ )(\d+)")
State = dict[str, Any]


@dataclass(frozen=True)
class Base:
    """Where the counts stood before."""

    generation: int
    revision: int
    version: int
    """Of the silver table; 0 before there is one."""


def base_of(lake: KillLake, key: str) -> Base:
    """The counts of a key's batch, slot and table."""
    place = _place(key)
    slot, batch, table = lake.ledger.slot(place), lake.ledger.batch(place.pipeline, place.batch), _table(lake, key)
    return Base(batch.generation, slot.revision if slot else 0, table.version() if table else 0)


def end_state(lake: KillLake, base: Base, keys: Sequence[str], plan: Event, number: int) -> State:
    """Ledger, silver, quarantine, the catalog's pointers and what people were told, after a run of these files."""
    places = [_place(key) for key in keys]
    pipeline, batch = places[0].pipeline, places[0].batch
    judged = [slot for slot in map(lake.ledger.slot, places) if slot]
    files = sorted(lake.ledger.files_of(pipeline, batch), key=lambda one: (one.key, one.at))
    state = lake.ledger.batch(pipeline, batch)
    tables = [table.name for table in pipelines()[pipeline].gold]
    found = {
        "batch": {**asdict(state), "slots": sorted(map(asdict, state.slots.values()), key=lambda one: one["key"])},
        "slots": [asdict(slot) for slot in judged],
        "files": [asdict(file) for file in files if str(number) in _bronze(lake, file.key, file.version_id)],
        "run": asdict(lake.ledger.run(pipeline, batch, plan["run_id"])),  # type: ignore[arg-type]
        "pointers": [_dict(lake.ledger.pointer(pipeline, table)) for table in tables],
        "silver": _silver(lake, places[0]),
        "quarantine": [_quarantine(lake, place, slot.file_id) for place, slot in zip(places, judged, strict=True)],
        "told": _told(lake),
    }
    return dict(_Normal(base, {str(number): "number", batch: "batch", "spark": "engine", "duckdb": "engine"}).of(found))


def differences(state: State, expected: State) -> str:
    """What differs, as a diff of JSON lines; empty where nothing does."""
    texts = [json.dumps(one, indent=1, sort_keys=True, default=str).splitlines() for one in (expected, state)]
    return "\n".join(difflib.unified_diff(*texts, "expected", "found", n=2, lineterm=""))


def fill_log(lake: KillLake, key: str) -> None:
    """Commit nothing until the next commit to a key's table is one that sums up its log: delta-rs does so after the
    versions 9, 19, …, which make ten commits with version 0."""
    table = _table(lake, key)
    while table and (table.version() + 2) % CHECKPOINT_COMMITS:
        options = {"mode": "append", "schema": table.schema(), "partition_by": ["_batch", "_slot"]}
        table.create_write_transaction([], **options, post_commithook_properties=_NO_CHECKPOINT)
        table.update_incremental()


class _Normal:
    """Replaces what differs from run to run."""

    def __init__(self, base: Base, words: Mapping[str, str]) -> None:
        self._counted = {
            "generation": base.generation,
            "revision": base.revision,
            "notified_revision": base.revision,
            "version_sum": base.version,
        }
        self._version, self._words = base.version, words
        self._marks: dict[str, str] = {}

    def of(self, value: Any, name: str = "") -> Any:
        if isinstance(value, Mapping):
            minus = self._version if name in ("versions",) else 0
            return {
                self._text(str(key)): one - minus if minus and isinstance(one, int) else self.of(one, str(key))
                for key, one in value.items()
                if key not in _MEASURED
            }
        if isinstance(value, list | tuple):
            return [self.of(one) for one in value]
        if isinstance(value, str):
            return self._text(value)
        return value - self._counted.get(name, 0) if isinstance(value, int) else value

    def _text(self, text: str) -> str:
        text = _TIME.sub("time", text)
        text = _SIZE.sub("bytes", text)
        text = _VERSION.sub(lambda found: f"{found[1]}{int(found[2]) - self._version}", text)
        text = _IDENTITY.sub(lambda found: self._marks.setdefault(found[0], f"<{len(self._marks)}>"), text)
        for word, mark in self._words.items():
            text = text.replace(word, mark)
        return text


def _silver(lake: KillLake, place: Place) -> dict[str, Any]:
    """Rows and number of files of the place's batch, as Delta's own reader sees them."""
    table = open_table(lake.silver, _dataset(place))
    rows = table.to_pyarrow_table(filters=[("_batch", "=", place.batch)]).to_pylist()
    shown = sorted([f"{name}={value}" for name, value in row.items()] for row in rows)
    return {"files": len(active_files(table, place.batch)), "rows": shown}


def _quarantine(lake: KillLake, place: Place, file_id: str) -> dict[str, str]:
    """Name and content of every object kept of a file."""
    prefix = names.quarantine_prefix(place.pipeline, place.dataset, file_id)
    listed = lake.s3.list_objects_v2(Bucket=lake.lake.bucket, Prefix=prefix).get("Contents", [])
    return {one["Key"].removeprefix(prefix): _body(lake, one["Key"]) for one in listed}


def _told(lake: KillLake) -> list[list[str]]:
    """What people were told, each message once: a repeat has the same id."""
    letters = {}
    for _, envelope in lake.told.take():
        message = json.loads(envelope["Message"])
        if "kind" in message:  # the others are alarms: a function died
            letters[message["id"]] = [message["kind"], envelope["Subject"], message["text"]]
    return sorted(letters.values())


def _bronze(lake: KillLake, key: str, version: str) -> str:
    return _body(lake, key, VersionId=version)


def _body(lake: KillLake, key: str, **which: str) -> str:
    body: bytes = lake.s3.get_object(Bucket=lake.lake.bucket, Key=key, **which)["Body"].read()
    return body.decode()


def _table(lake: KillLake, key: str) -> DeltaTable | None:
    """A key's silver table; None before the first commit."""
    try:
        return open_table(lake.silver, _dataset(_place(key)))
    except SilverError:
        return None


def _place(key: str) -> Place:
    place = place_of(key, pipelines())
    assert isinstance(place, Place), place
    return place


def _dataset(place: Place) -> Dataset:
    return pipelines()[place.pipeline].dataset(place.dataset)


def _dict(value: Any) -> dict[str, Any] | None:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else None
