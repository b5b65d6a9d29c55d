"""Runs a query through Athena's API, as any client of the lake does."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from cli.errors import CliError
from cli.lake import Lake
from cli.screen import Screen
from lakehouse.contract.model import Pipeline

POLL_SECONDS = 0.1
QUERY_SECONDS = 600


@dataclass(frozen=True)
class Answer:
    """A query's result. Values are texts as Athena sends them; None is NULL."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    seconds: float

    def typed(self) -> list[dict[str, object]]:
        """Rows as mappings: whole and floating numbers and booleans as such; decimals stay exact texts."""
        return [
            {name: _typed(value, kind) for name, value, kind in zip(self.columns, row, self.types, strict=True)}
            for row in self.rows
        ]


def run_query(lake: Lake, sql: str, screen: Screen) -> Answer:
    """Run one statement and fetch all its rows.

    Raises:
        CliError: Athena says that it failed, and why.
    """
    athena = lake.client("athena")
    started = time.monotonic()
    with screen.waiting("Athena"):
        query = athena.start_query_execution(
            QueryString=sql,
            WorkGroup=lake.prefix,
            QueryExecutionContext={"Database": lake.settings.gold_database},
        )["QueryExecutionId"]
        status = _wait(athena, query)
    if status["State"] != "SUCCEEDED":
        raise CliError(
            f"Athena: {status.get('StateChangeReason', status['State'])}",
            f"Tables: {lake.settings.gold_database}.<table>, {lake.settings.silver_database}.<pipeline>_<dataset>",
        )
    columns: list[tuple[str, str]] = []
    rows: list[tuple[str | None, ...]] = []
    for page in athena.get_paginator("get_query_results").paginate(QueryExecutionId=query):
        columns = columns or [
            (one["Name"], one["Type"]) for one in page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        ]
        rows += [tuple(cell.get("VarCharValue") for cell in row["Data"]) for row in page["ResultSet"]["Rows"]]
    names, types = tuple(name for name, _ in columns), tuple(kind for _, kind in columns)
    if rows and rows[0] == names:
        rows = rows[1:]
    return Answer(names, types, tuple(rows), time.monotonic() - started)


def named_queries(pipelines: Mapping[str, Pipeline]) -> dict[str, Path]:
    """Every `pipelines/<pipeline>/queries/<name>.sql` as `<pipeline>/<name>`."""
    return {
        f"{name}/{path.stem}": path
        for name, pipeline in pipelines.items()
        for path in sorted((Path(str(pipeline.folder)) / "queries").glob("*.sql"))
    }


def about(sql: str) -> str:
    """The first sentence of the comment that a query opens with."""
    comment = " ".join(line.removeprefix("--").strip() for line in takewhile(_is_comment, sql.splitlines()))
    return comment.partition(". ")[0].rstrip(".")


def _is_comment(line: str) -> bool:
    return line.startswith("--")


def statement(lake: Lake, text: str) -> str:
    """SQL as it is, or the text of a named query.

    Raises:
        CliError: it looks like a name (no blank in it), and there is no such query.
    """
    if any(char.isspace() for char in text.strip()):
        return text
    known = named_queries(lake.pipelines)
    if text not in known:
        raise CliError(f"Unknown query '{text}'. Expected SQL or one of {', '.join(known) or '(no named query yet)'}")
    return known[text].read_text()


def _wait(athena: object, query: str) -> dict[str, str]:
    deadline = time.monotonic() + QUERY_SECONDS
    while time.monotonic() < deadline:
        execution = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]  # type: ignore[attr-defined]
        status: dict[str, str] = execution["Status"]
        if status["State"] not in ("QUEUED", "RUNNING"):
            return status
        time.sleep(POLL_SECONDS)
    raise CliError(f"The query still runs after {QUERY_SECONDS} s (Athena's id {query})")


def _typed(value: str | None, kind: str) -> object:
    if value is None:
        return None
    match kind:
        case "tinyint" | "smallint" | "integer" | "bigint":
            return int(value)
        case "float" | "real" | "double":
            return float(value)
        case "boolean":
            return value == "true"
    return value


def columns_are_numbers(types: Sequence[str]) -> list[bool]:
    """Which columns hold figures, to be right-aligned."""
    return [
        kind in ("tinyint", "smallint", "integer", "bigint", "float", "real", "double", "decimal") for kind in types
    ]
