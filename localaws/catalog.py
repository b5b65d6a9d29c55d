"""Glue catalog tables: two writers cannot overwrite each other, and an update replaces the whole table.

*ministack*: UpdateTable compares `VersionId`, but requests run in threads of their own and the comparison is not atomic
with the change; fields that TableInput leaves out keep their old values.
*AWS*: of several updates that name the same VersionId one succeeds, the others get ConcurrentModificationException;
TableInput is the whole new definition.
*Here*: as on AWS.
"""

import threading
from typing import Any

from ministack.services import glue

_lock = threading.Lock()
_update_table = glue._update_table

_EMPTY: dict[str, Any] = {
    "Description": "",
    "Owner": "",
    "StorageDescriptor": {},
    "PartitionKeys": [],
    "Parameters": {},
}


def install() -> None:
    """Put our own handler in the place of ministack's."""
    glue._update_table = update_table


def update_table(data: dict[str, Any]) -> Any:
    """UpdateTable, one at a time; what TableInput does not name is empty afterwards."""
    table = {**_EMPTY, **data.get("TableInput", {})}
    with _lock:
        return _update_table({**data, "TableInput": table})
