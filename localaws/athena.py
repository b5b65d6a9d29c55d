"""Athena of the embedded AWS."""


def install() -> None:
    """Install the hooks."""
