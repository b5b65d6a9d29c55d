"""A small lake for the warehouse alone: bucket, ledger, roles with their own policies, gold written by hand."""

import io
import json
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.config import Config
from gate_world import LEDGER_TABLE
from redshift_client import TRUST, WORKGROUP, Redshift

from lakehouse import runs
from lakehouse.contract.load import pipelines
from lakehouse.ledger.items import GoldPointer, GoldResult, now
from lakehouse.ledger.store import Ledger
from lakehouse.notify import Notification
from lakehouse.plan import RunPlan
from lakehouse.warehouse.data_api import DataApi
from lakehouse.warehouse.load import Surroundings, WarehouseLoad, load_run
from localaws import EmbeddedAws
from tests.secret import TEXT, keyed

ROOT = Path(__file__).parents[2]
BATCH = "2026-01-01"
SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("transaction_id", "customer_id", "customer_email", "product_id")),
        *(pa.field(name, pa.string()) for name in ("product_name", "category", "supplier_id")),
        pa.field("quantity", pa.int32()),
        pa.field("price", pa.decimal128(12, 2)),
        pa.field("total_amount", pa.decimal128(18, 2)),
        pa.field("transaction_class", pa.string()),
        pa.field("transaction_date", pa.date32()),
        pa.field("payment_type", pa.string()),
        pa.field("status", pa.string()),
    ]
)


def sale(number: int, quantity: int = 2, status: str = "Completed") -> dict[str, Any]:
    """A fact of gold."""
    return {
        "transaction_id": f"TXN{number}",
        "customer_id": "C1",
        "customer_email": "amara.okoye@example.com",
        "product_id": "P1",
        "product_name": "Desk Lamp",
        "category": "Home",
        "supplier_id": "S1",
        "quantity": quantity,
        "price": Decimal("34.90"),
        "total_amount": Decimal("34.90") * quantity,
        "transaction_class": "Small",
        "transaction_date": date(2026, 1, 1),
        "payment_type": "Credit Card",
        "status": status,
    }


@dataclass
class WarehouseWorld:
    """The small lake, with a Redshift database of its own. Loads run under `iam/load.json` and `iam/warehouse.json`."""

    aws: EmbeddedAws
    admin: Any
    """A Redshift Data API client of the administrator."""
    prefix: str = field(default_factory=lambda: f"h{uuid4().hex[:8]}")
    told: list[Notification] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bucket = f"{self.prefix}-lake"
        self.s3, self.dynamodb, self.iam = (self.aws.client(name) for name in ("s3", "dynamodb", "iam"))
        self.s3.create_bucket(Bucket=self.bucket)
        self.dynamodb.create_table(TableName=f"{self.prefix}-ledger", **LEDGER_TABLE)
        self.ledger = Ledger(self.dynamodb, f"{self.prefix}-ledger")
        self.redshift = Redshift(self.aws, self.admin)
        self.secret = f"{self.prefix}/tokens"
        self.aws.client("secretsmanager").create_secret(Name=self.secret, SecretString=TEXT)
        self.role_arn = self._role("warehouse", TRUST)
        principal = {"AWS": self.aws.account_id}
        statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        arn = self._role("load", {"Version": "2012-10-17", "Statement": [statement]})
        self.keys = self.aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="load")["Credentials"]
        self.clients = {name: self._client(name) for name in ("s3", "dynamodb", "redshift-data")}

    def publish(self, version: int, *sales: dict[str, Any], schema: pa.Schema = SCHEMA) -> RunPlan:
        """Gold of a run as the publishing step leaves it: files, the run's item, the pointer."""
        run_id = f"sales-{BATCH}-{uuid4().hex}"
        key = f"gold/sales/fact_sales/run={run_id}/1/"
        out = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(list(sales), schema=schema), out)
        self.s3.put_object(Bucket=self.bucket, Key=f"{key}part-00000.parquet", Body=out.getvalue())
        location, versions = f"s3://{self.bucket}/{key}", {"transactions": version}
        runs.committed(self.ledger, "sales", BATCH, run_id, "duckdb", versions, 1)
        result = GoldResult(location, len(sales), len(out.getvalue()), "1", "duckdb")
        runs.gold_written(self.ledger, "sales", BATCH, run_id, {"fact_sales": result})
        self.point(location, run_id, versions)
        runs.published(self.ledger, "sales", BATCH, run_id)
        return RunPlan("sales", BATCH, run_id, "duckdb", versions, 1)

    def point(self, location: str, run_id: str, versions: dict[str, int]) -> None:
        self.ledger.put_pointer(GoldPointer("sales", "fact_sales", location, run_id, versions, at=now()))

    def load(self, plan: RunPlan, clients: dict[str, Any] | None = None) -> WarehouseLoad:
        """The load as its function does it, with the function's rights."""
        found = clients or self.clients
        around = Surroundings(
            ledger=Ledger(found["dynamodb"], f"{self.prefix}-ledger"),
            api=DataApi(found["redshift-data"], WORKGROUP, self.redshift.database),
            s3=found["s3"],
            bucket=self.bucket,
            role_arn=self.role_arn,
            tell=self.told.append,
            invocation=uuid4().hex,
        )
        return load_run(keyed(pipelines()["sales"]), plan, around)

    def new_clients(self) -> dict[str, Any]:
        """Clients of their own for one more loader."""
        return {name: self._client(name) for name in self.clients}

    def facts(self) -> dict[str, tuple[int, str]]:
        """Quantity and status of every fact, by its id."""
        rows = self.redshift.rows("select transaction_id, quantity, status from fact_sales")
        assert len({row[0] for row in rows}) == len(rows)
        return {row[0]: (row[1], row[2]) for row in rows}

    def checksum(self) -> list[list[Any]]:
        """Every column of every fact, in order."""
        return self.redshift.rows("select * from fact_sales order by transaction_id")

    def _role(self, who: str, trust: dict[str, Any]) -> str:
        name = f"{self.prefix}-{who}"
        arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        self.iam.put_role_policy(RoleName=name, PolicyName=who, PolicyDocument=self._policy(who))
        return str(arn)

    def _policy(self, who: str) -> str:
        text = (ROOT / "iam" / f"{who}.json").read_text()
        values = {
            "AWS::Partition": "aws",
            "AWS::Region": self.aws.region,
            "AWS::AccountId": self.aws.account_id,
            "Prefix": self.prefix,
            "LakeBucket": self.bucket,
            "DataKey": "*",
            "Pipeline": "sales",
        }
        for name, value in values.items():
            text = text.replace(f"${{{name}}}", value)
        return text

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.aws.endpoint_url,
            region_name=self.aws.region,
            aws_access_key_id=self.keys["AccessKeyId"],
            aws_secret_access_key=self.keys["SecretAccessKey"],
            aws_session_token=self.keys["SessionToken"],
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
        )
