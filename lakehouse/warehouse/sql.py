"""The SQL of a load, in Redshift's dialect. Pure: the same load gives the same text.

Values that come from file names go as parameters (`:run_id`); what is written into the text is names of the contract,
numbers and addresses that the lake made itself.

One transaction, statement by statement:

1. `LOCK lake_loads`: loads of this database come one after the other. It is the first statement, because the first one
   that reads fixes what the transaction sees.
2. For each table: a staging table; COPY; the rows that differ; the record in `lake_loads`; DELETE of what is no longer
   there; MERGE of what differs. Nothing of a fact changes where newer silver versions were loaded before.
3. The records of the run: what it changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lakehouse.errors import ContractError

MAX_STATEMENTS = 40
"""Of one BatchExecuteStatement. https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_BatchExecuteStatement.html"""
LOADS_DDL = """
create table if not exists lake_loads (
    pipeline varchar(256) not null,
    table_name varchar(256) not null,
    batch varchar(4096) not null,
    run_id varchar(256) not null,
    versions_sum bigint not null,
    rows_inserted bigint not null,
    rows_updated bigint not null,
    rows_deleted bigint not null,
    rows_total bigint not null,
    loaded_at timestamp not null
)
diststyle all
sortkey (pipeline, table_name)
""".strip()
LOCK = "lock lake_loads"
RECORDS = """
select table_name, rows_inserted, rows_updated, rows_deleted, rows_total
from lake_loads
where pipeline = :pipeline and run_id = :run_id
order by table_name
""".strip()


@dataclass(frozen=True)
class TableSource:
    """One table of the warehouse and what it must hold after the load."""

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    """All of the table's, in its order."""
    location: str
    """`s3://…`: gold's folder of Parquet files with exactly these columns, or a seed's CSV file."""
    csv_header: tuple[str, ...] = ()
    """Columns in the order of the CSV file; empty for Parquet."""
    versions_sum: int | None = None
    """Sum of the silver versions that a fact stands for: it only grows. None for a dimension: its last load counts."""


def load_statements(sources: Sequence[TableSource], role_arn: str) -> list[str]:
    """The transaction that makes the tables equal to their sources.

    `role_arn` is the role that COPY reads S3 with. Parameters: pipeline, batch, run_id. The last statement returns a
    row per table: name, rows inserted, updated, deleted by this run, and the table's rows.

    Raises:
        ContractError: more tables than fit into one transaction.
    """
    statements = [LOCK, *(sql for source in sources for sql in _table_statements(source, role_arn)), RECORDS]
    if len(statements) > MAX_STATEMENTS:
        raise ContractError(
            f"Warehouse tables {[source.table for source in sources]} need {len(statements)} statements in one "
            f"transaction, and Redshift's Data API takes {MAX_STATEMENTS}: load fewer tables"
        )
    return statements


def _table_statements(source: TableSource, role_arn: str) -> list[str]:
    return [
        f"create temp table {_stage(source)} (like {source.table})",
        _copy(source, role_arn),
        _changed_rows(source),
        _record(source),
        _delete(source),
        _merge(source),
    ]


def _copy(source: TableSource, role_arn: str) -> str:
    if source.csv_header:
        into = f"{_stage(source)} ({', '.join(source.csv_header)})"
        how = "format as csv ignoreheader 1 emptyasnull"
    else:
        into, how = _stage(source), "format as parquet"
    return f"copy {into} from '{_text(source.location)}' iam_role '{_text(role_arn)}' {how}"


def _changed_rows(source: TableSource) -> str:
    """New and different rows. EXCEPT takes two NULLs for equal, as a comparison by `=` would not."""
    columns, guard = ", ".join(source.columns), _newest(source)
    return (
        f"create temp table {_changed(source)} as select {columns} from {_stage(source)}"
        f"{f' where {guard}' if guard else ''} except select {columns} from {source.table}"
    )


def _record(source: TableSource) -> str:
    """Counted before anything changes. A run that is repeated keeps its first record."""
    updated = f"(select count(*) from {_changed(source)} join {source.table} on {_same_key(source, _changed(source))})"
    kept = f"(select count(*) from {source.table} join {_stage(source)} on {_same_key(source, _stage(source))})"
    known = (
        f"select 1 from lake_loads where pipeline = :pipeline and table_name = '{source.table}' and run_id = :run_id"
    )
    guard = _newest(source)
    return (
        "insert into lake_loads (pipeline, table_name, batch, run_id, versions_sum, rows_inserted, rows_updated, "
        "rows_deleted, rows_total, loaded_at) select cast(:pipeline as varchar(256)), "
        f"'{source.table}', cast(:batch as varchar(4096)), cast(:run_id as varchar(256)), {source.versions_sum or 0}, "
        f"(select count(*) from {_changed(source)}) - {updated}, {updated}, "
        f"(select count(*) from {source.table}) - {kept}, (select count(*) from {_stage(source)}), getdate() "
        f"where not exists ({known}){f' and {guard}' if guard else ''}"
    )


def _delete(source: TableSource) -> str:
    guard = _newest(source)
    return (
        f"delete from {source.table} where not exists "
        f"(select 1 from {_stage(source)} where {_same_key(source, _stage(source))}){f' and {guard}' if guard else ''}"
    )


def _merge(source: TableSource) -> str:
    values = [column for column in source.columns if column not in source.key] or list(source.key)
    changed = _changed(source)
    return (
        f"merge into {source.table} using {changed} on {_same_key(source, changed)} "
        f"when matched then update set {', '.join(f'{column} = {changed}.{column}' for column in values)} "
        f"when not matched then insert ({', '.join(source.columns)}) "
        f"values ({', '.join(f'{changed}.{column}' for column in source.columns)})"
    )


def _newest(source: TableSource) -> str:
    """Nothing newer was loaded before; empty for a dimension."""
    if source.versions_sum is None:
        return ""
    newest = f"select coalesce(max(versions_sum), 0) from lake_loads where table_name = '{source.table}'"
    return f"({newest} and pipeline = :pipeline) <= {source.versions_sum}"


def _same_key(source: TableSource, other: str) -> str:
    return " and ".join(f"{source.table}.{column} = {other}.{column}" for column in source.key)


def _stage(source: TableSource) -> str:
    return f"stage_{source.table}"


def _changed(source: TableSource) -> str:
    return f"changed_{source.table}"


def _text(value: str) -> str:
    """The inside of a string literal: a backslash escapes in Redshift."""
    return value.replace("\\", "\\\\").replace("'", "''")
