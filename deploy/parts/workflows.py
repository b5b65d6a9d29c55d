"""A Step Functions state machine and a Glue job for every pipeline."""

import json
import re
from collections.abc import Sequence
from importlib.resources.abc import Traversable
from typing import Any

from troposphere import GetAtt, If, NoValue, Ref, Sub, Template, glue, logs, stepfunctions

from deploy.parts.functions import function_arn, role_arn
from deploy.parts.names import IS_AWS, key_arn, logical_id, named, setting, settings_values
from lakehouse.contract.model import Pipeline
from lakehouse.errors import ContractError

_GLUE_VERSION = "5.1"
_SPARK_CONF = (
    "spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension"
    " --conf spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog"
    " --conf spark.sql.session.timeZone=UTC"
)
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


def add(template: Template, pipelines: Sequence[Pipeline], default_workflow: Traversable) -> None:
    """`default_workflow`: the definition of pipelines that bring no `workflow.asl.json` of their own."""
    for pipeline in pipelines:
        template.add_resource(_job(pipeline))
        own = pipeline.folder / "workflow.asl.json"
        _add_machine(template, pipeline, own if own.is_file() else default_workflow)


def _add_machine(template: Template, pipeline: Pipeline, definition: Traversable) -> None:
    group = logical_id(pipeline.name, "workflow", "log")
    template.add_resource(
        logs.LogGroup(
            group,
            LogGroupName=Sub(f"/aws/vendedlogs/states/${{Prefix}}-{pipeline.name}"),
            RetentionInDays=setting("LogRetentionDays"),
            KmsKeyId=key_arn(),
        )
    )
    destination = stepfunctions.CloudWatchLogsLogGroup(LogGroupArn=GetAtt(group, "Arn"))
    template.add_resource(
        stepfunctions.StateMachine(
            logical_id(pipeline.name, "workflow"),
            StateMachineName=named(pipeline.name),
            StateMachineType="STANDARD",
            RoleArn=role_arn("workflow"),
            **_definition(pipeline, definition),
            LoggingConfiguration=stepfunctions.LoggingConfiguration(
                Level="ERROR",
                IncludeExecutionData=False,
                Destinations=[stepfunctions.LogDestination(CloudWatchLogsLogGroup=destination)],
            ),
            TracingConfiguration=If(IS_AWS, stepfunctions.TracingConfiguration(Enabled=True), NoValue),
        )
    )


def _definition(pipeline: Pipeline, path: Traversable) -> dict[str, Any]:
    """The definition as text and values for the placeholders that it uses.

    Raises:
        ContractError: the file is missing, not JSON or has an unknown placeholder.
    """
    if not path.is_file():
        raise ContractError(f"{path} is missing: pipeline '{pipeline.name}' has no workflow")
    text = path.read_text()
    try:
        compact = json.dumps(json.loads(text), separators=(",", ":"))
    except json.JSONDecodeError as error:
        raise ContractError(f"{path}: not JSON: {error}") from error
    values = {
        "CommitFunctionArn": function_arn("commit"),
        "GoldFunctionArn": function_arn("gold"),
        "PublishFunctionArn": function_arn("publish"),
        "FailedFunctionArn": function_arn("failed"),
        "GlueJobName": Ref(_job_id(pipeline)),
    }
    used = set(_PLACEHOLDER.findall(text))
    if used - values.keys():
        raise ContractError(f"{path}: unknown placeholder {sorted(used - values.keys())}. Expected {sorted(values)}")
    return {"DefinitionString": compact, "DefinitionSubstitutions": {name: values[name] for name in sorted(used)}}


def _job_id(pipeline: Pipeline) -> str:
    return logical_id(pipeline.name, "gold", "job")


def _job(pipeline: Pipeline) -> glue.Job:
    return glue.Job(
        _job_id(pipeline),
        Name=named(f"{pipeline.name}-gold"),
        Description=f"{pipeline.title}: gold tables by Spark SQL",
        Role=role_arn("glue-gold"),
        GlueVersion=_GLUE_VERSION,
        WorkerType=setting("GlueWorkerType"),
        NumberOfWorkers=setting("GlueWorkers"),
        Timeout=setting("GlueTimeoutMinutes"),
        MaxRetries=0,
        ExecutionProperty=glue.ExecutionProperty(MaxConcurrentRuns=setting("GlueMaxConcurrentRuns")),
        Command=glue.JobCommand(
            Name="glueetl",
            PythonVersion="3",
            ScriptLocation=Sub("s3://${ArtifactsBucket}/${GlueScriptKey}"),
        ),
        DefaultArguments={
            "--job-language": "python",
            "--extra-py-files": Sub("s3://${ArtifactsBucket}/${GlueModulesKey}"),
            "--datalake-formats": "delta",
            "--conf": Sub(f"{_SPARK_CONF}${{Conf}}", Conf=setting("GlueConf")),
            "--enable-metrics": "true",
            "--enable-observability-metrics": "true",
            "--enable-continuous-cloudwatch-log": "true",
            **{f"--lake_{name}": value for name, value in settings_values().items()},
        },
    )
