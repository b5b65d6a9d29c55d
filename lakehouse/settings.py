"""What a Lambda or a Glue job must know about its surroundings, read once at the edge and passed on as a value."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from lakehouse.errors import SettingsError


@dataclass(frozen=True)
class Settings:
    """Names of the deployed resources. Each field is the environment variable `LAKE_<FIELD>`."""

    bucket: str
    """The lake bucket."""
    ledger_table: str
    """The DynamoDB table that is the ledger."""
    topic_arn: str
    """The SNS topic of notifications."""
    state_machine_arn_prefix: str
    """ARN of a pipeline's state machine without the pipeline's name: `arn:…:stateMachine:lakegate-`."""
    silver_database: str
    """Glue database of the silver tables (`<pipeline>_<dataset>`)."""
    gold_database: str
    """Glue database of the gold tables."""
    event_source: str
    """`source` of the lake's own events on the default EventBridge bus: the stack's prefix."""
    tokens_secret: str
    """The Secrets Manager secret that tokens of personal values are made with."""

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Read the `LAKE_*` variables.

        Raises:
            SettingsError: one of them is missing or empty; names all that are.
        """
        values = os.environ if env is None else env
        names = {field.name: f"LAKE_{field.name.upper()}" for field in fields(cls)}
        missing = sorted(variable for variable in names.values() if not values.get(variable))
        if missing:
            raise SettingsError(f"Environment lacks {', '.join(missing)}: the template sets them for every function")
        return cls(**{name: values[variable] for name, variable in names.items()})

    def as_env(self) -> dict[str, str]:
        """The `LAKE_*` variables that say the same."""
        return {f"LAKE_{field.name.upper()}": getattr(self, field.name) for field in fields(self)}
