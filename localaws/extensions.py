"""Installs every hook into ministack, once, before it serves; ends what they started, before it stops."""

from pathlib import Path

from localaws import athena, glue_jobs, stepfunctions, transport, users


def install(endpoint_url: str, state_dir: Path) -> None:
    """Install all hooks. `state_dir` is where they may keep files."""
    users.close_root_holes()
    transport.install()
    glue_jobs.install(endpoint_url, state_dir / "jobs")
    stepfunctions.install(endpoint_url)
    athena.install()


def shut_down() -> None:
    """End what the hooks started: jobs, workers."""
    glue_jobs.end_all()


def saved_cleanly() -> bool:
    """Whether the last save of all state succeeded."""
    return True
