"""The SELECT of a gold table, as its author wrote it."""

from lakehouse.contract.model import GoldTable, Pipeline
from lakehouse.errors import ContractError


def gold_sql(pipeline: Pipeline, table: GoldTable) -> str:
    """Text of `pipelines/<pipeline>/gold/<table>.sql`: one SELECT in Spark SQL over the pipeline's datasets by name.

    Raises:
        ContractError: the file is missing.
    """
    file = pipeline.folder / "gold" / f"{table.name}.sql"
    if not file.is_file():
        raise ContractError(f"pipelines/{pipeline.name}/gold/{table.name}.sql is missing: [gold.{table.name}] needs it")
    return file.read_text(encoding="utf-8")
