"""A copy on disk of what is read from a stream that can be read only once."""

from contextlib import closing
from pathlib import Path
from typing import BinaryIO


class Spool:
    """Reads like the stream and keeps every byte in a file."""

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self._stream = stream
        self._path = path
        self._copy = path.open("wb")

    def read(self, size: int) -> bytes:
        """The stream's next bytes."""
        data = self._stream.read(size)
        self._copy.write(data)
        return data

    def reopen(self) -> "closing[BinaryIO]":
        """The bytes read so far, from the first one on."""
        self._copy.flush()
        return closing(self._path.open("rb"))

    def remove(self) -> None:
        """Delete the copy."""
        self._copy.close()
        self._path.unlink()
