"""Installs every hook into ministack, once, before it serves."""

from pathlib import Path

from localaws import athena, users


def install(endpoint_url: str, state_dir: Path) -> None:
    """Install all hooks. `state_dir` is where they may keep files."""
    users.close_root_holes()
    athena.install()


def shut_down() -> None:
    """End what the hooks started: jobs, workers."""


def saved_cleanly() -> bool:
    """Whether the last save of all state succeeded."""
    return True
