"""A save that fails is not a clean stop.

*ministack*: when a service's state cannot be written (disk full), it logs a line, carries on, and the stop looks clean;
state that cannot be read back is skipped with a log line, and the service starts empty.
*Here*: a failed save is remembered, the server's exit code says so, and the next start treats the stop as unclean.
State that cannot be restored keeps the server from starting, and nothing is written over it.
"""

from pathlib import Path
from typing import Any

from ministack import app
from ministack.core import persistence

from localaws.errors import StateDirError

_unreadable: list[Path] = []
_failed: list[str] = []
_saved: list[str] = []
_save_state = persistence.save_state


def install() -> None:
    """Wrap ministack's saving and loading."""
    persistence.save_state = save_state
    app._load_persisted_state = load_state


def succeeded() -> bool:
    """Whether state was saved, and all of it."""
    return bool(_saved) and not _failed


def check_loaded() -> None:
    """Say whether all saved state was restored.

    Raises:
        StateDirError: a file is there and could not be read.
    """
    if _unreadable:
        raise StateDirError(
            f"The saved state {_unreadable[0]} cannot be read. Delete the state folder to begin with an empty lake; "
            "the objects in S3 go with it."
        )


def save_state(service: str, data: dict[str, Any]) -> None:
    """Save one service's state and remember whether it is on the disk."""
    if _unreadable:
        return
    path = _path(service)
    before = path.stat().st_mtime_ns if path.exists() else None
    _save_state(service, data)
    after = path.stat().st_mtime_ns if path.exists() else None
    (_saved if after is not None and after != before else _failed).append(service)


def load_state() -> None:
    """Restore every service's state; a file that cannot be read is remembered for `check_loaded`.

    (An exception at this place would be taken by the server for an application without a start-up phase.)
    """
    for service, module in app._state_map.items():
        data = persistence.load_state(service)
        if data is None and _path(service).exists():
            _unreadable.append(_path(service))
        elif data:
            app._get_module(module).load_persisted_state(data)


def _path(service: str) -> Path:
    return Path(persistence.STATE_DIR) / f"{service}.json"
