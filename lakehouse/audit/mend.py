"""What a person does about a finding. Pure: texts."""

from pathlib import PurePosixPath


def bring(key: str) -> str:
    """The gate judges a file anew when it comes again, and writes anew what is not there."""
    return f"bring the file again: lake put {PurePosixPath(key).name}"


def undo(bucket: str, key: str, then: str) -> str:
    """What the lake wrote is never written over, so a foreign version must go first. Takes an administrator."""
    return (
        f"remove the foreign version (aws s3api delete-object --bucket {bucket} --key {key} --version-id …), or {then}"
    )


def replay(pipeline: str, batch: str | None) -> str:
    """One more run makes silver hold what is in force, and gold of it."""
    return f"lake replay {pipeline}/{batch or 'BATCH'}"


def remove(bucket: str, key: str) -> str:
    """Nothing names it. Takes an administrator."""
    return f"aws s3 rm s3://{bucket}/{key}"
