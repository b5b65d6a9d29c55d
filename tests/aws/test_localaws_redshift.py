"""Contract of the embedded Redshift's Data API: statements, transactions, types, dialect, permissions."""

import json
import os
import signal
import time
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from redshift_client import WORKGROUP, Redshift, value_of, wait_for_blocked

from localaws import EmbeddedAws

T = "create table t (a integer not null, b varchar(5), c decimal(12, 2), primary key (a)) distkey (a) sortkey (a)"


@pytest.fixture(scope="module")
def client(aws: EmbeddedAws) -> Any:
    return aws.client("redshift-data")


@pytest.fixture
def redshift(aws: EmbeddedAws, client: Any) -> Redshift:
    return Redshift(aws, client)


def test_a_result_set_has_redshifts_types_and_exact_values(redshift: Redshift) -> None:
    ended = redshift.run(
        T,
        "insert into t values (1, 'x', 1.5), (2, null, null)",
        "select a, b, c, date '2026-01-31' as d, timestamp '2026-01-31 10:00:00.5' as e, a = 1 as f, "
        "2.5::double precision as g, count(*) over () as h from t order by a",
    )
    result = redshift.client.get_statement_result(Id=ended["SubStatements"][2]["Id"])
    assert [(one["name"], one["typeName"], one["precision"], one["scale"]) for one in result["ColumnMetadata"]] == [
        ("a", "int4", 10, 0),
        ("b", "varchar", 5, 0),
        ("c", "numeric", 12, 2),
        ("d", "date", 13, 0),
        ("e", "timestamp", 29, 0),
        ("f", "bool", 1, 0),
        ("g", "float8", 17, 0),
        ("h", "int8", 19, 0),
    ]
    first = [1, "x", "1.50", "2026-01-31", "2026-01-31 10:00:00.500000", True, 2.5, 2]
    second = [2, None, None, "2026-01-31", "2026-01-31 10:00:00.500000", False, 2.5, 2]
    assert [[value_of(field) for field in record] for record in result["Records"]] == [first, second]
    assert result["TotalNumRows"] == 2


def test_a_batch_is_one_transaction_with_a_status_for_each_part(redshift: Redshift) -> None:
    redshift.rows(T, "insert into t values (1, 'x', 1)")
    ended = redshift.run("insert into t values (2, 'y', 2)", "select * from missing", "delete from t")
    assert ended["Status"] == "FAILED"
    assert ended["Error"] == 'Query #2 failed with ERROR: relation "missing" does not exist'
    assert [part["Status"] for part in ended["SubStatements"]] == ["FINISHED", "FAILED", "ABORTED"]
    assert [part["Id"] for part in ended["SubStatements"]] == [f"{ended['Id']}:{number}" for number in (1, 2, 3)]
    assert [part["ResultRows"] for part in ended["SubStatements"]] == [1, -1, -1]
    assert redshift.rows("select a from t") == [[1]]


def test_one_statement_alone(redshift: Redshift) -> None:
    answer = redshift.client.execute_statement(Sql="select 7 as n", WorkgroupName=WORKGROUP, Database=redshift.database)
    ended = redshift.wait(answer["Id"])
    assert (ended["Status"], ended["QueryString"], ended["HasResultSet"], ended["ResultRows"]) == (
        "FINISHED",
        "select 7 as n",
        True,
        1,
    )
    assert redshift.client.get_statement_result(Id=answer["Id"])["Records"] == [[{"longValue": 7}]]


def test_keys_inform_and_are_not_enforced_but_null_and_length_are(redshift: Redshift) -> None:
    redshift.rows(T, "insert into t values (1, 'x', 1), (1, 'y', 2)")
    assert redshift.rows("select count(*) from t") == [[2]]
    assert redshift.error("insert into t values (null, 'x', 1)").endswith("Cannot insert a NULL value into column a")
    redshift.rows("insert into t values (3, 'äö', 1)")
    too_long = redshift.error("insert into t values (4, 'äöü', 1)")  # three letters, six bytes
    assert too_long.endswith("ERROR: value too long for type character varying(5)")


def test_redshifts_own_words_work(redshift: Redshift) -> None:
    redshift.rows(
        "create table o (id bigint identity(1, 1), Name varchar(max) encode lzo, n int distkey sortkey, d decimal, "
        "made timestamp default getdate(), unique (name), foreign key (n) references nowhere (n)) diststyle key",
        "insert into o (\"NAME\", n) values ('a', nvl(null, 3)), ('b', 4)",
        "create temp table s (id bigint, n int)",
        "create temp table l (like s)",
        "insert into l select id, n from o minus select 2, 4",
        "delete from o using l where o.id <> l.id",
    )
    assert redshift.rows("select top 1 id, name, n, len(name), extract(year from made) > 2000 from o order by id") == [
        [1, "a", 3, 1, True]
    ]
    assert "does not exist" in redshift.error("select * from s")  # it was temporary
    assert "cannot insert a non-DEFAULT value" in redshift.error("insert into o (id, n) values (9, 9)")


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("create table x (a super)", "Type SUPER is not supported by the embedded AWS"),
        ("create index i on t (a)", "Statement CREATE INDEX is not supported by the embedded AWS"),
        ("grant select on t to public", "Statement GRANT is not supported by the embedded AWS"),
        ("unload ('select 1') to 's3://x/' iam_role 'r'", "Statement UNLOAD is not supported by the embedded AWS"),
        ("begin", "Statement TRANSACTION is not supported by the embedded AWS"),
        ("select 1; select 2", "one statement is expected here: send several as a batch"),
        ("selec 1", "syntax error: Invalid expression / Unexpected token. Line 1, Col: 7."),
        ("insert into t values (1) on conflict do nothing", "syntax error: Redshift has no ONCONFLICT"),
        ("select pg_sleep(1)", "function pg_sleep does not exist in Redshift"),
        (
            "select datediff(day, a, b) from t",
            "DATEDIFF, which counts boundaries, is not supported by the embedded AWS",
        ),
        ("select nosuch(1)", "function nosuch(integer) does not exist"),
        ("copy t from 's3://b/' iam_role 'r' json 'auto'", "COPY with json is not supported by the embedded AWS"),
        ("select 1/0", "division by zero"),
    ],
)
def test_what_is_not_known_fails_with_a_reason(redshift: Redshift, sql: str, reason: str) -> None:
    assert redshift.error(sql).startswith(f"Query #1 failed with ERROR: {reason}")


MERGE = "merge into t using s on t.a = s.a {} when not matched then insert (a, b) values (s.a, s.b)"


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        (MERGE.replace("into t using", "into t as x using").format("when matched then delete"), "without an alias"),
        (MERGE.replace("using s", "using (select 1 as a) s").format("when matched then delete"), "is a table, neither"),
        (MERGE.format("when matched and s.a > 1 then delete"), "takes no further condition"),
        (MERGE.format("when matched then update set t.b = s.b"), "named without its table"),
        ("merge into t using s on t.a = s.a when matched then delete", "one WHEN MATCHED, then one WHEN NOT MATCHED"),
        (MERGE.replace("using s on t.a = s.a", "using t on t.a = t.a").format("when matched then delete"), "same"),
    ],
)
def test_merge_takes_what_redshift_takes(redshift: Redshift, sql: str, rule: str) -> None:
    assert rule in redshift.error(sql)


def test_merge_updates_deletes_and_inserts(redshift: Redshift) -> None:
    redshift.rows(T, "insert into t values (1, 'old', 1)", "create table s (a int, b varchar(5))")
    redshift.rows("insert into s values (1, 'new'), (2, 'two')")
    redshift.rows(MERGE.format("when matched then update set b = s.b"))
    assert redshift.rows("select a, b from t order by a") == [[1, "new"], [2, "two"]]
    redshift.rows(MERGE.format("when matched then delete"))
    assert redshift.rows("select count(*) from t") == [[0]]


def test_parameters_are_values_never_text_of_the_statement(redshift: Redshift) -> None:
    parameters = [{"name": "v", "value": "x' or '1'='1"}, {"name": "n", "value": "5"}]
    found = redshift.rows("select :v as v, 2 + :n as n", Parameters=parameters)
    assert found == [["x' or '1'='1", 7]]
    with pytest.raises(ClientError, match="Unused parameters: \\['n'\\]"):
        redshift.start("select :v", Parameters=parameters)
    assert "there is no parameter :w" in redshift.error("select :v, :n, :w", Parameters=parameters)


def test_the_same_client_token_runs_once(redshift: Redshift) -> None:
    redshift.rows(T)
    token = uuid4().hex
    ids = {redshift.start("insert into t values (1, 'x', 1)", ClientToken=token) for _ in range(3)}
    assert len(ids) == 1
    redshift.wait(ids.pop())
    assert redshift.rows("select count(*) from t") == [[1]]
    with pytest.raises(ClientError, match="ValidationException"):
        redshift.start("select 2", ClientToken=token)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"ClusterIdentifier": "c"}, "ClusterIdentifier is not supported"),
        ({"ExecutionMode": "AUTO_COMMIT"}, "AUTO_COMMIT is not supported"),
        ({"ResultFormat": "CSV"}, "ResultFormat CSV is not supported"),
        ({"Sqls": ["select 1"] * 41}, "must be from 1 to 40|valid max length"),
        ({"Sqls": [" "]}, "must not be empty"),
        ({"Database": "a b"}, "Database is 'a b'"),
    ],
)
def test_requests_that_are_refused_at_once(redshift: Redshift, request_: dict[str, Any], message: str) -> None:
    request = {"WorkgroupName": WORKGROUP, "Database": redshift.database, "Sqls": ["select 1"], **request_}
    with pytest.raises(ClientError, match=message):
        redshift.client.batch_execute_statement(**request)


def test_a_result_comes_in_pages_and_only_from_a_part_that_has_one(redshift: Redshift) -> None:
    ten = " union all ".join(f"select {number} as n" for number in range(13))
    found = redshift.rows(f"create table d as {ten}", "select x.n * 169 + y.n * 13 + z.n from d x, d y, d z order by 1")
    assert [row[0] for row in found] == list(range(13**3))
    ended = redshift.run("select 1", "delete from d")
    for statement_id, message in (
        (ended["Id"], "can only be retrieved with sub-statement id"),
        (ended["SubStatements"][1]["Id"], "Query does not have result"),
        (str(uuid4()), "Query does not exist"),
    ):
        with pytest.raises(ClientError, match=message):
            redshift.client.get_statement_result(Id=statement_id)


def test_statements_are_listed_by_name_newest_first(redshift: Redshift) -> None:
    name = f"list-{uuid4().hex}"
    ids = [redshift.start(f"select {number}", StatementName=f"{name}-{number}") for number in (1, 2)]
    for one in ids:
        redshift.wait(one)
    listed = redshift.client.list_statements(StatementName=name)["Statements"]
    assert [(one["Id"], one["Status"], one["IsBatchStatement"]) for one in listed] == [
        (ids[1], "FINISHED", True),
        (ids[0], "FINISHED", True),
    ]


def test_a_running_statement_can_be_cancelled_and_leaves_nothing(redshift: Redshift) -> None:
    redshift.rows(T)
    with redshift.behind() as other:
        other.run("LOCK TABLE t IN EXCLUSIVE MODE")
        statement_id = redshift.start("create table made (a int)", "delete from t", "select 1")
        wait_for_blocked(other)
        assert redshift.client.cancel_statement(Id=statement_id)["Status"] is True
    ended = redshift.wait(statement_id)
    assert ended["Status"] == "ABORTED"
    assert [part["Status"] for part in ended["SubStatements"]] == ["FINISHED", "ABORTED", "ABORTED"]
    assert "does not exist" in redshift.error("select * from made")
    with pytest.raises(ClientError, match="already in ABORTED state"):
        redshift.client.cancel_statement(Id=statement_id)


def test_a_conflict_of_two_transactions_is_error_1023(redshift: Redshift) -> None:
    redshift.rows(T, "insert into t values (1, 'x', 1)")
    with redshift.behind() as other:
        other.run("UPDATE t SET c = 2")
        statement_id = redshift.start("update t set c = 3")
        wait_for_blocked(other)
        other.run("COMMIT")
    ended = redshift.wait(statement_id)
    assert ended["Error"] == (
        "Query #1 failed with ERROR: 1023 DETAIL: Serializable isolation violation on table in Redshift"
    )


def test_the_end_of_a_statement_is_an_event(aws: EmbeddedAws, redshift: Redshift) -> None:
    events, sqs, name = aws.client("events"), aws.client("sqs"), f"redshift-{uuid4().hex[:8]}"
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:{aws.region}:{aws.account_id}:{name}"
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    pattern = {"source": ["aws.redshift-data"], "detail": {"statementName": [name]}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    statement_id = redshift.start("select 1", WithEvent=True, StatementName=name)
    message = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"][0]
    event = json.loads(message["Body"])
    assert event["detail-type"] == "Redshift Data Statement Status Change"
    assert event["resources"] == [f"arn:aws:redshift-serverless:us-east-1:000000000000:workgroup/{WORKGROUP}"]
    detail = event["detail"]
    assert (detail["statementId"], detail["state"], detail["rows"]) == (statement_id, "FINISHED", 1)
    assert detail["principal"] == "arn:aws:iam::000000000000:user/admin"
    events.remove_targets(Rule=name, Ids=["queue"])
    events.delete_rule(Name=name)


OWN = {"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}}
WORKGROUPS = "arn:aws:redshift-serverless:us-east-1:000000000000:workgroup/"


@pytest.fixture
def operator(aws: EmbeddedAws) -> Any:
    """Sets the operator's rights for Redshift."""
    iam = aws.client("iam")

    def allow(*statements: dict[str, Any]) -> Any:
        document = json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]}
        )
        iam.put_user_policy(UserName="operator", PolicyName="redshift-test", PolicyDocument=document)
        return aws.client("redshift-data", "operator")

    yield allow
    iam.delete_user_policy(UserName="operator", PolicyName="redshift-test")


def test_running_needs_the_action_and_credentials_on_the_workgroup(redshift: Redshift, operator: Any) -> None:
    request = {"Sql": "select 1", "WorkgroupName": WORKGROUP, "Database": redshift.database}
    run = {"Action": "redshift-data:ExecuteStatement", "Resource": f"{WORKGROUPS}{WORKGROUP}"}
    log_in = {"Action": "redshift-serverless:GetCredentials", "Resource": f"{WORKGROUPS}{WORKGROUP}"}
    with pytest.raises(ClientError, match=r"AccessDenied.*redshift-serverless:GetCredentials"):
        operator(run).execute_statement(**request)
    with pytest.raises(ClientError, match=r"AccessDenied.*redshift-data:ExecuteStatement"):
        operator(log_in).execute_statement(**request)
    allowed = operator(run, log_in)
    assert allowed.execute_statement(**request)["DbUser"] == "IAM:operator"
    with pytest.raises(ClientError, match=r"AccessDenied.*redshift-data:ExecuteStatement"):
        allowed.execute_statement(**{**request, "WorkgroupName": "another"})


def test_only_ones_own_statements_can_be_looked_at(redshift: Redshift, operator: Any) -> None:
    ended = redshift.run("select 1")
    look = {"Action": ["redshift-data:DescribeStatement", "redshift-data:ListStatements"], "Resource": "*"}
    with pytest.raises(ClientError, match="AccessDenied"):
        operator({**look, "Condition": OWN}).describe_statement(Id=ended["Id"])
    with pytest.raises(ClientError, match="Query does not exist"):
        operator(look).describe_statement(Id=ended["Id"])
    run = {"Action": ["redshift-data:*", "redshift-serverless:GetCredentials"], "Resource": f"{WORKGROUPS}*"}
    client = operator(run, {**look, "Condition": OWN})
    request = {"Sql": "select 1", "WorkgroupName": WORKGROUP, "Database": redshift.database}
    mine = client.execute_statement(**request)["Id"]
    assert client.describe_statement(Id=mine)["Id"] == mine
    listed = [one["Id"] for one in client.list_statements()["Statements"]]
    assert listed[0] == mine
    assert ended["Id"] not in listed


def test_a_lost_server_fails_the_statement_and_the_next_one_starts_it_again(redshift: Redshift) -> None:
    from localaws import redshift as service

    redshift.rows(T, "insert into t values (1, 'x', 1)")
    with redshift.behind() as other:
        other.run("LOCK TABLE t IN EXCLUSIVE MODE")
        statement_id = redshift.start("insert into t values (2, 'y', 2)", "select 1")
        wait_for_blocked(other)
        pid = service.server().pid
        assert pid is not None
        os.kill(pid, signal.SIGQUIT)  # an immediate end, as in a crash: what is open is lost
        ended = redshift.wait(statement_id)
    assert (
        ended["Error"]
        == "Query #1 failed with ERROR: The connection to the database was lost before the statement ended"
    )
    deadline = time.monotonic() + 20
    while service.server().pid == pid and time.monotonic() < deadline:
        time.sleep(0.05)
    assert redshift.rows("select a from t") == [[1]]
    assert service.server().pid != pid
