"""Gold as readers find it through the catalog, as plain rows; and the rows that a pipeline's recomputation gives."""

import importlib.util
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import duckdb

import cli.lake
from cli.gold import fetch_gold
from lakehouse.contract.model import GoldTable, Pipeline
from lakehouse.ledger.store import Ledger
from lakehouse.settings import Settings

Rows = Counter[tuple[Any, ...]]


class HasLake(Protocol):
    """A deployed lake, or one that a test has put together."""

    @property
    def settings(self) -> Settings: ...
    def client(self, service: str) -> Any: ...


class Reader:
    """A lake as `fetch_gold` wants it."""

    def __init__(self, lake: HasLake) -> None:
        self.settings = lake.settings
        self._clients = {service: lake.client(service) for service in ("glue", "s3", "dynamodb")}
        self.ledger = Ledger(self.client("dynamodb"), lake.settings.ledger_table)

    def client(self, service: str) -> Any:
        return self._clients[service]


def shown(reader: Reader, table: GoldTable, folder: Path) -> Rows:
    """The rows of a gold table, at the locations that the catalog names."""
    gold = fetch_gold(cast(cli.lake.Lake, reader), table, folder / table.name)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        return Counter(connection.execute(f"select {columns} from ({gold.select})").fetchall())


def expected(pipeline: Pipeline, files: Mapping[str, Sequence[Path]]) -> dict[str, Rows]:
    """The rows of every gold table by the pipeline's `recompute.py`, which shares no code with the lake.

    Args:
        files: by dataset, in ascending order of (batch, object key).
    """
    script = Path(str(pipeline.folder)) / "recompute.py"
    spec = importlib.util.spec_from_file_location(f"_recompute_{pipeline.name}", script)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    relations: Mapping[str, duckdb.DuckDBPyRelation] = module.recompute(files)
    found = {}
    for table in pipeline.gold:
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        found[table.name] = Counter(relations[table.name].select(columns).fetchall())
    return found
