"""Redshift of the embedded AWS: the Data API, on a real PostgreSQL.

Not there: clusters, the control plane of Redshift Serverless, database users, Spectrum, system tables. What is the same
as on AWS and what is simpler: docs/fidelity.md.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

from localaws.redshift.access import SERVICE
from localaws.redshift.access import install as install_access
from localaws.redshift.api import DataApi
from localaws.redshift.errors import RequestError
from localaws.redshift.execute import Executor, Place
from localaws.redshift.postgres import Postgres
from localaws.redshift.statements import Statements

_CONTENT_TYPE = "application/x-amz-json-1.1"
_installed: list[Executor] = []


def install(endpoint_url: str, region: str, folder: Path) -> None:
    """Add the service to ministack, once. PostgreSQL's files are kept in `folder`; it starts at the first statement."""
    from ministack import app
    from ministack.core.responses import error_response_json, json_response
    from ministack.core.router import extract_access_key_id

    postgres, statements = Postgres(folder), Statements()
    postgres.stop_left_over()
    executor = Executor(Place(postgres, endpoint_url, region))
    api = DataApi(statements, executor)

    async def handle_request(method: str, path: str, headers: Any, body: bytes, query_params: Any) -> Any:
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        call = api.calls.get(action)
        try:
            if call is None:
                raise RequestError("ValidationException", f"{action} is not supported by the embedded AWS.")
            request, key = json.loads(body or b"{}"), extract_access_key_id(headers, query_params)
            answer = await asyncio.to_thread(call, request, key)  # a cancel waits for its statement
        except RequestError as refusal:
            return error_response_json(
                refusal.code, refusal.message, 400, message_key="Message", content_type=_CONTENT_TYPE
            )
        return json_response(answer, content_type=_CONTENT_TYPE)

    install_access(statements)
    app.SERVICE_HANDLERS[SERVICE] = handle_request
    _installed.append(executor)


def shut_down() -> None:
    """Cancel what runs, then stop PostgreSQL."""
    for executor in _installed:
        executor.shut_down()


def server() -> Postgres:
    """The server behind the Data API, for those who look behind it."""
    return _installed[-1].postgres
