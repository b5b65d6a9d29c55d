"""Which third-party packages a function has on AWS, and what Lambda takes. Pure.

A layer is built from its hash-pinned lock, `requirements/layers/<layer>.txt` (see `deploy.wheels`). boto3 and what it
needs are Lambda's own and in no layer. On one machine functions take the same packages from the virtual environment.
"""

from collections.abc import Mapping
from types import MappingProxyType

from deploy.functions import KINDS
from lakehouse.errors import LakeError

LAMBDA_PYTHON = "3.12"
"""On Amazon Linux 2023 with glibc 2.34. The runtime of 3.11 has Amazon Linux 2 with glibc 2.26, for which neither
pyarrow nor numpy nor DuckDB are built any more. https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html"""

LAMBDA_GLIBC = (2, 34)

LAYERS = MappingProxyType(
    {
        "arrow": "numpy and pyarrow: parsing, typed columns, Parquet",
        "delta": "deltalake: transactions of the silver tables",
        "duckdb": "duckdb and sqlglot: gold's SQL",
        "faker": "Faker: names and addresses that nobody has",
    }
)
"""The layers, and what is in them."""

LAYERS_OF: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "gate": ("arrow",),
        "commit": ("delta",),
        "gold": ("delta", "duckdb"),
        "derive": ("delta", "duckdb"),
        "compact": ("delta", "duckdb"),
        "generate": ("arrow", "faker"),
    }
)
"""The layers of each kind of function; a kind that is not named has none."""

LIMIT_UNPACKED_BYTES = 262_144_000
"""Of a function's code and all its layers together (250 MB of 1,048,576 bytes). An archive that comes from S3, as ours
do, is bound by this alone: the 50 MB are for archives within a request.
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

LIMIT_LAYERS = 5


class LayerError(LakeError):
    """A layer cannot be built from its lock, or a function is larger than Lambda takes."""


def layer_parameter(layer: str) -> str:
    """The template's parameter for a layer's object key in the artifacts bucket."""
    return f"{layer.capitalize()}LayerKey"


def check_sizes(code_bytes: int, layer_bytes: Mapping[str, int]) -> dict[str, int]:
    """Unpacked bytes of each kind of function, its code and its layers together.

    Raises:
        LayerError: a function is larger, or has more layers, than Lambda takes.
    """
    found = {}
    for kind in KINDS:
        layers = LAYERS_OF.get(kind, ())
        total = found[kind] = code_bytes + sum(layer_bytes[layer] for layer in layers)
        if len(layers) > LIMIT_LAYERS:
            raise LayerError(f"Function '{kind}' has {len(layers)} layers; Lambda takes {LIMIT_LAYERS}")
        if total > LIMIT_UNPACKED_BYTES:
            raise LayerError(
                f"Function '{kind}' with its layers {list(layers)} is {total:,} bytes unpacked; Lambda takes "
                f"{LIMIT_UNPACKED_BYTES:,}. Give it fewer layers in deploy/layers.py"
            )
    return found
