"""Installs every hook into ministack, once, before it serves; ends what they started, before it stops."""

from pathlib import Path

from localaws import (
    athena,
    catalog,
    cloudformation,
    cloudformation_tables,
    glue_jobs,
    lambdas,
    s3_events,
    saving,
    stepfunctions,
    transport,
    users,
)


def install(endpoint_url: str, state_dir: Path) -> None:
    """Install all hooks. `state_dir` is where they may keep files."""
    users.close_root_holes()
    transport.install()
    saving.install()
    s3_events.install()
    lambdas.install()
    glue_jobs.install(endpoint_url, state_dir / "jobs")
    stepfunctions.install(endpoint_url)
    catalog.install()
    cloudformation.install()
    cloudformation_tables.install()
    athena.install()


def after_start(unclean_stop: bool) -> None:
    """Put right what a former server left behind, once all saved state is loaded.

    Raises:
        StateDirError: it could not be loaded.
    """
    saving.check_loaded()
    glue_jobs.close_lost_runs()
    if unclean_stop:
        cloudformation.adopt_left_over_buckets()


def shut_down() -> None:
    """End what the hooks started: first jobs, then workers."""
    glue_jobs.end_all()
    athena.shut_down()
    lambdas.end_all()


def saved_cleanly() -> bool:
    """Whether the last save of all state succeeded."""
    return saving.succeeded()
