"""SHOW, DESCRIBE and the statements that change the catalog."""

from localaws.athena.errors import not_supported
from localaws.athena.results import ResultColumn
from localaws.athena.session import Session
from localaws.athena.statements import Statement


def run(statement: Statement, database: str, session: Session) -> tuple[list[str], ResultColumn | None]:
    raise not_supported(f"statement {statement.subtype}")
