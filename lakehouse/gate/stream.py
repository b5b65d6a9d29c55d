"""One version of an S3 object as a stream that is read ahead, in ranges, with bounded memory."""

import io
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from mypy_boto3_s3.client import S3Client

RANGE_BYTES = 8 * 1024**2
"""One connection to S3 brings about 90 MB/s; ranges in parallel keep the parser busy."""
RANGES_AHEAD = 3
BUFFER_BYTES = 1024**2


@contextmanager
def open_version(s3: "S3Client", bucket: str, key: str, version_id: str, size_bytes: int) -> Iterator[BinaryIO]:
    """Read a version from its first byte to its last. Holds at most `RANGES_AHEAD + 1` ranges in memory.

    Raises, when read:
        botocore's ClientError and connection errors, after the client's retries of the range concerned.
    """
    with ThreadPoolExecutor(RANGES_AHEAD, thread_name_prefix="range") as pool:
        source = _Ranges(s3, bucket, key, version_id, size_bytes, pool)
        try:
            yield io.BufferedReader(source, BUFFER_BYTES)
        finally:
            source.cancel()


class _Ranges(io.RawIOBase):
    def __init__(
        self, s3: "S3Client", bucket: str, key: str, version_id: str, size_bytes: int, pool: ThreadPoolExecutor
    ) -> None:
        self._fetch_range = lambda start: _fetch(
            s3, bucket, key, version_id, start, min(start + RANGE_BYTES, size_bytes)
        )
        self._pool = pool
        self._starts = iter(range(0, size_bytes, RANGE_BYTES))
        self._coming: deque[Future[bytes]] = deque()
        self._here = memoryview(b"")
        for _ in range(RANGES_AHEAD):
            self._ask_for_next()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        if not self._here and self._coming:
            self._here = memoryview(self._coming.popleft().result())
            self._ask_for_next()
        target = memoryview(buffer).cast("B")
        count = min(len(target), len(self._here))
        target[:count] = self._here[:count]
        self._here = self._here[count:]
        return count

    def cancel(self) -> None:
        """Give up the ranges that nobody will read."""
        for future in self._coming:
            future.cancel()
        self._coming.clear()

    def _ask_for_next(self) -> None:
        start = next(self._starts, None)
        if start is not None:
            self._coming.append(self._pool.submit(self._fetch_range, start))


def _fetch(s3: "S3Client", bucket: str, key: str, version_id: str, start: int, end: int) -> bytes:
    """Bytes `start` to before `end` of a version. A body that ends early raises in botocore."""
    answer = s3.get_object(Bucket=bucket, Key=key, VersionId=version_id, Range=f"bytes={start}-{end - 1}")
    return answer["Body"].read()
