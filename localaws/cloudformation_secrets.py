"""Secrets of a stack are known by their ARN.

*ministack*: `Ref` of an `AWS::SecretsManager::Secret`, and its physical id, is its name.
*AWS*: its ARN, which ends in six characters that policies match with `-??????`.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-secretsmanager-secret.html
*Here*: as on AWS; a stack that was made before keeps the name until its secret is replaced.
"""

from typing import Any

from ministack.services import secretsmanager
from ministack.services.cloudformation import provisioners

Properties = dict[str, Any]
Made = tuple[str, dict[str, Any]]

_create, _update = provisioners._sm_secret_create, provisioners._sm_secret_update
_delete = provisioners._sm_secret_delete


def install() -> None:
    """Wrap ministack's provisioner."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
    handlers.update(create=_secret_create, update=_secret_update, delete=_secret_delete)


def _secret_create(logical_id: str, properties: Properties, stack: str) -> Made:
    made: Made = _create(logical_id, properties, stack)
    return made[1]["Arn"], made[1]


def _secret_update(
    physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str | None = None
) -> Made:
    name = _name(physical_id)
    made: Made = _update(name, old, new, stack, logical_id)
    return (physical_id if made[0] == name else made[1]["Arn"]), made[1]


def _secret_delete(physical_id: str, properties: Properties) -> None:
    _delete(_name(physical_id), properties)


def _name(physical_id: str) -> str:
    """The key under which ministack has a secret; of one that is gone, what was asked for."""
    name, _ = secretsmanager._resolve(physical_id)
    return name or physical_id
