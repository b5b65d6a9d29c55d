"""`lake query`"""

import csv
import sys
from typing import Annotated

import typer
from rich.console import Console

from cli.errors import CliError
from cli.lake import open_lake
from cli.query import Answer, about, columns_are_numbers, named_queries, run_query, statement
from cli.screen import Screen
from cli.tables import table
from cli.text import count_text, seconds_text
from lakehouse.contract.load import pipelines


def register(app: typer.Typer) -> None:
    app.command()(query)
    app.command()(queries)


def queries(json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """List the named queries of every pipeline: what `lake query PIPELINE/QUERY` can run.

    Example: lake queries
    """
    screen = Screen(json)
    found = [(name, about(path.read_text())) for name, path in named_queries(pipelines()).items()]
    document = [{"query": name, "about": text} for name, text in found]
    screen.show(document, lambda out: out.print(table(("!query", "what it answers"), found)))


def query(
    what: Annotated[str, typer.Argument(metavar="SQL|PIPELINE/QUERY", help="SQL, or a file in pipelines/…/queries/.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a header.")] = False,
) -> None:
    """Run SQL through Athena and show the rows.

    Examples:

      lake query 'select * from TABLE limit 10'     (gold tables; `lake status` names them)

      lake query 'select count(*) as rows from lakegate_silver.PIPELINE_DATASET'

      lake query PIPELINE/QUERY --csv > result.csv
    """
    if json and as_csv:
        raise CliError("--json and --csv exclude each other")
    screen = Screen(as_json=json or as_csv)
    lake = open_lake()
    answer = run_query(lake, statement(lake, what), screen)
    if as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(answer.columns)
        writer.writerows(answer.rows)
        return
    rows = answer.typed() if json else []
    screen.show(
        {
            "columns": list(answer.columns),
            "types": list(answer.types),
            "rows": rows,
            "seconds": round(answer.seconds, 3),
        },
        lambda out: draw(out, answer),
    )


def draw(out: Console, answer: Answer) -> None:
    """The rows as a table and their number."""
    numbers = columns_are_numbers(answer.types)
    names = [f">{name}" if number else name for name, number in zip(answer.columns, numbers, strict=True)]
    out.print(table(names, answer.rows))
    out.print(f"[dim]{count_text(len(answer.rows), 'row')}, {seconds_text(answer.seconds)}[/dim]")
