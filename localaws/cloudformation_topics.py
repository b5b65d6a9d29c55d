"""The key of a topic that ministack's CloudFormation accepts and drops.

*ministack*: a topic made by a stack has no KmsMasterKeyId; its API knows it. *AWS*: applies it. *Here*: as on AWS.
"""

from typing import Any

from ministack.services import sns
from ministack.services.cloudformation import provisioners

Properties = dict[str, Any]
Made = tuple[str, dict[str, Any]]

_create, _update = (provisioners._RESOURCE_HANDLERS["AWS::SNS::Topic"][name] for name in ("create", "update"))


def install() -> None:
    """Wrap ministack's provisioner."""
    provisioners._RESOURCE_HANDLERS["AWS::SNS::Topic"].update(create=_topic_create, update=_topic_update)


def _topic_create(logical_id: str, properties: Properties, stack: str) -> Made:
    made: Made = _create(logical_id, properties, stack)
    _encrypt(made[0], properties)
    return made


def _topic_update(physical_id: str, old: Properties, new: Properties, stack: str, *more: Any, **options: Any) -> Made:
    made: Made = _update(physical_id, old, new, stack, *more, **options)
    _encrypt(made[0], new)
    return made


def _encrypt(topic: str, properties: Properties) -> None:
    attributes = sns._topics[topic]["attributes"]
    attributes.pop("KmsMasterKeyId", None)
    if key := properties.get("KmsMasterKeyId"):
        attributes["KmsMasterKeyId"] = key
