"""Writes the tables of docs/pipelines/<name>.md from the contracts: `make docs`. With --check it only compares.

A page's own text stays; what stands between the two markers is made from `pipelines/<name>/pipeline.toml`.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from lakehouse.contract.load import pipelines
from lakehouse.contract.model import Column, Dataset, GoldTable, Pipeline, Seed

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "pipelines"
END = "<!-- end -->"


def tables(pipeline: Pipeline) -> str:
    """Markdown of everything that the contract declares."""
    lines = ["", "## What goes in"]
    for dataset in pipeline.datasets:
        lines += _dataset(dataset)
    if pipeline.seeds:
        lines += ["", "## Tables that come with the project"]
        for seed in pipeline.seeds:
            lines += _seed(seed)
    lines += ["", "## What comes out"]
    for table in pipeline.gold:
        lines += _gold(table)
    queries = [(path.stem, _about(path)) for path in sorted((ROOT / "pipelines" / pipeline.name).glob("queries/*.sql"))]
    if queries:
        lines += ["", "## Named queries", "| query | what it answers |", "|---|---|"]
        lines += [f"| `lake query {pipeline.name}/{name}` | {about} |" for name, about in queries]
    return "\n".join([*lines, ""])


def _dataset(dataset: Dataset) -> Iterator[str]:
    yield from ("", f"### {dataset.name}", f"{dataset.description}.")
    places = ", ".join(f"`bronze/{dataset.pipeline}/{path}`" for path in dataset.paths)
    key = ", ".join(f"`{name}`" for name in dataset.key) or "none: every line counts"
    yield from ("", f"Places: {places}. Formats: {', '.join(dataset.formats)}, each also gzipped. Key: {key}.")
    for check in dataset.checks:
        yield f"Every row must keep `{check}`."
    yield ""
    yield from _columns(dataset.columns)


def _seed(seed: Seed) -> Iterator[str]:
    file = f"pipelines/{seed.pipeline}/seeds/{seed.name}.csv"
    yield from ("", f"### {seed.name}", f"{seed.description}. File: [`{file}`](../../{file}).", "")
    yield from _columns(seed.columns)


def _gold(table: GoldTable) -> Iterator[str]:
    yield from ("", f"### {table.name}", f"{table.description}. Key: {', '.join(f'`{name}`' for name in table.key)}.")
    if table.after:
        yield f"Made once `{table.after}` is published, from the same silver rows."
    if table.partition_by:
        yield f"Partitioned by `{table.partition_by}`."
    if table.csv:
        yield f"Also as CSV below `exports/{table.pipeline}/{table.name}/`."
    if table.totals:
        yield f"Totals that must be silver's: {', '.join(f'`{total.name}`' for total in table.totals)}."
    yield ""
    yield from _columns(table.columns)


def _columns(columns: Sequence[Column]) -> Iterator[str]:
    yield from ("| column | type | rules | meaning |", "|---|---|---|---|")
    for column in columns:
        rules = "; ".join(_rules(column)).replace("|", "\\|")
        yield f"| `{column.name}` | {column.type} | {rules} | {column.comment} |"


def _rules(column: Column) -> Iterator[str]:
    if column.pii:
        yield {"drop": "personal: dropped once judged", "token": "personal: a token stands for it"}[column.pii]
    if not column.required:
        yield "may be missing"
    if column.values:
        yield "one of " + ", ".join(column.values)
    if column.pattern:
        yield f"`{column.pattern}`"
    if column.min is not None or column.max is not None:
        yield f"{'' if column.min is None else column.min} … {'' if column.max is None else column.max}".strip()
    if column.currency_text:
        yield "written as `$1,234.56`"
    if column.format and column.type in ("date", "timestamp"):
        yield f"written as {column.format}"
    if column.references:
        yield f"in `{column.references}`"


def _about(query: Path) -> str:
    return query.read_text().splitlines()[0].removeprefix("--").strip().partition(". ")[0].rstrip(".")


def page(text: str, made: str, made_from: str = "the contract by `make docs`") -> str:
    """A page with the part renewed that is made from something.

    Raises:
        ValueError: it has no place for it.
    """
    wanted = f"<!-- made from {made_from} -->"
    before, begin, rest = text.partition(wanted)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"expected the lines {wanted} and {END}")
    return f"{before}{begin}\n{made}\n{END}{after}"


def main() -> int:
    check, stale = "--check" in sys.argv[1:], []
    for name, pipeline in pipelines(ROOT / "pipelines").items():
        path = PAGES / f"{name}.md"
        if not path.is_file():
            stale.append(f"{path.relative_to(ROOT)} is missing: every pipeline has a page")
            continue
        text = path.read_text()
        wanted = page(text, tables(pipeline))
        if wanted != text:
            stale.append(f"{path.relative_to(ROOT)} is stale: run `make docs` and commit it")
            if not check:
                path.write_text(wanted)
    for line in stale if check else [line for line in stale if "missing" in line]:
        print(line, file=sys.stderr)
    print(f"docs: {len(list(PAGES.glob('*.md')))} pages of pipelines, {len(stale)} {'stale' if check else 'renewed'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
