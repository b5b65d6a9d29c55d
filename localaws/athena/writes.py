"""CTAS, INSERT and UNLOAD."""

from pathlib import Path

from localaws.athena.errors import not_supported
from localaws.athena.session import Session
from localaws.athena.statements import Statement
from localaws.athena.storage import S3Path


def run(
    statement: Statement, database: str, output: S3Path, query_id: str, session: Session, work: Path
) -> list[S3Path]:
    raise not_supported(f"statement {statement.subtype}")
