"""Where things lie in the lake bucket and how identities are made. Pure: strings in, strings out.

A hash here is the first 32 hexadecimal digits of SHA-256 over the parts, each preceded by its length, so that
("a", "bc") and ("ab", "c") differ. 128 bits: no collision to be expected below 10^15 objects.
"""

import hashlib
import re
from collections.abc import Iterable

BRONZE, SILVER, GOLD, QUARANTINE, EXPORTS = "bronze", "silver", "gold", "quarantine", "exports"
_ESCAPED_IN_FOLDERS = re.compile(r"""[\x00-\x1f"#%'*/:=?\\\x7f{\[\]^]""")
DEFAULT_BATCH = "default"
UNKNOWN = "_unknown"
"""Pipeline and dataset, in the ledger and in quarantine, of a file that fits no contract."""


def digest(*parts: str) -> str:
    """Identity of an ordered list of texts: 32 hexadecimal digits."""
    sha = hashlib.sha256()
    for part in parts:
        data = part.encode()
        sha.update(len(data).to_bytes(8, "big"))
        sha.update(data)
    return sha.hexdigest()[:32]


def content_hash(content: bytes) -> str:
    """Of an object's bytes as stored: SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def slot_id(pipeline: str, dataset: str, batch: str, key: str) -> str:
    """A slot: one place in a batch, named by pipeline, dataset, batch and bronze object key."""
    return digest("slot", pipeline, dataset, batch, key)


def file_id(slot: str, content_sha256: str, contract_hash: str) -> str:
    """What a bronze object's bytes become under a contract: names its silver file and its quarantine folder."""
    return digest("file", slot, content_sha256, contract_hash)


def run_id(pipeline: str, batch: str, manifest_hash: str, generation: int) -> str:
    """Name of a run and of its Step Functions execution (at most 80 of `[A-Za-z0-9-_]`).

    The generation counts the changes of a batch's manifest: going back to an earlier content is a new run, while a
    repeated event, which changes nothing, is the same one. See docs/decisions/0003-runs-start-by-name.md.
    """
    readable = re.sub(r"[^A-Za-z0-9]+", "-", f"{pipeline}-{batch}").strip("-")[:40].rstrip("-")
    return f"{readable}-{digest('run', pipeline, batch, manifest_hash, str(generation))}"


def silver_prefix(pipeline: str, dataset: str) -> str:
    """Key prefix of a silver Delta table, with its trailing slash."""
    return f"{SILVER}/{pipeline}/{dataset}/"


def silver_data_path(file: str) -> str:
    """A silver data file's path inside its Delta table."""
    return f"data/{file}.parquet"


def silver_compacted_path(files: Iterable[str]) -> str:
    """Path inside its Delta table of the file that holds the rows of several silver files, by their identities."""
    return silver_data_path(f"compact-{digest('compact', *sorted(files))}")


def quarantine_prefix(pipeline: str, dataset: str, file: str) -> str:
    """Key prefix of what the gate refused of one file: `verdict.json`, `rows.ndjson`, `original`."""
    return f"{QUARANTINE}/{pipeline}/{dataset}/{file}/"


def gold_run_prefix(pipeline: str, table: str, run: str, attempt: str) -> str:
    """Key prefix of one attempt's gold files. Immutable once written; the catalog points at one of them."""
    return f"{GOLD}/{pipeline}/{table}/run={run}/{attempt}/"


def gold_root_prefix(pipeline: str, table: str) -> str:
    """Key prefix that a partitioned table's catalog entry names. Nothing is ever written there: partitions lie where
    each of them says."""
    return f"{GOLD}/{pipeline}/{table}/root/"


def partition_folder(column: str, value: str) -> str:
    """A partition's folder in a run's folder, with its trailing slash, as Hive and Spark write it.

    https://github.com/apache/spark/blob/v3.5.6/sql/catalyst/src/main/scala/org/apache/spark/sql/catalyst/catalog/ExternalCatalogUtils.scala
    """
    escaped = "".join(f"%{ord(char):02X}" if _ESCAPED_IN_FOLDERS.match(char) else char for char in value)
    return f"{column}={escaped}/"


def export_prefix(pipeline: str, table: str, run: str, attempt: str) -> str:
    """Key prefix of one attempt's CSV file. Immutable once written, as its gold is."""
    return f"{EXPORTS}/{pipeline}/{table}/run={run}/{attempt}/"


def silver_table(pipeline: str, dataset: str) -> str:
    """A silver table's name in the Glue catalog."""
    return f"{pipeline}_{dataset}"
