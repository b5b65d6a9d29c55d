"""The state folder: one owner at a time, writable, with room on its disk, and honest about an unclean stop.

```
DIR/s3/         objects, written as they are put
DIR/services/   everything else, written when the embedded AWS stops cleanly, read when it starts
DIR/log/        server.log
DIR/running     exists from start to clean stop: found at start, the last stop was unclean (kill -9, power cut)
DIR/lock        held while in use
```
"""

import errno
import fcntl
import os
import shutil
from pathlib import Path
from typing import IO

from localaws.errors import StateDirError

MINIMUM_FREE_BYTES = 512 * 1024**2
"""Below this the embedded AWS does not start."""


class StateDir:
    """A state folder held by this process."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.unclean_stop = False
        """The last owner did not stop cleanly: what it changed outside S3 since its start is lost."""
        self._lock: IO[str] | None = None

    def acquire(self) -> None:
        """Make the folder, check it and hold it.

        Raises:
            StateDirError: not writable, held by another process, or too little room on the disk.
        """
        try:
            for name in ("s3", "services", "log"):
                (self.path / name).mkdir(parents=True, exist_ok=True)
            probe = self.path / ".probe"
            probe.write_bytes(b"x" * 4096)
            probe.unlink()
            lock = (self.path / "lock").open("w")
        except OSError as error:
            raise StateDirError(_cannot_write(self.path, error)) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise StateDirError(
                f"The state folder {self.path} is in use by another embedded AWS. Stop that one first (`lake down`), "
                "or give this one a folder of its own."
            ) from error
        self._lock = lock
        self._check_room()
        running = self.path / "running"
        self.unclean_stop = running.exists()
        running.write_text(f"{os.getpid()}\n")

    def release(self, clean: bool) -> None:
        """Let go of the folder; `clean` says that all state was saved."""
        if self._lock is None:
            return
        if clean:
            (self.path / "running").unlink(missing_ok=True)
        self._lock.close()
        self._lock = None

    def _check_room(self) -> None:
        free = free_bytes(self.path)
        if free < MINIMUM_FREE_BYTES:
            self.release(clean=False)
            raise StateDirError(
                f"The disk that holds {self.path} has {free // 1024**2} MB left, and the embedded AWS needs at least "
                f"{MINIMUM_FREE_BYTES // 1024**2} MB. Free some space, or use a state folder on another disk."
            )


def free_bytes(path: Path) -> int:
    """Bytes that this user may still write on the disk that holds `path`."""
    return shutil.disk_usage(path).free


def _cannot_write(path: Path, error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return f"The disk that holds {path} is full. Free some space, or use a state folder on another disk."
    return (
        f"The state folder {path} cannot be written ({error.strerror}). Give your user write permission there, "
        "or use another folder."
    )
