"""Athena of the embedded AWS: Trino's SQL over the Glue catalog, run by DuckDB.

`install()` replaces the calls of ministack's Athena that run queries; workgroups, named queries, catalogs and tags stay
ministack's. What is the same as on AWS, what is simpler and what is missing: docs/fidelity.md.
"""

import json
from typing import Any

from localaws.athena import api, executions, resources
from localaws.athena.errors import InvalidRequestError

_CALLS = {
    "StartQueryExecution": api.start_query_execution,
    "GetQueryResults": api.get_query_results,
    "StopQueryExecution": api.stop_query_execution,
}


def shut_down() -> None:
    """Stop the queries that still run."""
    executions.shut_down()


def install() -> None:
    """Hook into ministack, once, after it is imported."""
    from ministack.core.responses import error_response_json, json_response
    from ministack.core.router import extract_access_key_id
    from ministack.services import athena

    others = athena.handle_request

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> Any:
        call = _CALLS.get(headers.get("x-amz-target", "").rsplit(".", 1)[-1])
        if call is None:
            return await others(method, path, headers, body, query_params)
        athena._ensure_default_workgroup()
        athena._ensure_default_data_catalog()
        try:
            return json_response(call(json.loads(body or b"{}"), extract_access_key_id(headers, query_params)))
        except InvalidRequestError as refusal:
            extra = {"AthenaErrorCode": refusal.code}
            return error_response_json("InvalidRequestException", str(refusal), 400, extra=extra)

    athena.handle_request = handle_request
    resources.install()
