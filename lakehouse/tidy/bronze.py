"""Versions in bronze that no longer count are marked, and the bucket's life cycle removes what is marked.

The life cycle alone cannot know which version is in force: an accepted version may lie under a newer one that was
refused, for as long as nobody corrects it. So it looks for a tag, and the tag is put here: on every version but the
newest, the one judged last and the one in force. Whatever fails or is never looked at stays too long, and never goes
too early. The gate judges the newest version alone, so a marked version does not come into force again; where people
remove versions by hand and one does, it loses its mark.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, islice, takewhile
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lakehouse.ledger.items import SlotState
from lakehouse.ledger.store import Ledger
from lakehouse.log import log
from lakehouse.tidy.decide import versions_that_count

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

FORMER = "lakegate-former"
"""Tag of a version that no longer counts. The template's life cycle rule names it."""
MARK = {"Key": FORMER, "Value": "yes"}
LOOK_BACK = timedelta(days=14)
"""Only slots judged since then are looked at: what is older was looked at before. As long as messages may wait."""
_SLOTS_AT_ONCE = 1000
_MOST_TAGS = 10
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html"""
_GONE = ("NoSuchVersion", "NoSuchKey", "404", "MethodNotAllowed")


@dataclass(frozen=True)
class VersionMarker:
    """Marks the former versions of a pipeline's bronze objects. All AWS calls go through what is given here."""

    s3: "S3Client"
    ledger: Ledger
    bucket: str
    at: datetime
    """The present."""

    def mark(self, pipeline: str) -> int:
        """Look at every slot of a pipeline (or `_unknown`) that was judged lately; how many tags were changed."""
        changed, slots = 0, self.ledger.slots(pipeline, (self.at - LOOK_BACK).isoformat(timespec="microseconds"))
        while some := list(islice(slots, _SLOTS_AT_ONCE)):
            changed += sum(self._mark_slot(slot, versions) for slot, versions in self._versions(some))
        log("bronze_tidied", pipeline=pipeline, tags_changed=changed)
        return changed

    def _versions(self, slots: Iterable[SlotState]) -> Iterator[tuple[SlotState, list[str]]]:
        """Each slot that has several versions with these, the newest first. One listing a dataset of a batch."""
        place = _place_of
        for _, group in groupby(sorted(slots, key=place), key=place):
            by_key = {slot.key: slot for slot in group}
            pages = self.s3.get_paginator("list_object_versions").paginate(
                Bucket=self.bucket, Prefix=_common_start(by_key)
            )
            listed: Iterator[Any] = (one for page in pages for one in page.get("Versions", []))
            for key, found in groupby(listed, lambda one: str(one["Key"])):
                versions = [str(one["VersionId"]) for one in found]
                if key in by_key and len(versions) > 1:
                    yield by_key[key], versions

    def _mark_slot(self, slot: SlotState, versions: list[str]) -> int:
        counting = versions_that_count(versions, slot)
        if counting is None:
            return 0
        return sum(self._set_mark(slot.key, version, version not in counting) for version in versions[1:])

    def _set_mark(self, key: str, version: str, former: bool) -> bool:
        """Make a version carry the mark or not, beside the producer's tags; has that changed anything?"""
        where: Mapping[str, Any] = {"Bucket": self.bucket, "Key": key, "VersionId": version}
        try:
            tags = self.s3.get_object_tagging(**where)["TagSet"]
            others = [tag for tag in tags if tag["Key"] != FORMER]
            wanted = [*others[: _MOST_TAGS - 1], MARK] if former else others
            if (len(others) < len(tags)) == former:
                return False
            self.s3.put_object_tagging(**where, Tagging={"TagSet": wanted})  # type: ignore[typeddict-item]
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            return False  # it has expired meanwhile
        return True


def _common_start(keys: Collection[str]) -> str:
    """What all keys begin with: what the first and the last of them in order do."""
    first, last = min(keys), max(keys)
    return "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))


def _place_of(slot: SlotState) -> tuple[str, str]:
    return slot.batch, slot.dataset
