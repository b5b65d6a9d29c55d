"""The Athena calls that the embedded AWS answers itself; ministack answers all others."""

import time
from typing import Any

from localaws.athena import executions, results
from localaws.athena.access import Caller, caller_of
from localaws.athena.engine import Job
from localaws.athena.errors import InvalidRequestError, QueryError
from localaws.athena.hive_types import ResultType
from localaws.athena.results import ResultColumn
from localaws.athena.statements import Statement, read_statement
from localaws.athena.storage import S3Path, bucket_exists, encryption_headers, opened, parse_url

_ENGINE = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}
_NO_OUTPUT = (
    "No output location provided. An output location is required either through the Workgroup result configuration "
    "setting or as an API input."
)


def start_query_execution(request: dict[str, Any], access_key: str) -> dict[str, Any]:
    """StartQueryExecution. Raises InvalidRequestError."""
    from ministack.core.responses import new_uuid
    from ministack.services import athena

    repeated = _same_token(request)
    if repeated is not None:
        return {"QueryExecutionId": repeated}
    text = request.get("QueryString") or ""
    parameters = tuple(request.get("ExecutionParameters") or ())
    statement = read_statement(text, parameters)
    workgroup = _workgroup(request.get("WorkGroup") or "primary")
    configuration = _result_configuration(request, workgroup)
    output = _output_folder(configuration)
    caller = _caller(access_key)
    _check_output_bucket(output, caller)
    query_id = new_uuid()
    context = request.get("QueryExecutionContext") or {}
    try:
        encryption = encryption_headers(configuration.get("EncryptionConfiguration"))
    except QueryError as failure:
        raise InvalidRequestError(failure.reason) from failure
    job = Job(query_id, statement, (context.get("Database") or "").lower(), output, encryption)
    record = _record(job, text, request, workgroup["Name"], configuration)
    athena._executions[query_id] = record
    executions.submit(record, job, caller, parameters)
    return {"QueryExecutionId": query_id}


def get_query_results(request: dict[str, Any], access_key: str) -> dict[str, Any]:
    """GetQueryResults, read back from the result file with the caller's permission. Raises InvalidRequestError."""
    record = _execution(request)
    state = record["Status"]["State"]
    if state in ("QUEUED", "RUNNING"):
        raise InvalidRequestError(f"Query has not yet finished. Current state: {state}")
    if state != "SUCCEEDED":
        raise InvalidRequestError(f"Query did not finish successfully. Final query state: {state}")
    columns = [
        ResultColumn(name, ResultType(kind, precision, scale)) for name, kind, precision, scale in record["_columns"]
    ]
    location = parse_url(record["ResultConfiguration"]["OutputLocation"])
    limit, token = int(request.get("MaxResults") or 1000), request.get("NextToken")
    if not location.key.endswith((".csv", ".txt")):
        return results.page(b"", columns, has_header=False, limit=limit, token=token)
    try:
        with opened(location, _caller(access_key)) as body:
            return results.page(body, columns, has_header=location.key.endswith(".csv"), limit=limit, token=token)
    except QueryError as failure:
        raise InvalidRequestError(f"Could not find results: {failure.reason}") from failure


def stop_query_execution(request: dict[str, Any], _access_key: str) -> dict[str, Any]:
    """StopQueryExecution. Raises InvalidRequestError for an unknown query."""
    executions.stop(_execution(request))
    return {}


def _execution(request: dict[str, Any]) -> dict[str, Any]:
    from ministack.services import athena

    query_id = request.get("QueryExecutionId")
    record: dict[str, Any] | None = athena._executions.get(query_id)
    if record is None:
        raise InvalidRequestError(f"QueryExecution {query_id} was not found")
    return record


def _same_token(request: dict[str, Any]) -> str | None:
    """The query that an earlier request with this ClientRequestToken started. It must have asked for the same."""
    from ministack.services import athena

    token = request.get("ClientRequestToken")
    if not token:
        return None
    asked = _asked(request)
    for query_id, record in list(athena._executions.items()):
        if record.get("_token") == token:
            if record.get("_asked") != asked:
                raise InvalidRequestError("Idempotent parameters do not match", "IDEMPOTENT_PARAMETERS_MISMATCH")
            return str(query_id)
    return None


def _asked(request: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name != "ClientRequestToken"}


def _workgroup(name: str) -> dict[str, Any]:
    from ministack.services import athena

    workgroup: dict[str, Any] | None = athena._workgroups.get(name)
    if workgroup is None:
        raise InvalidRequestError(f"WorkGroup {name} is not found.")
    if workgroup.get("State") == "DISABLED":
        raise InvalidRequestError(f"WorkGroup {name} is disabled.")
    return workgroup


def _result_configuration(request: dict[str, Any], workgroup: dict[str, Any]) -> dict[str, Any]:
    """The request's, or the workgroup's where that one enforces its own or the request has none."""
    settings = workgroup.get("Configuration") or {}
    own = settings.get("ResultConfiguration") or {}
    asked = request.get("ResultConfiguration") or {}
    enforced = settings.get("EnforceWorkGroupConfiguration", workgroup["Name"] != "primary")
    if own.get("OutputLocation") and (enforced or not asked.get("OutputLocation")):
        return dict(own)
    return dict(asked)


def _output_folder(configuration: dict[str, Any]) -> S3Path:
    location = configuration.get("OutputLocation")
    if not location:
        raise InvalidRequestError(_NO_OUTPUT)
    try:
        return parse_url(location).folder()
    except QueryError as failure:
        raise InvalidRequestError(f"outputLocation is not a valid S3 path: {location}") from failure


def _check_output_bucket(output: S3Path, caller: Caller) -> None:
    """Athena looks at the bucket before it queues a query."""
    if not bucket_exists(output.bucket) or not caller.may("s3:GetBucketLocation", f"arn:aws:s3:::{output.bucket}"):
        raise InvalidRequestError(f"Unable to verify/create output bucket {output.bucket}")


def _caller(access_key: str) -> Caller:
    try:
        return caller_of(access_key)
    except QueryError as failure:
        raise InvalidRequestError(failure.reason) from failure


def _record(
    job: Job, text: str, request: dict[str, Any], workgroup: str, configuration: dict[str, Any]
) -> dict[str, Any]:
    context = {"Catalog": "awsdatacatalog", **({"Database": job.database} if job.database else {})}
    parameters = {"ExecutionParameters": request["ExecutionParameters"]} if request.get("ExecutionParameters") else {}
    return {
        "QueryExecutionId": job.query_id,
        "Query": text,
        "StatementType": job.statement.type,
        "SubstatementType": job.statement.subtype,
        "ResultConfiguration": {**configuration, "OutputLocation": _result_url(job)},
        "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
        "QueryExecutionContext": context,
        "Status": {"State": "QUEUED", "SubmissionDateTime": time.time()},
        "Statistics": {
            "EngineExecutionTimeInMillis": 0,
            "DataScannedInBytes": 0,
            "TotalExecutionTimeInMillis": 0,
            "QueryQueueTimeInMillis": 0,
            "ServiceProcessingTimeInMillis": 0,
            "ResultReuseInformation": {"ReusedPreviousResult": False},
        },
        "WorkGroup": workgroup,
        "EngineVersion": _ENGINE,
        **parameters,
        "_columns": [],
        "_token": request.get("ClientRequestToken"),
        "_asked": _asked(request),
        "_submitted": time.monotonic(),
    }


def _result_url(job: Job) -> str:
    """Where AWS puts it: a query's CSV, a catalog statement's text, a write's own name without an ending."""
    endings = {"SELECT": ".csv", "INSERT": "", "UNLOAD": ""}
    if job.statement.subtype == "CREATE_TABLE_AS_SELECT":
        return job.output.child(f"tables/{job.query_id}").url
    return job.output.child(job.query_id + endings.get(job.statement.subtype, ".txt")).url


def is_query(statement: Statement) -> bool:
    """Whether a statement gives rows with a header."""
    return statement.subtype == "SELECT"
