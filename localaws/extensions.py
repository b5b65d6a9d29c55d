"""Installs every hook into ministack, once, before it serves; ends what they started, before it stops."""

from pathlib import Path

from localaws import (
    also_asked,
    athena,
    catalog,
    cloudformation,
    cloudformation_secrets,
    cloudformation_tables,
    cloudformation_topics,
    crawlers,
    emulator,
    event_sources,
    event_targets,
    glue_jobs,
    lambda_async,
    lambdas,
    permission_record,
    redshift,
    request_arns,
    role_use,
    roles,
    s3_encryption,
    s3_events,
    saving,
    speed,
    stepfunctions,
    transport,
    users,
)
from localaws.clock import Clock
from localaws.clock import service as clock
from localaws.mail import delivery as mail
from localaws.metrics import watch


def install(endpoint_url: str, state_dir: Path) -> None:
    """Install all hooks. `state_dir` is where they may keep files."""
    users.close_root_holes()
    transport.install()
    speed.install()
    saving.install()
    s3_events.install()
    s3_encryption.install()
    roles.install()
    lambdas.install()
    lambda_async.install()
    event_targets.install()
    event_sources.install()
    mail.install(state_dir / "mail", endpoint_url)
    watch.install()
    clock.install()
    glue_jobs.install(endpoint_url, state_dir / "jobs")
    crawlers.install(endpoint_url)
    stepfunctions.install(endpoint_url)
    request_arns.install()
    catalog.install()
    cloudformation.install()
    cloudformation_secrets.install()
    cloudformation_tables.install()
    cloudformation_topics.install()
    athena.install()
    redshift.install(endpoint_url, emulator.REGION, state_dir / "redshift")
    also_asked.install()
    role_use.install()
    permission_record.install()


def after_start(unclean_stop: bool) -> None:
    """Put right what a former server left behind, once all saved state is loaded.

    Raises:
        StateDirError: it could not be loaded.
    """
    saving.check_loaded()
    glue_jobs.close_lost_runs()
    crawlers.close_lost_crawls()
    if unclean_stop:
        cloudformation.adopt_left_over_buckets()


def start_clock() -> Clock:
    """Begin to fire what goes by time, and to watch the metrics."""
    running = clock.start()
    watch.start()
    return running


def shut_down() -> None:
    """End what the hooks started: first jobs, then workers."""
    watch.shut_down()
    lambda_async.shut_down()
    crawlers.end_all()
    glue_jobs.end_all()
    athena.shut_down()
    redshift.shut_down()
    lambdas.end_all()


def saved_cleanly() -> bool:
    """Whether the last save of all state succeeded."""
    return saving.succeeded()
