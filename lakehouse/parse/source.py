"""The object's bytes: read once, forward only; hashed, expanded, limited; and the window the splitters look through."""

import hashlib
import zlib
from collections.abc import Iterator
from time import perf_counter
from typing import Protocol

from lakehouse.parse.reasons import FileRefusedError, Reason

READ_BYTES = 1024 * 1024
EXPAND_BYTES = 1 * 1024 * 1024
GZIP_MAGIC = b"\x1f\x8b"
GZIP = 31
"""zlib's window bits for a gzip stream of up to 32 KiB history."""


class Readable(Protocol):
    """What a source reads from: any binary stream."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, empty only at the end."""


class Source:
    """An object's stored bytes. `sha256` and `bytes` hold for what has been read so far; `drain` reads the rest."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._sha = hashlib.sha256()
        self.bytes = 0
        self.seconds = 0.0

    @property
    def sha256(self) -> str:
        """SHA-256 of the stored bytes, in hexadecimal digits."""
        return self._sha.hexdigest()

    def read(self) -> bytes:
        """The next stored bytes, empty at the end."""
        start = perf_counter()
        data = self._stream.read(READ_BYTES)
        self._sha.update(data)
        self.bytes += len(data)
        self.seconds += perf_counter() - start
        return data

    def plain(self) -> Iterator[bytes]:
        """The stored bytes as they are."""
        while data := self.read():
            yield data

    def expanded(self, stored: Iterator[bytes]) -> Iterator[bytes]:
        """The content of the stored bytes, a gzip stream of one or more members, at most EXPAND_BYTES at a time.

        Raises:
            FileRefusedError: truncated, damaged, or followed by something that is no gzip.
        """
        inflate, inside, members = zlib.decompressobj(GZIP), False, 0
        for data in stored:
            while data:
                if not inside:
                    # Zeros may pad the end of a member; anything else must be a further one.
                    data = data.lstrip(b"\0") if members else data
                    if not data:
                        break
                    inflate, inside = zlib.decompressobj(GZIP), True
                while True:
                    try:
                        part = inflate.decompress(data, EXPAND_BYTES)
                    except zlib.error as error:
                        raise FileRefusedError(Reason.CORRUPT_GZIP, found=str(error)) from error
                    yield part
                    data = inflate.unconsumed_tail
                    if inflate.eof or not data:
                        break
                data = inflate.unused_data
                if inflate.eof:
                    inside, members = False, members + 1
        if inside:
            raise FileRefusedError(Reason.TRUNCATED_GZIP)

    def drain(self) -> None:
        """Read the rest, so that hash and size are the whole object's."""
        while self.read():
            pass


class Window:
    """The expanded content, taken in exact sizes whatever the size of the reads: blocks fall in the same places for
    the same content."""

    def __init__(self, chunks: Iterator[bytes], max_bytes: int) -> None:
        self._chunks = chunks
        self._ready: list[bytes] = []
        self._ready_bytes = 0
        self._max_bytes = max_bytes
        self._bytes = 0

    def peek(self, size: int) -> bytes:
        """The next `size` bytes without taking them; fewer only at the end."""
        data = self._taken(size)
        self._put_back(data)
        return data[:size]

    def pull(self, size: int) -> bytes:
        """Take the next `size` bytes; fewer only at the end.

        Raises:
            FileRefusedError: the content is longer than the contract's limit, or no valid gzip.
        """
        data = self._taken(size)
        self._put_back(data[size:])
        return data[:size]

    def _taken(self, size: int) -> bytes:
        """All bytes at hand, at least `size` but at the end."""
        while self._ready_bytes < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._bytes += len(chunk)
            if self._bytes > self._max_bytes:
                raise FileRefusedError(Reason.EXPANDS_BEYOND_LIMIT, expected=f"{self._max_bytes:,}")
            self._ready.append(chunk)
            self._ready_bytes += len(chunk)
        data = b"".join(self._ready)
        self._ready, self._ready_bytes = [], 0
        return data

    def _put_back(self, data: bytes) -> None:
        if data:
            self._ready, self._ready_bytes = [data], len(data)
