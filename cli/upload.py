"""Puts a file into bronze, as any S3 client would."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

from boto3.s3.transfer import TransferConfig

from cli.lake import Lake
from cli.screen import Screen
from cli.text import bytes_text
from lakehouse.contract.model import Place
from lakehouse.ledger.items import now

PARTS = TransferConfig(multipart_threshold=64 * 1024**2, multipart_chunksize=32 * 1024**2, max_concurrency=4)


@dataclass(frozen=True)
class Upload:
    """A file and the slot that it goes to; with its version once it is there."""

    path: Path
    place: Place
    version_id: str = ""
    sent_at_ms: int = 0
    """When the upload began, milliseconds since 1970."""
    put_at: str = ""
    """When the upload had ended, UTC as the ledger writes it."""
    before_revision: int = 0
    """The slot's revision before."""
    before_file_id: str | None = None
    """The file in force in the slot before."""


def upload(lake: Lake, one: Upload, screen: Screen) -> Upload:
    """Upload a file, in parts when it is large; the same with the version that it became."""
    s3 = lake.client("s3")
    before = lake.ledger.slot(one.place)
    sent_at_ms = int(time.time() * 1000)
    size = one.path.stat().st_size
    did = f"Uploaded {one.place.key}"
    with screen.bar(f"Uploading {one.path.name}", size, lambda done: f"{did}: {bytes_text(done)}") as advance:
        s3.upload_file(str(one.path), lake.settings.bucket, one.place.key, Callback=advance, Config=PARTS)
        head = s3.head_object(Bucket=lake.settings.bucket, Key=one.place.key)
    return replace(
        one,
        version_id=head["VersionId"],
        sent_at_ms=sent_at_ms,
        put_at=now(),
        before_revision=before.revision if before else 0,
        before_file_id=before.in_force_file_id if before else None,
    )
