"""Names, parameters and settings that several parts of the template share."""

import re
from collections.abc import Iterable
from typing import Any

from troposphere import Equals, FindInMap, GetAtt, Join, Not, Parameter, Ref, Split, Sub, Template

from deploy.config import Config
from deploy.functions import KINDS
from deploy.layers import LAYERS, layer_parameter

IS_AWS = "IsAws"
HAS_EMAIL = "HasEmail"
HAS_SUBNETS = "HasWarehouseSubnets"
FUNCTION_SETTINGS = (("MemoryMb", "memory_mb"), ("TimeoutSeconds", "timeout_seconds"), ("StorageMb", "storage_mb"))

DATA_KEY, LAKE_BUCKET, LEDGER, TOPIC = "DataKey", "LakeBucket", "Ledger", "Notifications"
GATE_QUEUE, GATE_DLQ, EVENTS_DLQ = "GateQueue", "GateDeadLetters", "EventsDeadLetters"
FUNCTIONS_DLQ = "FunctionsDeadLetters"
SECRET_OF_TOKENS = "TokensSecret"  # noqa: S105 - its logical id
BRONZE_DATABASE, SILVER_DATABASE, GOLD_DATABASE = "BronzeDatabase", "SilverDatabase", "GoldDatabase"
WAREHOUSE_DATABASE = "lake"
"""Database inside the Redshift namespace."""


def named(suffix: str) -> Any:
    """A physical name: `<prefix>-<suffix>`."""
    return Sub(f"${{Prefix}}-{suffix}")


def named_below(suffix: str) -> Any:
    """A physical name that is a path: `<prefix>/<suffix>`."""
    return Sub(f"${{Prefix}}/{suffix}")


def suffix_of(name: Any) -> str:
    """What follows the prefix in a name that `named` made."""
    text: str = name.to_dict()["Fn::Sub"]
    return text.removeprefix("${Prefix}-")


def arn(service: str, resource: str) -> Any:
    """ARN of something in this account and region. `resource` may hold `${Prefix}`."""
    return Sub(f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}")


def setting(name: str) -> Any:
    """The environment's value of a setting."""
    return FindInMap("Environments", Ref("Environment"), name)


def logical_id(*words: str) -> str:
    """`("activity", "gold", "job")` → `ActivityGoldJob`. Two pipelines with the same one cannot be in a template."""
    return "".join(part.capitalize() for word in words for part in re.split(r"[^A-Za-z0-9]+", word))


def underscored_prefix(suffix: str) -> Any:
    """`<prefix>_<suffix>` with the prefix's dashes as underscores: what Glue and Athena take without quoting."""
    return Join("_", [Join("_", Split("-", Ref("Prefix"))), suffix])


def near_timeout_setting(kind: str) -> str:
    """The setting with nine tenths of a function's timeout, milliseconds."""
    return f"{kind.capitalize()}NearTimeoutMs"


def lambda_environment() -> dict[str, Any]:
    """`lakehouse.settings.Settings` as variables."""
    return {f"LAKE_{name.upper()}": value for name, value in settings_values().items()}


def settings_values() -> dict[str, Any]:
    """The fields of `lakehouse.settings.Settings`. It names no state machine: those refer to functions themselves."""
    return {
        "bucket": Ref(LAKE_BUCKET),
        "ledger_table": Ref(LEDGER),
        "topic_arn": Ref(TOPIC),
        "state_machine_arn_prefix": arn("states", "stateMachine:${Prefix}-"),
        "silver_database": Ref(SILVER_DATABASE),
        "gold_database": Ref(GOLD_DATABASE),
        "event_source": Ref("Prefix"),
        "tokens_secret": Ref(SECRET_OF_TOKENS),
    }


def key_arn() -> Any:
    return GetAtt(DATA_KEY, "Arn")


def add_parameters(template: Template, configs: Iterable[Config]) -> None:
    """Parameters, the `Environments` mapping (one row a file in config/) and conditions."""
    rows = {config.name: _row(config) for config in configs}
    for parameter in (
        Parameter(
            "Prefix",
            Type="String",
            Default="lakegate",
            AllowedPattern="[a-z][a-z0-9-]{0,18}[a-z0-9]",
            ConstraintDescription="2 to 20 of a-z, 0-9 and -",
            Description="Begins the name of every resource",
        ),
        Parameter(
            "Environment",
            Type="String",
            Default="aws",
            AllowedValues=sorted(rows),
            Description="Row of the mapping Environments: sizes and times from config/",
        ),
        Parameter("NotificationEmail", Type="String", Default="", Description="Told of failures; empty: nobody"),
        Parameter("ArtifactsBucket", Type="String", Description="Holds the objects below"),
        Parameter("FunctionsKey", Type="String", Description="Object key of the functions' zip"),
        Parameter("GlueScriptKey", Type="String", Description="Object key of the Glue script"),
        Parameter("GlueModulesKey", Type="String", Description="Object key of the zip of the Glue script's modules"),
        *(
            Parameter(
                layer_parameter(layer),
                Type="String",
                Description="Object key of the layer with " + about.partition(":")[0] + "; empty: no layers",
            )
            for layer, about in LAYERS.items()
        ),
    ):
        template.add_parameter(parameter)
    template.add_mapping("Environments", rows)
    template.add_condition(IS_AWS, Equals(setting("Kind"), "aws"))
    template.add_condition(HAS_EMAIL, Not(Equals(Ref("NotificationEmail"), "")))


def _row(config: Config) -> dict[str, Any]:
    functions = {
        f"{who.capitalize()}{setting_name}": getattr(config.functions[who], field)
        for who in KINDS
        for setting_name, field in FUNCTION_SETTINGS
    }
    glue = config.glue
    near_timeout = {near_timeout_setting(who): config.functions[who].timeout_seconds * 900 for who in KINDS}
    return {
        **functions,
        **near_timeout,
        "Kind": config.kind,
        "LogRetentionDays": config.log_retention_days,
        "OldVersionsDays": config.old_versions_days,
        "AthenaResultsDays": config.athena_results_days,
        "KeepGoldRuns": str(config.keep_gold_runs),  # a variable of a function: text
        "MonthlyBudgetUsd": config.monthly_budget_usd,
        "GeneratorSchedules": config.generator_schedules,
        "GateVisibilitySeconds": config.gate_visibility_seconds,
        "GlueWorkerType": glue.worker_type,
        "GlueWorkers": glue.workers,
        "GlueTimeoutMinutes": glue.timeout_minutes,
        "GlueMaxConcurrentRuns": glue.max_concurrent_runs,
        "GlueConf": "".join(f" --conf {key}={value}" for key, value in sorted(glue.conf.items())),
    }
