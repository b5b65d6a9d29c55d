"""Which resource an Athena call asks permission for: the workgroup, also where the request names only a query.

*ministack*: looks for `WorkGroup` in the request alone, so that GetQueryExecution and its like ask for `*`. *Here, as
in AWS's service authorization reference*: the workgroup of the query, or `primary` where a query is started in none.
"""

import json
from typing import Any

_IN_PRIMARY = ("StartQueryExecution", "ListQueryExecutions", "ListNamedQueries", "CreateNamedQuery")


def install() -> None:
    """Hook into ministack, once, after it is imported."""
    from ministack.core import iam_actions

    others = iam_actions.extract_resource_arn

    def extract_resource_arn(
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query_params: dict[str, Any],
        region: str,
        account_id: str,
    ) -> str:
        found: str = others(service, method, path, headers, body, query_params, region, account_id)
        if service != "athena" or found != "*":
            return found
        workgroup = _workgroup(headers.get("x-amz-target", "").rpartition(".")[2], body)
        return f"arn:aws:athena:{region}:{account_id}:workgroup/{workgroup}" if workgroup else found

    iam_actions.extract_resource_arn = extract_resource_arn


def _workgroup(action: str, body: bytes) -> str | None:
    """The workgroup that a request without one means; None where it is about none, or about an unknown query."""
    from ministack.services import athena

    request = json.loads(body or b"{}")
    query = request.get("QueryExecutionId")
    if query:
        record = athena._executions.get(query)
        return str(record["WorkGroup"]) if record else None
    return "primary" if action in _IN_PRIMARY else None
