"""Where an audit reads: the clients, and the objects of the lake bucket as streams."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lakehouse.contract.model import Pipeline
from lakehouse.ledger.store import Ledger
from lakehouse.publish.catalog import Catalog
from lakehouse.silver.table import SilverStore

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

READ_BYTES = 1024**2
GONE = ("404", "NoSuchKey", "NoSuchVersion", "405", "MethodNotAllowed")
"""How S3 answers for an object or a version that is not there, or is a delete marker.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html"""


@dataclass(frozen=True)
class Sources:
    """What an audit needs of its surroundings. Nothing is written but to `folder`, which is empty afterwards."""

    s3: "S3Client"
    ledger: Ledger
    catalog: Catalog
    store: SilverStore
    bucket: str
    pipelines: Mapping[str, Pipeline]
    folder: Path
    """On local disk: the silver files in force of one pipeline at a time, and one further file."""
    memory_mb: int
    """For DuckDB; beyond it, it spills into `folder`."""


@dataclass(frozen=True)
class BronzeObject:
    """A key below bronze/ and its versions, the newest first. Delete markers count for nothing, as in the gate."""

    key: str
    version_ids: tuple[str, ...]
    bytes: int
    """Of the newest version."""


def bronze_objects(sources: Sources, prefix: str) -> Iterator[BronzeObject]:
    """Every object below a prefix, in the order of the keys."""
    pages = sources.s3.get_paginator("list_object_versions").paginate(Bucket=sources.bucket, Prefix=prefix)
    versions: Iterator[Any] = (found for page in pages for found in page.get("Versions", []))
    for key, group in groupby(versions, lambda found: str(found["Key"])):
        found = list(group)
        yield BronzeObject(key, tuple(one["VersionId"] for one in found), found[0]["Size"])


def objects_below(sources: Sources, prefix: str) -> Iterator[tuple[str, int]]:
    """Key and size of every object below a prefix, in the order of the keys."""
    for page in sources.s3.get_paginator("list_objects_v2").paginate(Bucket=sources.bucket, Prefix=prefix):
        for found in page.get("Contents", []):
            yield found["Key"], found["Size"]


def download(sources: Sources, key: str, path: Path, version_id: str | None = None) -> str | None:
    """Copy an object to a file; SHA-256 of its bytes in hexadecimal digits, None where there is no such object."""
    which: dict[str, str] = {"VersionId": version_id} if version_id else {}
    try:
        body = sources.s3.get_object(Bucket=sources.bucket, Key=key, **which)["Body"]  # type: ignore[arg-type]
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise
        return None
    sha256 = hashlib.sha256()
    with closing(body), path.open("wb") as file:
        while piece := body.read(READ_BYTES):
            sha256.update(piece)
            file.write(piece)
    return sha256.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a local file, hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: Path) -> object:
    """A local JSON document; None where it is none."""
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        return None
