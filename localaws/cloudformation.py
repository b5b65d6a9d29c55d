"""Properties of CloudFormation resources that ministack accepts and drops.

*ministack*: ignores an S3 bucket's BucketEncryption, LifecycleConfiguration and MetricsConfigurations, a Lambda's
DeadLetterConfig and ReservedConcurrentExecutions and a Glue job's ExecutionProperty; completes a stack whose code
archive is missing.
*AWS*: applies them; the stack fails.
*Here*: as on AWS. And one thing more than AWS: a bucket that outlived the server's unclean end, of which the emulator
remembers nothing but the objects, is taken over by the stack that declares it instead of standing in its way.
"""

from collections.abc import Callable
from typing import Any

import botocore.session
from botocore.serialize import create_serializer
from ministack.services import lambda_svc, s3
from ministack.services.cloudformation import provisioners

from localaws.metrics import storage

Properties = dict[str, Any]
Made = tuple[str, dict[str, Any]]

_left_over: set[str] = set()


def install() -> None:
    """Wrap ministack's provisioners."""
    handlers = provisioners._RESOURCE_HANDLERS
    handlers["AWS::S3::Bucket"].update(create=_bucket_create, update=_bucket_update)
    handlers["AWS::Lambda::Function"].update(create=_function_create, update=_function_update)
    provisioners._lambda_create = _function_create
    provisioners._s3_create = _bucket_create
    provisioners.s3_bucket_name_conflict = _name_conflict
    provisioners._GLUE_JOB_DEFAULTS |= {"ExecutionProperty": {"MaxConcurrentRuns": 1}, "ExecutionClass": "STANDARD"}


def adopt_left_over_buckets() -> None:
    """After an unclean stop: let stacks take over the buckets that are on the disk."""
    _left_over.update(name for _, name in s3._buckets._data)


_s3_create, _s3_update = provisioners._s3_create, provisioners._s3_update
_lambda_create, _lambda_update = provisioners._lambda_create, provisioners._lambda_update
_bucket_conflict = provisioners.s3_bucket_name_conflict


def _name_conflict(name: str) -> str | None:
    conflict: str | None = None if name in _left_over else _bucket_conflict(name)
    return conflict


def _bucket_create(logical_id: str, properties: Properties, stack: str) -> Made:
    name = properties.get("BucketName", "")
    if name in _left_over:
        _left_over.discard(name)
        return _bucket_update(name, {}, properties, stack)
    made: Made = _s3_create(logical_id, properties, stack)
    _configure_bucket(made[0], {}, properties)
    return made


def _bucket_update(physical_id: str, old: Properties, new: Properties, stack: str) -> Made:
    made: Made = _s3_update(physical_id, old, new, stack)
    _configure_bucket(made[0], old, new)
    return made


def _configure_bucket(name: str, old: Properties, new: Properties) -> None:
    encryption, lifecycle = new.get("BucketEncryption"), new.get("LifecycleConfiguration")
    if encryption:
        rules = {"ServerSideEncryptionConfiguration": encryption_rules(encryption)}
        _check(s3._put_bucket_encryption(name, _xml("PutBucketEncryption", name, rules)))
    elif old.get("BucketEncryption"):
        _check(s3._delete_bucket_encryption(name))
    if lifecycle:
        rules = {"LifecycleConfiguration": lifecycle_rules(lifecycle)}
        _check(s3._put_bucket_lifecycle(name, _xml("PutBucketLifecycleConfiguration", name, rules)))
    elif old.get("LifecycleConfiguration"):
        _check(s3._delete_bucket_lifecycle(name))
    storage.configure(name, new.get("MetricsConfigurations") or [])


def encryption_rules(properties: Properties) -> Properties:
    """CloudFormation's BucketEncryption as the S3 API wants it."""
    return {
        "Rules": [
            {
                "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
                "BucketKeyEnabled": _boolean(rule.get("BucketKeyEnabled", False)),
            }
            for rule in properties["ServerSideEncryptionConfiguration"]
        ]
    }


def lifecycle_rules(properties: Properties) -> Properties:
    """CloudFormation's LifecycleConfiguration as the S3 API wants it.

    Raises:
        ValueError: a rule has a property that is not translated; better than dropping it.
    """
    return {"Rules": [_lifecycle_rule(dict(rule)) for rule in properties["Rules"]]}


def _lifecycle_rule(rule: Properties) -> Properties:
    prefix, tags = rule.pop("Prefix", ""), rule.pop("TagFilters", [])
    some: Properties = {"And": {"Prefix": prefix, "Tags": tags}} if tags else {"Prefix": prefix}
    made: Properties = {"Status": rule.pop("Status"), "Filter": some}
    renamed: dict[str, Callable[[Any], Properties]] = {
        "Id": lambda value: {"ID": value},
        "ExpirationInDays": lambda value: {"Expiration": {"Days": int(value)}},
        "ExpiredObjectDeleteMarker": lambda value: {"Expiration": {"ExpiredObjectDeleteMarker": _boolean(value)}},
        "NoncurrentVersionExpiration": lambda value: {
            "NoncurrentVersionExpiration": {name: int(number) for name, number in value.items()}
        },
        "AbortIncompleteMultipartUpload": lambda value: {
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": int(value["DaysAfterInitiation"])}
        },
        "Transitions": lambda value: {
            "Transitions": [
                {"Days": int(step["TransitionInDays"]), "StorageClass": step["StorageClass"]} for step in value
            ]
        },
    }
    for name, value in rule.items():
        if name not in renamed:
            raise ValueError(f"LifecycleConfiguration: {name} is not supported by the embedded AWS")
        made |= renamed[name](value)
    return made


def _function_create(logical_id: str, properties: Properties, stack: str) -> Made:
    made: Made = _lambda_create(logical_id, properties, stack)
    function = lambda_svc._functions[made[0]]
    code = properties.get("Code", {})
    if code.get("S3Bucket") and not function["code_zip"]:
        del lambda_svc._functions[made[0]]
        raise ValueError(
            f"Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not "
            f"exist: s3://{code['S3Bucket']}/{code.get('S3Key')}"
        )
    _configure_function(function, properties)
    return made


def _function_update(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: Any = None) -> Made:
    made: Made = _lambda_update(physical_id, old, new, stack, logical_id)
    _configure_function(lambda_svc._functions[made[0]], new)
    return made


def _configure_function(function: Properties, properties: Properties) -> None:
    if "DeadLetterConfig" in properties:
        function["config"]["DeadLetterConfig"] = properties["DeadLetterConfig"]
    else:
        function["config"].pop("DeadLetterConfig", None)
    reserved = properties.get("ReservedConcurrentExecutions")
    function["concurrency"] = None if reserved is None else int(reserved)


def _boolean(value: object) -> bool:
    return value is True or str(value).lower() == "true"


def _xml(operation: str, bucket: str, parameters: Properties) -> bytes:
    """The body of an S3 request. It is handed to ministack directly: a stack is made on the server's own event loop,
    which could not answer a request meanwhile."""
    model = botocore.session.get_session().get_service_model("s3").operation_model(operation)
    request = create_serializer("rest-xml").serialize_to_request({"Bucket": bucket, **parameters}, model)
    body: bytes = request["body"]
    return body


def _check(answer: tuple[int, dict[str, str], bytes]) -> None:
    if answer[0] >= 400:
        raise ValueError(f"S3 refused the configuration: {answer[2].decode(errors='replace')}")
