"""Properties of DynamoDB tables that ministack's CloudFormation accepts and drops.

*ministack*: a table made by a stack has no SSESpecification and no PointInTimeRecoverySpecification; its API knows
both. *AWS*: applies them. *Here*: as on AWS.
"""

from typing import Any

from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

Properties = dict[str, Any]
Made = tuple[str, dict[str, Any]]

_create, _update = provisioners._ddb_create, provisioners._ddb_update


def install() -> None:
    """Wrap ministack's provisioner."""
    provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"].update(create=_table_create, update=_table_update)


def _table_create(logical_id: str, properties: Properties, stack: str) -> Made:
    made: Made = _create(logical_id, properties, stack)
    _protect(made[0], properties)
    return made


def _table_update(
    physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str | None = None
) -> Made:
    made: Made = _update(physical_id, old, new, stack, logical_id)
    _protect(made[0], new)
    return made


def _protect(table: str, properties: Properties) -> None:
    encryption = dict(properties.get("SSESpecification", {}))
    encryption["Enabled"] = encryption.pop("SSEEnabled", False)  # CloudFormation's name for the API's field
    dynamodb._tables[table]["SSEDescription"] = dynamodb._sse_description_from_spec(encryption)
    recovery = properties.get("PointInTimeRecoverySpecification", {})
    dynamodb._update_continuous_backups({"TableName": table, "PointInTimeRecoverySpecification": recovery})
