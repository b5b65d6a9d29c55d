"""S3 as a query sees it: objects under a location, their bytes as local files, results put back.

Bodies are taken from ministack's storage in this process, not over HTTP: a hard link to the file that holds the current
version costs nothing, and stays whole when the object is overwritten meanwhile, because ministack replaces files and
never changes them.
"""

import contextlib
import mmap
import os
import shutil
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from localaws.athena.access import Caller
from localaws.athena.errors import QueryError, output_denied


@dataclass(frozen=True)
class S3Path:
    """A bucket and a key or key prefix."""

    bucket: str
    key: str

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:::{self.bucket}/{self.key}"

    def folder(self) -> "S3Path":
        """As a prefix that ends in a slash, so that siblings do not match."""
        return self if not self.key or self.key.endswith("/") else S3Path(self.bucket, self.key + "/")

    def child(self, name: str) -> "S3Path":
        return S3Path(self.bucket, self.key + name)


@dataclass(frozen=True)
class S3Object:
    """One current object version."""

    path: S3Path
    size_bytes: int


def parse_url(url: str) -> S3Path:
    """`s3://bucket/key` (also `s3a`, `s3n`). Raises QueryError for anything else."""
    scheme, separator, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme not in ("s3", "s3a", "s3n") or not separator or not bucket:
        raise QueryError(f"INVALID_PROPERTY: '{url}' is not an S3 location. Expected s3://bucket/prefix/")
    return S3Path(bucket, key)


def list_objects(location: S3Path, caller: Caller, *, hidden: bool = False) -> list[S3Object]:
    """Current objects under a folder, by key. Hive hides names that begin with `_` or `.`, folders included.

    Raises:
        QueryError: the bucket does not exist or the caller may not list it.
    """
    from ministack.services import s3

    folder = location.folder()
    bucket = s3._buckets.get(folder.bucket)
    caller.require("s3:ListBucket", f"arn:aws:s3:::{folder.bucket}", s3__prefix=folder.key)
    if bucket is None:
        raise QueryError(f"HIVE_FILESYSTEM_ERROR: The specified bucket does not exist: {folder.url}")
    found = []
    for key, record in sorted(bucket["objects"].items()):
        if not key.startswith(folder.key) or key.endswith("/"):
            continue
        if not hidden and _is_hidden(key[len(folder.key) :]):
            continue
        found.append(S3Object(S3Path(folder.bucket, key), int(record["size"])))
    return found


def fetch(item: S3Object, target: Path, caller: Caller) -> None:
    """Make an object's current body a local file.

    Raises:
        QueryError: the caller may not read it, or it has gone.
    """
    from ministack.services import s3

    caller.require("s3:GetObject", item.path.arn)
    target.parent.mkdir(parents=True, exist_ok=True)
    bucket = s3._buckets.get(item.path.bucket)
    record = bucket["objects"].get(item.path.key) if bucket else None
    if record is None:
        raise QueryError(f"HIVE_CANNOT_OPEN_SPLIT: Error opening Hive split {item.path.url}: the object is gone")
    body = record.get("body")
    if body is not None:
        target.write_bytes(body)
        return
    source = s3._object_disk_path(item.path.bucket, item.path.key)
    try:
        os.link(source, target)
    except OSError:
        # Another file system, or one without hard links.
        shutil.copyfile(source, target)


@contextlib.contextmanager
def opened(path: S3Path, caller: Caller) -> Iterator[bytes | mmap.mmap]:
    """An object's body, mapped and not loaded. Raises QueryError when it is gone or the caller may not read it."""
    with tempfile.TemporaryDirectory(prefix="athena-") as folder:
        local = Path(folder) / "body"
        fetch(S3Object(path, 0), local, caller)
        if local.stat().st_size == 0:
            yield b""
            return
        with local.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as body:
            yield body


def put(path: S3Path, body: bytes, caller: Caller, *, content_type: str, encryption: dict[str, str]) -> None:
    """Write an object with the caller's permission; S3 events fire as for any put.

    Raises:
        QueryError: the caller may not write there, or S3 refuses.
    """
    from ministack.services import s3

    from localaws.also_asked import also_asked

    if not caller.may("s3:PutObject", path.arn, **_put_conditions(encryption)):
        raise output_denied(path.url, caller.arn, "s3:PutObject")
    for one in also_asked("s3:PutObject", path.arn):
        if not caller.may(one.action, one.resource, **dict(one.keys)):
            raise output_denied(path.url, caller.arn, one.action)
    headers = {"content-type": content_type, "content-length": str(len(body)), **encryption}
    status, _, answer = s3._put_object(path.bucket, path.key, body, headers)
    if status >= 300:
        error = ElementTree.fromstring(answer)  # noqa: S314 - ministack's own answer
        raise QueryError(f"Failed to write to {path.url}: {error.findtext('Code')}: {error.findtext('Message')}")


def bucket_exists(bucket: str) -> bool:
    from ministack.services import s3

    return s3._buckets.get(bucket) is not None


def encryption_headers(configuration: dict[str, str] | None) -> dict[str, str]:
    """Request headers of a ResultConfiguration's EncryptionConfiguration; without one the bucket's default holds."""
    option = (configuration or {}).get("EncryptionOption")
    if option == "SSE_S3":
        return {"x-amz-server-side-encryption": "AES256"}
    if option == "SSE_KMS":
        key = (configuration or {}).get("KmsKey", "")
        return {
            "x-amz-server-side-encryption": "aws:kms",
            **({"x-amz-server-side-encryption-aws-kms-key-id": key} if key else {}),
        }
    if option:
        raise QueryError(f"NOT_SUPPORTED: result encryption {option} (not supported by the embedded AWS)")
    return {}


def _put_conditions(encryption: dict[str, str]) -> dict[str, str]:
    return {f"s3__{name}": value for name, value in encryption.items()}


def _is_hidden(relative: str) -> bool:
    return any(part.startswith(("_", ".")) for part in relative.split("/"))
