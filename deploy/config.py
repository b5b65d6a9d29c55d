"""Environments: what differs between an account and one machine. Sizes, names, times; never pipelines."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar, get_args, get_type_hints

from deploy.functions import KINDS
from lakehouse.errors import LakeError

ROOT = Path(__file__).resolve().parent.parent
CONFIG_DIR = ROOT / "config"
PIPELINES_DIR = ROOT / "pipelines"

Kind = Literal["local", "aws"]
State = Literal["ENABLED", "DISABLED"]
T = TypeVar("T")


class ConfigError(LakeError):
    """A file in config/ is wrong. Names the file and the field."""


@dataclass(frozen=True)
class FunctionSize:
    """What one Lambda may use."""

    memory_mb: int
    timeout_seconds: int
    storage_mb: int
    """Size of `/tmp`."""


@dataclass(frozen=True)
class GlueSize:
    """What a Glue job may use."""

    worker_type: str
    workers: int
    timeout_minutes: int
    max_concurrent_runs: int
    conf: MappingProxyType[str, str]
    """Spark settings in addition to those that the lake needs everywhere."""


@dataclass(frozen=True)
class Config:
    """One environment: `config/<name>.toml`. `functions` has a size for each of `deploy.functions.KINDS`."""

    name: str
    kind: Kind
    prefix: str
    region: str
    email: str
    log_retention_days: int
    old_versions_days: int
    athena_results_days: int
    keep_gold_runs: int
    """The newest runs of each gold table that stay, shown or not."""
    monthly_budget_usd: int
    """People are told when an account's costs of a month go beyond it."""
    generator_schedules: State
    """Whether generators run by their schedules."""
    layers: bool
    """Whether functions get third-party packages as layers; where not, their machine has them."""
    functions: MappingProxyType[str, FunctionSize]
    glue: GlueSize

    @property
    def gate_visibility_seconds(self) -> int:
        """How long a message is hidden while the gate works: six times its timeout, as Lambda's documentation asks."""
        return 6 * self.functions["gate"].timeout_seconds


def load_config(name: str, folder: Path = CONFIG_DIR) -> Config:
    """Read `config/<name>.toml`.

    Raises:
        ConfigError: there is no such environment, or a field is missing, unknown or of the wrong type.
    """
    path = folder / f"{name}.toml"
    if not path.is_file():
        known = sorted(file.stem for file in folder.glob("*.toml"))
        raise ConfigError(f"Unknown environment '{name}'. Expected one of {known}: each is a file in {folder.name}/")
    raw: dict[str, Any] = tomllib.loads(path.read_text())
    sizes, glue = _table(path, raw, "functions"), _table(path, raw, "glue")
    functions = {who: _value(path, f"functions.{who}", FunctionSize, _table(path, sizes, who)) for who in KINDS}
    glue["conf"] = MappingProxyType({key: str(value) for key, value in _table(path, glue, "conf").items()})
    raw |= {"name": name, "functions": MappingProxyType(functions), "glue": _value(path, "glue", GlueSize, glue)}
    config = _value(path, "", Config, raw)
    for field, choices in (("kind", get_args(Kind)), ("generator_schedules", get_args(State))):
        if getattr(config, field) not in choices:
            raise ConfigError(f"{path}: '{field}' is {getattr(config, field)!r}; expected one of {list(choices)}")
    return config


def load_configs(folder: Path = CONFIG_DIR) -> tuple[Config, ...]:
    """Every environment, by name."""
    return tuple(load_config(path.stem, folder) for path in sorted(folder.glob("*.toml")))


def _table(path: Path, raw: dict[str, Any], field: str) -> dict[str, Any]:
    value = raw.get(field)
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: '{field}' is {value!r}; expected a table")
    return dict(value)


def _value(path: Path, where: str, kind: type[T], values: dict[str, Any]) -> T:
    """A frozen dataclass of `values`, which must have its fields, no others, with numbers and texts of their types."""
    expected = get_type_hints(kind)
    prefix = f"{where}." if where else ""
    for name in sorted(expected.keys() ^ values.keys()):
        what = "is missing" if name in expected else "is unknown"
        raise ConfigError(f"{path}: '{prefix}{name}' {what}. Expected {sorted(expected)}")
    for name, value in values.items():
        if expected[name] in (int, str, bool) and type(value) is not expected[name]:
            raise ConfigError(f"{path}: '{prefix}{name}' is {value!r}; expected {expected[name].__name__}")
    return kind(**values)
