"""The kinds of alarms, read from deploy/alarms.toml: what is watched, when it rings, what a person is told to do."""

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from deploy.config import ROOT, ConfigError

ALARMS_FILE = ROOT / "deploy" / "alarms.toml"
NEAR_TIMEOUT = "near_timeout"
Of = Literal["function", "workflow", "job", "pipeline", "dead_letters", "queue", "rule"]


@dataclass(frozen=True)
class AlarmKind:
    """One kind; `{}` in its texts stands for the name of the thing that an alarm of it is of."""

    name: str
    of: Of
    namespace: str
    metric: str
    happened: str
    act: str
    statistic: str = "Sum"
    threshold: int | Literal["near_timeout"] = 1
    period: int = 300
    """Seconds."""
    share_of: str | None = None
    """The alarm is over the metric's percentage of this one, of the same namespace …"""
    least: int = 0
    """… where that one is at least this."""

    def called(self, thing: str) -> str:
        """The alarm's name without the prefix."""
        return self.name.replace("{}", thing)

    def about(self, thing: str) -> str:
        """The alarm's description: what happened and what to do."""
        return f"{self.happened} {self.act}".replace("{}", thing)


@cache
def alarm_kinds(path: Path = ALARMS_FILE) -> tuple[AlarmKind, ...]:
    """Every kind, in the file's order.

    Raises:
        ConfigError: a field is missing or unknown.
    """
    return tuple(_kind(path.name, raw) for raw in tomllib.loads(path.read_text())["alarm"])


def _kind(file: str, raw: dict[str, Any]) -> AlarmKind:
    known = {field.name for field in fields(AlarmKind)} - {"namespace"}
    missing, unknown = {"name", "of", "metric", "happened", "act"} - raw.keys(), raw.keys() - known
    if missing or unknown or raw["of"] not in get_args(Of):
        raise ConfigError(
            f"{file}: {raw.get('name')}: missing {sorted(missing)}, unknown {sorted(unknown)}, of '{raw.get('of')}'. "
            f"Expected {sorted(known)}, and of one of {sorted(get_args(Of))}"
        )
    namespace, metric = raw["metric"]
    return AlarmKind(**{**raw, "namespace": namespace, "metric": metric})
