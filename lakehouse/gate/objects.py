"""What the gate does in the lake bucket: look at bronze, store silver files and quarantine. Bronze is only read."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from lakehouse.errors import SettingsError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

PARTS_FROM_BYTES = 16 * 1024**2
TRANSFER = TransferConfig(multipart_threshold=PARTS_FROM_BYTES, multipart_chunksize=PARTS_FROM_BYTES, max_concurrency=4)
CONFLICT_TRIES = 5
ERASED_MARK, ERASED_ACCEPTED = "lakegate-erased", "accepted"
"""An entry of an object's metadata."""


@dataclass(frozen=True)
class ObjectVersion:
    """One version of a bronze object."""

    key: str
    version_id: str
    etag: str
    bytes: int
    modified_at: str
    """When it was stored, ISO-8601 UTC."""
    erased: bool = False
    """Records were taken out of it after it had been accepted: see lakehouse.gate.erased."""


def current_version(s3: "S3Client", bucket: str, key: str) -> ObjectVersion | None:
    """The newest version of an object; None where there never was one.

    A delete marker on top changes nothing: what arrived in bronze stays, so the newest version below it counts.

    Raises:
        SettingsError: the bucket is not versioned.
    """
    try:
        head = s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchKey"):
            raise
        return _newest_below_marker(s3, bucket, key)
    if "VersionId" not in head:
        raise SettingsError(
            f"Bucket {bucket!r} is not versioned: the template turns versioning on, and the gate needs it"
        )
    modified_at = head["LastModified"].astimezone(UTC).isoformat(timespec="seconds")
    return ObjectVersion(
        key, head["VersionId"], head["ETag"], head["ContentLength"], modified_at, is_erased(head["Metadata"])
    )


def is_erased(metadata: Mapping[str, str]) -> bool:
    """Whether an object's metadata say that an erasure took records out of it after it had been accepted."""
    return metadata.get(ERASED_MARK) == ERASED_ACCEPTED


def _newest_below_marker(s3: "S3Client", bucket: str, key: str) -> ObjectVersion | None:
    # Versions are listed by key, then newest first; no key with this prefix sorts before the key itself.
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
        for found in page.get("Versions", []):
            if found["Key"] != key:
                return None
            modified_at = found["LastModified"].astimezone(UTC).isoformat(timespec="seconds")
            metadata = s3.head_object(Bucket=bucket, Key=key, VersionId=found["VersionId"])["Metadata"]
            return ObjectVersion(
                key, found["VersionId"], found["ETag"], found["Size"], modified_at, is_erased(metadata)
            )
    return None


@contextmanager
def open_version(s3: "S3Client", bucket: str, version: ObjectVersion) -> Iterator[BinaryIO]:
    """One version's bytes, read forward only, as they come.

    Raises, when read:
        botocore's BotoCoreError: the connection broke, or brought other bytes than S3 announced.
    """
    body = s3.get_object(Bucket=bucket, Key=version.key, VersionId=version.version_id)["Body"]
    with closing(body):
        yield cast(BinaryIO, body)


def store_once(s3: "S3Client", bucket: str, key: str, path: Path) -> int:
    """Store a file whose key names its content, unless it is there; the size of what is there, bytes.

    What is there is never written again: a Delta log or a reader may hold its size, and another release of the Parquet
    writer may write the same rows in other bytes.
    """
    if path.stat().st_size >= PARTS_FROM_BYTES:
        there = _size(s3, bucket, key)
        if there is not None:
            return there
        s3.upload_file(str(path), bucket, key, Config=TRANSFER)
        return path.stat().st_size
    for attempt in range(1, CONFLICT_TRIES + 1):
        try:
            with path.open("rb") as file:
                s3.put_object(Bucket=bucket, Key=key, Body=file, IfNoneMatch="*")
        except ClientError as error:
            code = error.response["Error"]["Code"]
            # 412 also answers the repeat of our own put whose answer was lost.
            if code in ("PreconditionFailed", "412"):
                there = _size(s3, bucket, key)
                if there is not None:
                    return there
            elif code != "ConditionalRequestConflict" or attempt == CONFLICT_TRIES:
                raise
        else:
            return path.stat().st_size
    raise SettingsError(
        f"s3://{bucket}/{key} came and went {CONFLICT_TRIES} times: does something delete silver files?"
    )


def quarantine_rows(s3: "S3Client", bucket: str, prefix: str, rows: Path) -> None:
    """Keep refused rows: NDJSON with reason, line number and original bytes."""
    s3.upload_file(str(rows), bucket, f"{prefix}rows.ndjson", Config=TRANSFER)


def quarantine_original(s3: "S3Client", bucket: str, prefix: str, version: ObjectVersion) -> None:
    """Keep a refused file's bytes: a copy inside S3 of exactly the version that was judged."""
    source: Mapping[str, str] = {"Bucket": bucket, "Key": version.key, "VersionId": version.version_id}
    # The producer's tags stay behind: copying them would need rights on tags, and they may steer life cycles.
    s3.copy(dict(source), bucket, f"{prefix}original", ExtraArgs={"TaggingDirective": "REPLACE"}, Config=TRANSFER)  # type: ignore[arg-type]


def quarantine_verdict(s3: "S3Client", bucket: str, prefix: str, verdict: Mapping[str, object]) -> None:
    """Say why. Written last: where it is, the rest is."""
    body = json.dumps(verdict, ensure_ascii=False, indent=2).encode()
    s3.put_object(Bucket=bucket, Key=f"{prefix}verdict.json", Body=body, ContentType="application/json")


def _size(s3: "S3Client", bucket: str, key: str) -> int | None:
    try:
        return s3.head_object(Bucket=bucket, Key=key)["ContentLength"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchKey"):
            raise
        return None
