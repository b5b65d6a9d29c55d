"""Contract of COPY in the embedded Redshift: Parquet and CSV, by the role's rights, in Redshift's words."""

import gzip
import io
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from redshift_client import Redshift, copy_role

from localaws import EmbeddedAws

TABLE = "create table t (a integer not null, b varchar(5), c decimal(12, 2), d date, e timestamp, f boolean)"
SCHEMA = pa.schema(
    [
        pa.field("a", pa.int32()),
        pa.field("other_name", pa.string()),
        pa.field("c", pa.decimal128(12, 2)),
        pa.field("d", pa.date32()),
        pa.field("e", pa.timestamp("us", tz="UTC")),
        pa.field("f", pa.bool_()),
    ]
)
ROW = [7, 'ä",\n', Decimal("-1.25"), date(2026, 1, 31), datetime(2026, 1, 31, 10, 0, 0, 5), True]
SPECTRUM = "Query #1 failed with ERROR: Spectrum Scan Error"


@pytest.fixture(scope="module")
def bucket(aws: EmbeddedAws) -> str:
    name = f"copy-{uuid4().hex[:10]}"
    aws.client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def role(aws: EmbeddedAws, bucket: str) -> str:
    return copy_role(
        aws,
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"},
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/open/*"},
    )


@pytest.fixture(scope="module")
def client(aws: EmbeddedAws) -> Any:
    return aws.client("redshift-data")


@pytest.fixture
def redshift(aws: EmbeddedAws, client: Any) -> Redshift:
    made = Redshift(aws, client)
    made.rows(TABLE)
    return made


@pytest.fixture
def put(aws: EmbeddedAws, bucket: str) -> Any:
    """Puts a file below `open/` in a folder of its own, and gives the folder."""
    s3, folder = aws.client("s3"), f"open/{uuid4().hex}/"

    def put_file(body: bytes, name: str = "part-0") -> str:
        s3.put_object(Bucket=bucket, Key=f"{folder}{name}", Body=body)
        return f"s3://{bucket}/{folder}"

    return put_file


def parquet(*rows: list[Any], schema: pa.Schema = SCHEMA) -> bytes:
    out = io.BytesIO()
    columns = [pa.array([row[at] for row in rows], field.type) for at, field in enumerate(schema)]
    pq.write_table(pa.table(columns, schema=schema), out)
    return out.getvalue()


def copy(location: str, role: str, how: str = "format as parquet", columns: str = "") -> str:
    return f"copy t {columns} from '{location}' iam_role '{role}' {how}"


def test_parquet_is_loaded_by_position_with_every_value(redshift: Redshift, put: Any, role: str) -> None:
    put(parquet(ROW), "part-0.parquet")
    location = put(parquet([8, None, None, None, None, None], [9, "", None, None, None, None]), "part-1.parquet")
    put(b"no Parquet", "_SUCCESS")
    ended = redshift.run(copy(location, role))
    assert (ended["Status"], ended["SubStatements"][0]["ResultRows"]) == ("FINISHED", 3)
    assert redshift.rows("select a, b, c, d, e, f from t order by a") == [
        [7, 'ä",\n', "-1.25", "2026-01-31", "2026-01-31 10:00:00.000005", True],
        [8, None, None, None, None, None],
        [9, "", None, None, None, None],
    ]


def test_parquet_that_does_not_fit_fails_as_spectrum_says_it(redshift: Redshift, put: Any, role: str) -> None:
    fewer = pa.schema(list(SCHEMA)[:-1])
    said = redshift.error(copy(put(parquet(ROW[:-1], schema=fewer)), role))
    assert said.startswith(SPECTRUM)
    assert "Unmatched number of columns between table and file. Table columns: 6, Data columns: 5, File name:" in said
    wider = SCHEMA.set(0, pa.field("a", pa.int64()))
    said = redshift.error(copy(put(parquet(ROW, schema=wider)), role))
    assert (
        "has an incompatible Parquet schema for column 'a'. Column type: INTEGER, Parquet schema: optional int64"
        in said
    )
    finer = SCHEMA.set(2, pa.field("c", pa.decimal128(12, 3)))
    assert "for column 'c'. Column type: DECIMAL(12,2)" in redshift.error(copy(put(parquet(ROW, schema=finer)), role))
    long = parquet([1, "äöü", None, None, None, None])
    assert "column b is longer than the length defined in the table. Table: 5, Data: 6" in redshift.error(
        copy(put(long), role)
    )
    empty = parquet([None, "", None, None, None, None])
    assert "Cannot insert a NULL value into column a" in redshift.error(copy(put(empty), role))
    assert "has an invalid Parquet footer" in redshift.error(copy(put(b"PAR"), role))
    assert redshift.rows("select count(*) from t") == [[0]]


def test_csv_with_its_options(redshift: Redshift, put: Any, role: str) -> None:
    location = put(b'b,a,c\n"""y""",1,1.5\n,2,\n"2\nl",3,-7\n')
    redshift.rows(copy(location, role, "csv ignoreheader as 1", "(b, a, c)"))
    assert redshift.rows("select a, b, c from t order by a") == [
        [1, '"y"', "1.50"],
        [2, "", None],
        [3, "2\nl", "-7.00"],
    ]
    redshift.rows("delete from t")
    location = put(gzip.compress(b"4|NUL|1|2026-01-31|2026-01-31 10:00:00|t\n5||1|||false\n"))
    redshift.rows(copy(location, role, "csv delimiter '|' null as 'NUL' emptyasnull gzip"))
    assert redshift.rows("select a, b, d, f from t order by a") == [
        [4, None, "2026-01-31", True],
        [5, None, None, False],
    ]


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        ("x,b,1,,,", "column a: Invalid digit, Value 'x', Pos 0, Type: Integer"),
        ("99999999999,b,1,,,", "column a: Overflow for integer value 99999999999"),
        (",b,1,,,", "column a: Missing data for not-null field"),
        ("1,äöü,1,,,", "column b: String length exceeds DDL length"),
        ("1,b,12345678901,,,", "column c: Overflow for DECIMAL(12,2) value 12345678901"),
        ("1,b,$1,,,", "column c: Invalid digit, Value '$', Pos 0, Type: Decimal"),
        ("1,b,1,2026-13-01,,", "column d: Invalid Date Format - length must be 10 or more"),
        ("1,b,1,,,maybe", "column f: Unknown boolean format 'maybe'"),
        ("1,b,1,,", "Delimiter not found"),
        ("1,b,1,,,,", "Extra column(s) found"),
        ('1,"b"c,1,,,', "Invalid quote formatting for CSV"),
    ],
)
def test_csv_that_does_not_fit_names_file_line_and_column(
    redshift: Redshift, put: Any, role: str, line: str, detail: str
) -> None:
    said = redshift.error(copy(put(f"1,ok,1,,,\n{line}\n".encode()), role, "format csv"))
    assert said.startswith("Query #1 failed with ERROR: Load into table 't' failed.  Check 'sys_load_error_detail'")
    assert "/part-0, line 2" in said
    assert said.endswith(detail)
    assert redshift.rows("select count(*) from t") == [[0]]


def test_the_roles_rights_decide_what_is_read(aws: EmbeddedAws, redshift: Redshift, bucket: str, role: str) -> None:
    aws.client("s3").put_object(Bucket=bucket, Key="closed/part-0", Body=parquet(ROW))
    assert "Error AccessDenied" in redshift.error(copy(f"s3://{bucket}/closed/", role))
    assert "The specified S3 prefix 'open/none/' does not exist" in redshift.error(
        copy(f"s3://{bucket}/open/none/", role)
    )
    nothing = copy_role(aws)
    said = redshift.error(copy(f"s3://{bucket}/open/", nothing))
    assert "is not authorized to perform: s3:ListBucket" in said
    missing = "arn:aws:iam::000000000000:role/none"
    said = redshift.error(copy(f"s3://{bucket}/open/", missing))
    assert f"Not authorized to get credentials of role {missing}" in said
    glue = {"Service": "glue.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": glue, "Action": "sts:AssumeRole"}
    foreign = copy_role(aws, trust={"Version": "2012-10-17", "Statement": [statement]})
    assert "does not trust redshift.amazonaws.com" in redshift.error(copy(f"s3://{bucket}/open/", foreign))


def test_an_unknown_table_or_column_is_named(redshift: Redshift, put: Any, role: str) -> None:
    location = put(parquet(ROW))
    said = redshift.error(copy(location, role).replace("copy t", "copy missing"))
    assert said == "Query #1 failed with ERROR: Cannot COPY into nonexistent table missing"
    assert 'column "zz" of relation "t" does not exist' in redshift.error(copy(location, role, columns="(a, zz)"))
