"""Every version of every object: listed, read, removed for good."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

PARALLEL = 8


@dataclass(frozen=True)
class Version:
    """One version of an object."""

    key: str
    version_id: str
    etag: str
    bytes: int
    modified_at: datetime
    current: bool
    """It is what a reader gets: the newest, without a delete marker on top."""


def versions(s3: "S3Client", bucket: str, prefix: str = "") -> Iterator[Version]:
    """All versions below a prefix, by key, the newest of a key first. Delete markers hold nothing and are left out."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for one in page.get("Versions", []):
            yield Version(
                one["Key"], one["VersionId"], one["ETag"], one["Size"], one["LastModified"], bool(one["IsLatest"])
            )


def read(s3: "S3Client", bucket: str, version: Version) -> bytes:
    """A version's bytes."""
    return s3.get_object(Bucket=bucket, Key=version.key, VersionId=version.version_id)["Body"].read()


def remove(s3: "S3Client", bucket: str, unwanted: Iterable[Version]) -> int:
    """Delete versions themselves, which nobody brings back; how many. Those that are gone already count too.

    One request each: DeleteObjects would want the right to put delete markers as well.
    """
    left = list(dict.fromkeys((version.key, version.version_id) for version in unwanted))
    with ThreadPoolExecutor(PARALLEL) as pool:
        for _ in pool.map(lambda one: s3.delete_object(Bucket=bucket, Key=one[0], VersionId=one[1]), left):
            pass
    return len(left)
