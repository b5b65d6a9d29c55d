"""The life of a query, its result file, its pages, its errors: as the Athena API has them."""

import time
from typing import Any

import pytest
from athena_client import Athena, fresh
from botocore.exceptions import ClientError

from localaws import EmbeddedAws
from localaws.athena import executions


@pytest.fixture
def athena(aws: EmbeddedAws) -> Athena:
    return fresh(aws)


def refusal(athena: Athena, query: str, **request: Any) -> tuple[str, str]:
    """Code and message of a StartQueryExecution that is refused."""
    with pytest.raises(ClientError) as error:
        athena.start(query, **request)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_result_file_lies_where_athena_puts_it_fields_quoted_and_null_empty(athena: Athena) -> None:
    answer = athena.run("SELECT 1 AS n, 'a \"b\",\nc' AS s, cast(null AS varchar) AS nothing, '' AS empty")
    query_id = answer.execution["QueryExecutionId"]
    location = f"s3://{athena.bucket}/athena-results/{query_id}.csv"
    assert answer.execution["ResultConfiguration"]["OutputLocation"] == location
    body = athena.get(f"athena-results/{query_id}.csv")
    assert body == b'"n","s","nothing","empty"\n"1","a ""b"",\nc",,""\n'
    assert answer.rows == [["1", 'a "b",\nc', None, ""]]


def test_column_metadata_names_types_precision_and_scale(athena: Athena) -> None:
    query_id = athena.start("SELECT 'x' AS s, 1 AS i, cast(1 AS bigint) AS b, cast(1 AS decimal(12,2)) AS d, 1e0 AS f")
    athena.wait(query_id)
    result = athena.client.get_query_results(QueryExecutionId=query_id)["ResultSet"]
    columns = result["ResultSetMetadata"]["ColumnInfo"]
    assert [(column["Name"], column["Type"], column["Precision"], column["Scale"]) for column in columns] == [
        ("s", "varchar", 2147483647, 0),
        ("i", "integer", 10, 0),
        ("b", "bigint", 19, 0),
        ("d", "decimal", 12, 2),
        ("f", "double", 17, 0),
    ]
    assert [column["CaseSensitive"] for column in columns] == [True, False, False, False, False]


def test_pages_hold_every_row_once_and_the_header_only_on_the_first(athena: Athena) -> None:
    query_id = athena.start("SELECT n, concat('row ', cast(n AS varchar)) FROM UNNEST(sequence(1, 2500)) AS t (n)")
    athena.wait(query_id)
    pages = list(
        athena.client.get_paginator("get_query_results").paginate(
            QueryExecutionId=query_id, PaginationConfig={"PageSize": 1000}
        )
    )
    rows = [[value["VarCharValue"] for value in row["Data"]] for page in pages for row in page["ResultSet"]["Rows"]]
    assert [len(page["ResultSet"]["Rows"]) for page in pages] == [1000, 1000, 501]
    assert rows[0] == ["n", "_col1"]
    assert rows[1:] == [[str(n), f"row {n}"] for n in range(1, 2501)]


def test_execution_record_has_times_statistics_and_types(athena: Athena) -> None:
    athena.rows("CREATE TABLE t AS SELECT n FROM UNNEST(sequence(1, 1000)) AS u (n)")
    size = sum(len(athena.get(key)) for key in athena.keys("athena-results/tables/"))
    execution = athena.run("SELECT count(*) FROM t").execution
    statistics = execution["Statistics"]
    assert statistics["DataScannedInBytes"] == size
    assert 0 < statistics["EngineExecutionTimeInMillis"] <= statistics["TotalExecutionTimeInMillis"]
    assert execution["Status"]["SubmissionDateTime"] <= execution["Status"]["CompletionDateTime"]
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DML", "SELECT")
    assert execution["QueryExecutionContext"] == {"Catalog": "awsdatacatalog", "Database": athena.database}
    assert execution["EngineVersion"]["EffectiveEngineVersion"] == "Athena engine version 3"
    assert execution["WorkGroup"] == "primary"


def test_query_ends_asynchronously_and_has_no_results_before(athena: Athena) -> None:
    query_id = athena.start(
        "SELECT count(*) FROM UNNEST(sequence(1, 3000)) AS a (x), UNNEST(sequence(1, 3000)) AS b (y)"
    )
    state = athena.client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"]["State"]
    with pytest.raises(ClientError, match=r"Query has not yet finished\. Current state: "):
        athena.client.get_query_results(QueryExecutionId=query_id)
    assert state in ("QUEUED", "RUNNING")
    assert athena.wait(query_id)["Status"]["State"] == "SUCCEEDED"


def test_stopped_query_is_cancelled_soon_and_stays_so(athena: Athena) -> None:
    slow = "SELECT sum(sqrt(x * y)) FROM UNNEST(sequence(1, 200000)) AS a (x), UNNEST(sequence(1, 200000)) AS b (y)"
    query_id = athena.start(slow)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _state(athena, query_id) == "QUEUED":
        time.sleep(0.02)
    time.sleep(0.2)
    athena.client.stop_query_execution(QueryExecutionId=query_id)
    execution = athena.wait(query_id)
    assert execution["Status"]["State"] == "CANCELLED"
    assert execution["Status"]["StateChangeReason"] == "Query was cancelled by user"
    deadline = time.monotonic() + 10
    while query_id in executions._running:
        assert time.monotonic() < deadline, "the query still runs"
        time.sleep(0.05)
    assert athena.rows("SELECT 1") == [["1"]]
    assert _state(athena, query_id) == "CANCELLED"
    with pytest.raises(ClientError, match="Final query state: CANCELLED"):
        athena.client.get_query_results(QueryExecutionId=query_id)


def _state(athena: Athena, query_id: str) -> str:
    return str(athena.client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"]["State"])


def test_same_client_request_token_starts_one_query(athena: Athena) -> None:
    token = "0123456789abcdef0123456789abcdef" + athena.bucket
    first = athena.start("SELECT 1", ClientRequestToken=token)
    assert athena.start("SELECT 1", ClientRequestToken=token) == first
    code, message = refusal(athena, "SELECT 2", ClientRequestToken=token)
    assert (code, message) == ("InvalidRequestException", "Idempotent parameters do not match")


def test_parameters_take_the_place_of_question_marks(athena: Athena) -> None:
    query = "SELECT '?' AS mark, s FROM (VALUES (1, 'it''s'), (2, 'b')) AS t (n, s) WHERE n = ? AND s = ? -- ?"
    assert athena.rows(query, "1", "'it''s'") == [["?", "it's"]]
    assert athena.reason(query, "1").startswith("INVALID_PARAMETER_USAGE: line 1:1: Incorrect number of parameters")
    code, _ = refusal(athena, "SELECT ?", ExecutionParameters=["1 UNION SELECT 2"])
    assert code == "InvalidRequestException"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT * FORM t", "line 1:15: mismatched input 't'."),
        ("SELEC 1", "line 1:1: mismatched input 'selec'."),
        ("SELECT 1; SELECT 2", "Only one sql statement is allowed."),
        (" -- nothing\n", "Query string is empty"),
        ("CREATE TABLE t (a int)", "External keyword required for table type HIVE"),
    ],
)
def test_malformed_statement_is_refused_at_once(athena: Athena, query: str, message: str) -> None:
    code, found = refusal(athena, query)
    assert code == "InvalidRequestException"
    assert found.startswith(message)


def test_names_that_do_not_exist_fail_with_their_place(athena: Athena) -> None:
    athena.make_table("t", {"n": "int"}, "t/")
    database = athena.database
    assert athena.reason("SELECT * FROM nope") == (
        f"TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.{database}.nope' does not exist"
    )
    assert athena.reason("SELECT *\n  FROM nowhere.nope") == (
        "SCHEMA_NOT_FOUND: line 2:8: Schema 'nowhere' does not exist"
    )
    assert athena.reason("SELECT n, nope FROM t") == (
        "COLUMN_NOT_FOUND: line 1:11: Column 'nope' cannot be resolved or requester is not authorized to access "
        "requested resources"
    )
    assert athena.reason("SELECT 1 FROM other_catalog.db.t") == (
        "CATALOG_NOT_FOUND: line 1:15: Catalog 'other_catalog' does not exist"
    )


def test_names_may_be_qualified_quoted_and_in_any_case(athena: Athena) -> None:
    athena.rows("CREATE TABLE t AS SELECT 1 AS n")
    database = athena.database
    for table in ("T", '"t"', f"{database}.t", f'"{database}"."t"', f'"AwsDataCatalog"."{database}"."t"'):
        answer = athena.run(f"SELECT N FROM {table}", QueryExecutionContext={"Database": database.upper()})
        assert (answer.header, answer.rows) == (["n"], [["1"]])
    assert athena.rows(f"SELECT a.n FROM {database}.t a JOIN t b ON a.n = b.n") == [["1"]]


def test_output_location_comes_from_request_or_workgroup(athena: Athena) -> None:
    code, message = refusal(athena, "SELECT 1", ResultConfiguration={})
    assert code == "InvalidRequestException"
    assert message.startswith("No output location provided.")
    own = {"OutputLocation": f"s3://{athena.bucket}/of-the-group/"}
    for enforced in (True, False):
        name = f"{athena.database}-{enforced}"
        configuration = {"ResultConfiguration": own, "EnforceWorkGroupConfiguration": enforced}
        athena.client.create_work_group(Name=name, Configuration=configuration)
    kept = athena.run("SELECT 1", WorkGroup=f"{athena.database}-True").execution
    assert kept["ResultConfiguration"]["OutputLocation"].startswith(own["OutputLocation"])
    asked = athena.run("SELECT 1", WorkGroup=f"{athena.database}-False").execution
    assert asked["ResultConfiguration"]["OutputLocation"].startswith(f"s3://{athena.bucket}/athena-results/")
    default = athena.run("SELECT 1", WorkGroup=f"{athena.database}-False", ResultConfiguration={}).execution
    assert default["ResultConfiguration"]["OutputLocation"].startswith(own["OutputLocation"])


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"WorkGroup": "nowhere"}, "WorkGroup nowhere is not found."),
        ({"ResultConfiguration": {"OutputLocation": "s3://no-such-bucket-here/x/"}}, "Unable to verify/create output"),
        ({"ResultConfiguration": {"OutputLocation": "/tmp/x"}}, "outputLocation is not a valid S3 path: /tmp/x"),
    ],
)
def test_request_that_cannot_run_is_refused(athena: Athena, request_: dict[str, Any], message: str) -> None:
    code, found = refusal(athena, "SELECT 1", **request_)
    assert code == "InvalidRequestException"
    assert found.startswith(message)


def test_unknown_query_is_refused(athena: Athena) -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    for call in (athena.client.get_query_results, athena.client.stop_query_execution):
        with pytest.raises(ClientError, match=f"QueryExecution {unknown} was not found"):
            call(QueryExecutionId=unknown)


def test_queries_run_at_the_same_time(athena: Athena) -> None:
    athena.rows("CREATE TABLE t AS SELECT n FROM UNNEST(sequence(1, 100)) AS u (n)")
    started = [athena.start("SELECT sum(n) + ? FROM t", ExecutionParameters=[str(n)]) for n in range(12)]
    states = {query_id: athena.wait(query_id)["Status"] for query_id in started}
    assert {status["State"] for status in states.values()} == {"SUCCEEDED"}
    results = [athena.client.get_query_results(QueryExecutionId=query_id) for query_id in started]
    values = [result["ResultSet"]["Rows"][1]["Data"][0]["VarCharValue"] for result in results]
    assert values == [str(5050 + n) for n in range(12)]
