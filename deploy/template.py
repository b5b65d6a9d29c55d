"""Assembles the template. One form for all environments: what differs is a row of its mapping `Environments`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from troposphere import GetAtt, Output, Ref, Template

from deploy.config import ROOT, Config, load_configs
from deploy.functions import needed_functions
from deploy.parts import (
    alarms,
    budget,
    catalog,
    crawlers,
    dashboard,
    functions,
    glue_security,
    intake,
    names,
    notifications,
    queues,
    roles,
    storage,
    tokens,
    triggers,
    warehouse,
    workflows,
)
from lakehouse.contract.load import pipelines as load_pipelines
from lakehouse.contract.model import Pipeline
from lakehouse.contract.seeds import read_seed

TEMPLATE_FILE = ROOT / "deploy" / "template.json"


def build_template(config: Config | None = None, pipelines_dir: Path | None = None, root: Path = ROOT) -> str:
    """The template as JSON text, the same for the same inputs.

    `config` replaces the environment of its name (or adds one) among those of config/; `pipelines_dir` takes the place
    of `pipelines/`.

    Raises:
        ContractError: a pipeline, its workflow or a policy document is wrong or missing.
        ConfigError: a file in config/ is wrong.
    """
    configs = {known.name: known for known in load_configs(root / "config")}
    if config is not None:
        configs[config.name] = config
    pipelines = tuple(load_pipelines(pipelines_dir or root / "pipelines").values())
    for pipeline in pipelines:
        for seed in pipeline.seeds:
            read_seed(pipeline, seed)  # what is deployed was judged as strictly as any input
    template = Template("Lakegate: an event-driven medallion lakehouse. Built by `lake template --write`; do not edit.")
    names.add_parameters(template, configs.values())
    _add_parts(template, pipelines, root)
    for name, value in _outputs(pipelines).items():
        template.add_output(Output(name, Value=value))
    return json.dumps(template.to_dict(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _add_parts(template: Template, pipelines: Sequence[Pipeline], root: Path) -> None:
    needed = needed_functions(pipelines)
    storage.add(template, root / "kms", [pipeline.name for pipeline in pipelines])
    glue_security.add(template)
    tokens.add(template)
    queues.add(template)
    roles.add(template, root / "iam", pipelines)
    functions.add(template, needed)
    intake.add(template)
    triggers.add(template, pipelines)
    workflows.add(template, pipelines)
    catalog.add(template, pipelines)
    crawlers.add(template, pipelines)
    warehouse.add(template, pipelines)
    notifications.add(template, pipelines)
    budget.add(template)
    alarms.add(template, needed, pipelines)
    dashboard.add(template, needed, pipelines)
    queues.let_rules_leave(template)


def _outputs(pipelines: Sequence[Pipeline]) -> dict[str, Any]:
    return {
        "LakeBucket": Ref(names.LAKE_BUCKET),
        "LedgerTable": Ref(names.LEDGER),
        "TopicArn": Ref(names.TOPIC),
        "StateMachineArnPrefix": names.settings_values()["state_machine_arn_prefix"],
        "BronzeDatabase": Ref(names.BRONZE_DATABASE),
        "SilverDatabase": Ref(names.SILVER_DATABASE),
        "GoldDatabase": Ref(names.GOLD_DATABASE),
        "GateQueueUrl": Ref(names.GATE_QUEUE),
        "GateDeadLettersUrl": Ref(names.GATE_DLQ),
        "EventsDeadLettersUrl": Ref(names.EVENTS_DLQ),
        "FunctionsDeadLettersUrl": Ref(names.FUNCTIONS_DLQ),
        "AthenaWorkgroup": Ref("Workgroup"),
        "TokensSecret": Ref(names.SECRET_OF_TOKENS),
        "DataKeyArn": GetAtt(names.DATA_KEY, "Arn"),
        "OperatorRoleArn": roles.role_arn("operator"),
        "EraserRoleArn": roles.role_arn("eraser"),
        "DeployerRoleArn": roles.role_arn("deployer"),
    }
