"""The Lambdas, each with its own role and log group; those that nobody waits for with a place for what failed."""

from collections.abc import Sequence
from typing import Any

from troposphere import Equals, GetAtt, If, Not, NoValue, Ref, Sub, Template, awslambda, logs

from deploy.functions import Function
from deploy.layers import LAMBDA_PYTHON, LAYERS, LAYERS_OF, layer_parameter
from deploy.parts.names import (
    FUNCTIONS_DLQ,
    WAREHOUSE_DATABASE,
    key_arn,
    lambda_environment,
    logical_id,
    named,
    setting,
)
from deploy.parts.roles import role_arn

_RUNTIME = f"python{LAMBDA_PYTHON}"
_ARCHITECTURE = "x86_64"
_WITH_LAYERS = "WithLayers"

_ABOUT = {
    "gate": "Judges an arrived file and each of its rows",
    "commit": "Swaps a batch's accepted files into the silver tables",
    "gold": "Makes a pipeline's results with DuckDB",
    "publish": "Points the catalog at a run's results",
    "failed": "Records a failed run and tells people",
    "sweep": "Does what was left undone and tells what waits too long",
    "tidy": "Removes gold that nobody sees, marks versions in bronze that no longer count",
    "derive": "Makes the gold tables that follow a published one",
    "load": "Loads published gold into the warehouse",
    "crawl": "Starts a crawler for a workflow that waits for it",
    "crawled": "Answers the workflows that waited for a crawler",
    "compact": "Puts the small silver files of closed batches together",
    "generate": "Writes made-up files into bronze",
}
_RETRIES = 2


def add(template: Template, functions: Sequence[Function]) -> None:
    _add_layers(template)
    for function in functions:
        _add_function(template, function)
        if function.asynchronous:
            _add_failure_destination(template, function)


def function_id(who: str) -> str:
    return logical_id(who, "function")


def function_arn(who: str) -> Any:
    return GetAtt(function_id(who), "Arn")


def _add_layers(template: Template) -> None:
    """Third-party packages. Where the parameters are empty, functions find them without layers."""
    template.add_condition(_WITH_LAYERS, Not(Equals(Ref(layer_parameter(next(iter(LAYERS)))), "")))
    for layer, about in LAYERS.items():
        template.add_resource(
            awslambda.LayerVersion(
                logical_id(layer, "layer"),
                Condition=_WITH_LAYERS,
                LayerName=named(layer),
                Description=about,
                CompatibleRuntimes=[_RUNTIME],
                CompatibleArchitectures=[_ARCHITECTURE],
                Content=awslambda.Content(S3Bucket=Ref("ArtifactsBucket"), S3Key=Ref(layer_parameter(layer))),
            )
        )


def _layers(kind: str) -> dict[str, Any]:
    layers = [Ref(logical_id(layer, "layer")) for layer in LAYERS_OF.get(kind, ())]
    return {"Layers": If(_WITH_LAYERS, layers, NoValue)} if layers else {}


def _add_function(template: Template, function: Function) -> None:
    group = logical_id(function.who, "log")
    template.add_resource(
        logs.LogGroup(
            group,
            LogGroupName=Sub(f"/aws/lambda/${{Prefix}}-{function.who}"),
            RetentionInDays=setting("LogRetentionDays"),
            KmsKeyId=key_arn(),
        )
    )
    size = logical_id(function.kind)
    about = f"{_ABOUT[function.kind]} of {function.pipeline}" if function.pipeline else _ABOUT[function.kind]
    template.add_resource(
        awslambda.Function(
            function_id(function.who),
            FunctionName=named(function.who),
            Description=about,
            Runtime=_RUNTIME,
            Architectures=[_ARCHITECTURE],
            Handler=f"{function.kind}.handler",
            Code=awslambda.Code(S3Bucket=Ref("ArtifactsBucket"), S3Key=Ref("FunctionsKey")),
            Role=role_arn(function.who),
            MemorySize=setting(f"{size}MemoryMb"),
            Timeout=setting(f"{size}TimeoutSeconds"),
            EphemeralStorage=awslambda.EphemeralStorage(Size=setting(f"{size}StorageMb")),
            Environment=awslambda.Environment(Variables=lambda_environment() | _own_environment(function)),
            KmsKeyArn=key_arn(),
            DependsOn=[group],  # otherwise Lambda makes it, without retention and key
            **_layers(function.kind),
        )
    )


def _own_environment(function: Function) -> dict[str, Any]:
    if function.kind == "load":
        return {
            "LAKE_WAREHOUSE_WORKGROUP": Ref("Prefix"),
            "LAKE_WAREHOUSE_DATABASE": WAREHOUSE_DATABASE,
            "LAKE_WAREHOUSE_ROLE_ARN": role_arn("warehouse"),
        }
    if function.kind == "tidy":
        return {"LAKE_KEEP_GOLD_RUNS": setting("KeepGoldRuns")}
    return {"LAKE_PIPELINE": function.pipeline} if function.pipeline else {}


def _add_failure_destination(template: Template, function: Function) -> None:
    """An event whose invocation failed for good is kept, with the error and the function's name."""
    template.add_resource(
        awslambda.EventInvokeConfig(
            logical_id(function.who, "failures"),
            FunctionName=Ref(function_id(function.who)),
            Qualifier="$LATEST",
            MaximumRetryAttempts=_RETRIES,
            DestinationConfig=awslambda.DestinationConfig(
                OnFailure=awslambda.OnFailure(Destination=GetAtt(FUNCTIONS_DLQ, "Arn"))
            ),
        )
    )
