"""The person's records in bronze: found in every version, taken out of those that count.

What counts of an object is its newest version and the one in force, where that is an older one because the newest was
refused. Each is written anew, without the person, as a new version of the same key: from there on the ordinary
machinery makes silver and gold. A newer file may arrive at any moment, so a put is made only on top of the version
that was looked at, and whoever calls looks again until nothing is left to write.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lakehouse import names
from lakehouse.contract.model import Dataset, Pipeline, Place, RefusedPlace
from lakehouse.contract.route import place_of
from lakehouse.erase.person import Person
from lakehouse.erase.rewrite import Rewritten, without
from lakehouse.erase.stored import Version, read, versions
from lakehouse.errors import ErasureError
from lakehouse.gate.decide import unknown_place
from lakehouse.gate.objects import ERASED_ACCEPTED, ERASED_MARK
from lakehouse.ledger.items import SlotState

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

OVERTAKEN = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "404", "412", "409")


@dataclass(frozen=True)
class Held:
    """A version of a bronze object that holds something of the person."""

    version: Version
    records: int
    whole: bool
    """Its records cannot be told apart: nothing of it can stay."""
    content_sha256: str


@dataclass(frozen=True)
class BronzeObject:
    """A bronze object of which at least one version holds something of the person."""

    place: Place
    dataset: Dataset | None
    """None for a file that fits no contract."""
    newest: Version
    held: Mapping[str, Held]
    """By version id."""
    others: Mapping[str, Version]
    """The versions without anything of the person, by version id."""
    traces: frozenset[str]

    def goes_whole(self, slot: SlotState | None) -> bool:
        """Nothing of the object counts: its newest version cannot be told apart, and none is in force."""
        newest = self.held.get(self.newest.version_id)
        return newest is not None and newest.whole and (slot is None or slot.in_force_version_id is None)


def find(s3: "S3Client", bucket: str, pipeline: Pipeline, person: Person) -> list[BronzeObject]:
    """Every object of a pipeline with a version that holds something of a person."""
    found = []
    listed = versions(s3, bucket, f"{names.BRONZE}/{pipeline.name}/")
    for key, some in groupby(listed, lambda version: version.key):
        one = _look(s3, bucket, pipeline, person, key, list(some))
        if one is not None:
            found.append(one)
    return found


def _look(
    s3: "S3Client", bucket: str, pipeline: Pipeline, person: Person, key: str, some: list[Version]
) -> BronzeObject | None:
    place, dataset = placed(pipeline, key)
    held: dict[str, Held] = {}
    traces: set[str] = set()
    for version in some:
        found = without(stored := read(s3, bucket, version), key, dataset, person)
        if found.touched:
            held[version.version_id] = Held(version, found.removed, found.whole, names.content_hash(stored))
            traces |= found.traces
    if not held:
        return None
    others = {version.version_id: version for version in some if version.version_id not in held}
    return BronzeObject(place, dataset, some[0], held, others, frozenset(traces))


def placed(pipeline: Pipeline, key: str) -> tuple[Place, Dataset | None]:
    """Where the ledger keeps a bronze object of a pipeline, and its contract."""
    found = place_of(key, {pipeline.name: pipeline})
    if isinstance(found, RefusedPlace):
        return unknown_place(found), None
    return found, pipeline.dataset(found.dataset)


def to_rewrite(one: BronzeObject, slot: SlotState | None) -> Version | None:
    """The version of an object that is to be written anew next; None when what counts of it is free of the person.

    Call it again after the gate has judged what was written: first the newest version, then the one in force.

    Raises:
        ErasureError: the version in force is free of the person only as a whole, or gone from bronze.
    """
    newest = one.held.get(one.newest.version_id)
    if newest is not None and not newest.whole:
        return newest.version
    in_force = slot.in_force_version_id if slot else None
    if in_force is None or (newest is None and in_force not in one.held):
        return None
    if in_force not in one.held:
        if in_force not in one.others:
            raise ErasureError(
                f"Version {in_force} of {one.place.key} is in force and not in bronze: put a corrected file"
            )
        return one.others[in_force]
    if one.held[in_force].whole:
        raise ErasureError(
            f"The records of {one.place.key}, which is in force, cannot be told apart: put a corrected file"
        )
    return one.held[in_force].version


def rewrite(s3: "S3Client", bucket: str, one: BronzeObject, slot: SlotState | None, person: Person) -> bool:
    """Write the next version anew; False when there is nothing to write, or a newer file arrived first: look again."""
    source = to_rewrite(one, slot)
    if source is None:
        return False
    answer: Any = s3.get_object(Bucket=bucket, Key=source.key, VersionId=source.version_id)
    found: Rewritten = without(answer["Body"].read(), source.key, one.dataset, person)
    metadata = {name: value for name, value in answer["Metadata"].items() if name != ERASED_MARK}
    if slot is not None and slot.in_force_version_id == source.version_id:
        metadata[ERASED_MARK] = ERASED_ACCEPTED
    condition: Any = {"IfMatch": one.newest.etag} if one.newest.current else {"IfNoneMatch": "*"}
    kind: Any = {"ContentType": answer["ContentType"]} if "ContentType" in answer else {}
    arguments: Any = {"Bucket": bucket, "Key": source.key, "Body": found.stored, "Metadata": metadata}
    try:
        s3.put_object(**arguments, **condition, **kind)
    except ClientError as error:
        if error.response["Error"]["Code"] not in OVERTAKEN:
            raise
    return True
