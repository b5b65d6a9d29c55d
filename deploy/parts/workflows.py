"""A Step Functions state machine and a Glue job for every pipeline."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from troposphere import GetAtt, If, NoValue, Ref, Sub, Template, glue, logs, stepfunctions

from deploy.definitions import PLACEHOLDER, STEPS, definition_file, definition_text, function_placeholder, placeholders
from deploy.functions import needed_functions
from deploy.parts.catalog import named_queries
from deploy.parts.crawlers import crawler_id
from deploy.parts.functions import function_arn
from deploy.parts.glue_security import glue_security
from deploy.parts.names import (
    GOLD_DATABASE,
    IS_AWS,
    SILVER_DATABASE,
    TOPIC,
    key_arn,
    logical_id,
    named,
    setting,
    settings_values,
)
from deploy.parts.roles import job_role, role_arn, workflow_role
from lakehouse.contract.model import Pipeline
from lakehouse.errors import ContractError

_GLUE_VERSION = "5.1"
_KEY_REUSE_SECONDS = 300
_SPARK_CONF = (
    "spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension"
    " --conf spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog"
    " --conf spark.sql.session.timeZone=UTC"
)


def add(template: Template, pipelines: Sequence[Pipeline]) -> None:
    for pipeline in pipelines:
        template.add_resource(_job(pipeline))
        _add_machine(template, pipeline)


def _add_machine(template: Template, pipeline: Pipeline) -> None:
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
            machine_id(pipeline),
            StateMachineName=named(pipeline.name),
            StateMachineType="STANDARD",
            RoleArn=role_arn(workflow_role(pipeline)),
            **_definition(pipeline),
            LoggingConfiguration=stepfunctions.LoggingConfiguration(
                Level="ERROR",
                IncludeExecutionData=False,
                Destinations=[stepfunctions.LogDestination(CloudWatchLogsLogGroup=destination)],
            ),
            EncryptionConfiguration=stepfunctions.EncryptionConfiguration(
                Type="CUSTOMER_MANAGED_KMS_KEY", KmsKeyId=key_arn(), KmsDataKeyReusePeriodSeconds=_KEY_REUSE_SECONDS
            ),
            TracingConfiguration=If(IS_AWS, stepfunctions.TracingConfiguration(Enabled=True), NoValue),
        )
    )


def _definition(pipeline: Pipeline) -> dict[str, Any]:
    """The definition as text and values for the placeholders that it uses.

    Raises:
        ContractError: the file is missing, not JSON or has an unknown placeholder.
    """
    path, text = definition_file(pipeline), definition_text(pipeline)
    try:
        definition = json.loads(text)
    except json.JSONDecodeError as error:
        raise ContractError(f"{path}: not JSON: {error}") from error
    values, texts = _values(pipeline), _query_texts(pipeline)
    used, known = placeholders(text), values.keys() | texts.keys()
    if used - known:
        raise ContractError(f"{path}: unknown placeholder {sorted(used - known)}. Expected {sorted(known)}")
    compact = json.dumps(_with_texts(definition, texts), separators=(",", ":"))
    substitutions = {name: values[name] for name in sorted(used & values.keys())}
    return {"DefinitionString": compact, **({"DefinitionSubstitutions": substitutions} if substitutions else {})}


def _values(pipeline: Pipeline) -> dict[str, Any]:
    """What a definition's placeholders stand for, as far as CloudFormation knows it."""
    functions = {
        function_placeholder(function.kind): function_arn(function.who)
        for function in needed_functions([pipeline])
        if function.kind in STEPS
    }
    crawlers = {f"Crawler_{crawler.name}": Ref(crawler_id(pipeline, crawler)) for crawler in pipeline.crawlers}
    return {
        **functions,
        **crawlers,
        "GlueJobName": Ref(job_id(pipeline)),
        "TopicArn": Ref(TOPIC),
        "Workgroup": Ref("Workgroup"),
        "SilverDatabase": Ref(SILVER_DATABASE),
        "GoldDatabase": Ref(GOLD_DATABASE),
    }


def _query_texts(pipeline: Pipeline) -> dict[str, str]:
    """`Query_<name>` and the text of `queries/<name>.sql`."""
    return {f"Query_{name}": text for name, text in named_queries(pipeline).items()}


def _with_texts(value: Any, texts: Mapping[str, str]) -> Any:
    """The definition with texts in place of their placeholders; written as JSON later, which escapes them."""
    if isinstance(value, dict):
        return {key: _with_texts(inner, texts) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_texts(inner, texts) for inner in value]
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda match: texts.get(match[1], match[0]), value)
    return value


def machine_id(pipeline: Pipeline) -> str:
    return logical_id(pipeline.name, "workflow")


def job_id(pipeline: Pipeline) -> str:
    return logical_id(pipeline.name, "gold", "job")


def _job(pipeline: Pipeline) -> glue.Job:
    return glue.Job(
        job_id(pipeline),
        Name=named(f"{pipeline.name}-gold"),
        Description=f"{pipeline.title}: gold tables by Spark SQL",
        Role=role_arn(job_role(pipeline)),
        GlueVersion=_GLUE_VERSION,
        SecurityConfiguration=glue_security(),
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
