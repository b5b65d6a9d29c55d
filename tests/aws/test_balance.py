"""A run whose rows do not balance fails, says so, tells people and leaves gold as it was: in the deployed workflows."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from test_workflows import Mailbox
from workflow import wait_for_execution

from lakehouse import names
from lakehouse.batches.start import start_if_complete
from lakehouse.contract.load import pipelines
from lakehouse.ledger.items import DatasetBalance, FileRecord, GoldPointer, RunRecord
from lakehouse.ledger.store import Ledger
from lakehouse.silver.slots import SlotSwap
from lakehouse.silver.table import SilverStore, active_files, commit_swap, open_table
from tests.lake import Lake
from tests.tamper import one_row_less

CARTS = pipelines()["carts"]
BATCH = "2027-03-01"
LINES = ("1,7,101,2,$1.50", "1,7,102,3,$2.00", "2,8,101,1,$1.50", "3,9,103,many,$1.00")
FILE = "cart_id,customer_id,product_id,product_amount,product_price\n" + "\n".join([*LINES, *LINES[:2] * 18]) + "\n"
BALANCE = DatasetBalance(rows_in=40, silver=39, quarantined=1, duplicates=0)


class Carts:
    """One batch of carts, brought through the gate and run to gold."""

    def __init__(self, lake: Lake) -> None:
        self.lake, self.mail = lake, Mailbox(lake)
        self.ledger = Ledger(lake.client("dynamodb"), lake.settings.ledger_table)
        self.machine = lake.settings.state_machine_arn_prefix + "carts"
        key = f"bronze/carts/carts/date={BATCH}/a.csv"
        lake.client("s3").put_object(Bucket=lake.bucket, Key=key, Body=FILE.encode())
        until = time.monotonic() + 120
        while not (started := self.ledger.batch("carts", BATCH).run_id):
            assert time.monotonic() < until
            time.sleep(0.1)
        self.first = self.ended(started)[1]

    def again(self, engine: str | None = None) -> tuple[dict[str, Any], RunRecord]:
        """The same batch run once more: the execution's end, and the run in the ledger."""
        state = self.ledger.renew("carts", BATCH, engine)
        run = start_if_complete(CARTS, state, self.ledger, self.lake.client("stepfunctions"), self.machine)
        assert run is not None
        return self.ended(run.run_id)

    def ended(self, run_id: str) -> tuple[dict[str, Any], RunRecord]:
        arn = f"{self.machine.replace(':stateMachine:', ':execution:')}:{run_id}"
        done = wait_for_execution(self.lake.aws, arn, seconds=240)
        run = self.ledger.run("carts", BATCH, run_id)
        assert run is not None
        return done, run

    def pointers(self) -> list[GoldPointer | None]:
        return [self.ledger.pointer("carts", table.name) for table in CARTS.gold if table.after is None]

    def record(self) -> FileRecord:
        (found,) = self.ledger.files_of("carts", BATCH)
        return found

    @property
    def store(self) -> SilverStore:
        return SilverStore.on_s3(
            self.lake.bucket, self.lake.aws.session(), {"AWS_ENDPOINT_URL": self.lake.aws.endpoint_url}
        )

    @contextmanager
    def changed_record(self, **values: int) -> Iterator[None]:
        """The verdict on the file counts other rows."""
        before = self.record()
        self.ledger.table.put(replace(before, **values))  # type: ignore[arg-type]
        yield
        self.ledger.table.put(before)

    @contextmanager
    def changed_log(self, rows: int) -> Iterator[None]:
        """Silver's Delta log counts other rows of the file."""
        dataset = CARTS.dataset("carts")
        (before,) = active_files(open_table(self.store, dataset), BATCH)
        commit_swap(open_table(self.store, dataset), SlotSwap((replace(before, rows=before.rows + rows),), ()))
        yield
        commit_swap(open_table(self.store, dataset), SlotSwap((before,), ()))

    @contextmanager
    def changed_parquet(self) -> Iterator[None]:
        """The silver file has lost its last row."""
        s3 = self.lake.client("s3")
        key = names.silver_prefix("carts", "carts") + names.silver_data_path(self.record().file_id)
        before = s3.get_object(Bucket=self.lake.bucket, Key=key)["Body"].read()
        s3.put_object(Bucket=self.lake.bucket, Key=key, Body=one_row_less(before))
        yield
        s3.put_object(Bucket=self.lake.bucket, Key=key, Body=before)


@pytest.fixture(scope="module")
def carts(lake: Lake) -> Carts:
    return Carts(lake)


@pytest.fixture
def no_waiting(lake: Lake) -> Iterator[None]:
    """Retries follow at once."""
    from ministack.services import stepfunctions

    before, stepfunctions._SFN_WAIT_SCALE = stepfunctions._SFN_WAIT_SCALE, 0
    yield
    stepfunctions._SFN_WAIT_SCALE = before


def test_a_run_records_its_balance_and_its_totals(carts: Carts) -> None:
    assert carts.first.status == "published"
    assert carts.first.balance == {"carts": BALANCE}
    assert carts.first.gold["abandoned_products"].totals == {"products": "2", "pieces": "96"}


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(
    ("change", "engine", "error", "said"),
    [
        ("record rows_in", None, "BalanceError", "41 rows in, but 39 accepted + 1 quarantined + 0 duplicates"),
        ("record rows_accepted", None, "BalanceError", "the batch counts 39 rows, the verdict"),
        ("log", None, "BalanceError", "39 rows in force, 38 rows in silver"),
        ("parquet", "spark", "BalanceError", "Silver of carts has lost or gained rows"),
    ],
)
def test_a_run_that_does_not_balance_fails_is_told_and_leaves_gold_alone(
    carts: Carts, change: str, engine: str | None, error: str, said: str
) -> None:
    shown = carts.pointers()
    changes = {
        "record rows_in": lambda: carts.changed_record(rows_in=41),
        "record rows_accepted": lambda: carts.changed_record(rows_in=39, rows_accepted=38),
        "log": lambda: carts.changed_log(-1),
        "parquet": carts.changed_parquet,
    }
    with changes[change]():
        done, run = carts.again(engine)
    assert (done["status"], run.status) == ("FAILED", "failed")
    assert said in str(run.error)
    assert error in str(run.error)
    assert carts.pointers() == shown
    (letter,) = carts.mail.about(run.run_id, "run_failed")
    assert "What readers see of carts is as it was before" in letter["text"]
    done, run = carts.again()
    assert (done["status"], run.status, run.balance) == ("SUCCEEDED", "published", {"carts": BALANCE})


def test_an_imbalance_is_not_tried_again(carts: Carts) -> None:
    with carts.changed_record(rows_in=41):
        done, _ = carts.again()
    events = carts.lake.client("stepfunctions").get_execution_history(executionArn=done["executionArn"])["events"]
    kinds = [event["type"] for event in events]
    assert sum("Scheduled" in kind for kind in kinds) == 2, "the commit and the record of its failure"
