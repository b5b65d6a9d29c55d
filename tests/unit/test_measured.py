"""What the lake counts itself: the line, and what is counted of a verdict, a failure, a published run."""

import json
from dataclasses import replace

import pytest

from lakehouse import metrics
from lakehouse.gate.decide import measured
from lakehouse.ledger.items import BatchState, FileRecord, RunRecord
from lakehouse.publish.run import lag_seconds
from lakehouse.runs import failure_of, is_unbalanced

FILE = FileRecord("p", "d", "b", "k", "f", "v", "s", 10, "accepted", "at", rows_in=10, rows_quarantined=2)
RUN = RunRecord("p", "b", "r", "published", "2026-01-01T00:00:00+00:00", generation=3)
SHOWN = replace(RUN, published_at="2026-01-01T00:01:30.500000+00:00")
BATCH = BatchState("p", "b", generation=3, at="2026-01-01T00:00:00.000000+00:00")


def test_a_measurement_is_one_line_in_the_embedded_metric_format(capsys: pytest.CaptureFixture[str]) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html:
    the root names CloudWatchMetrics; each metric and dimension is a member beside it, dimensions as text."""
    metrics.measure("lake", "sales", {"RowsIn": 5, "GoldLagSeconds": 1.5})
    (line,) = capsys.readouterr().out.splitlines()
    document = json.loads(line)
    about = document["_aws"]
    (directive,) = about["CloudWatchMetrics"]
    assert isinstance(about["Timestamp"], int)
    assert about["Timestamp"] > 1_700_000_000_000  # milliseconds
    assert directive == {
        "Namespace": "Lakegate",
        "Dimensions": [["Lake", "Pipeline"]],
        "Metrics": [{"Name": "RowsIn", "Unit": "Count"}, {"Name": "GoldLagSeconds", "Unit": "Seconds"}],
    }
    assert [document[name] for name in ("Lake", "Pipeline", "RowsIn", "GoldLagSeconds")] == ["lake", "sales", 5, 1.5]


def test_what_is_not_in_the_list_is_not_measured() -> None:
    with pytest.raises(KeyError, match="Rows"):
        metrics.measure("lake", "sales", {"Rows": 5})


def test_of_a_refused_file_every_row_is_quarantined() -> None:
    assert measured(FILE) == {"RowsIn": 10, "RowsQuarantined": 2, "FilesRefused": 0}
    assert measured(replace(FILE, verdict="refused")) == {"RowsIn": 10, "RowsQuarantined": 10, "FilesRefused": 1}


@pytest.mark.parametrize(
    ("error", "cause", "unbalanced"),
    [
        ("BalanceError", '{"errorType": "BalanceError", "errorMessage": "Rows do not balance"}', True),
        ("States.TaskFailed", '{"ErrorMessage": "lakehouse.errors.BalanceError: 5 rows"}', True),
        ("EngineError", '{"errorType": "EngineError", "errorMessage": "no"}', False),
    ],
)
def test_a_failure_tells_whether_rows_were_lost(error: str, cause: str, unbalanced: bool) -> None:
    event = {"pipeline": "p", "batch": "b", "run_id": "r", "error": {"Error": error, "Cause": cause}}
    assert is_unbalanced(failure_of(event)) is unbalanced


def test_readers_waited_since_the_last_change_of_the_batch() -> None:
    assert lag_seconds(SHOWN, BATCH) == 90.5


@pytest.mark.parametrize(
    ("run", "batch"),
    [(None, BATCH), (RUN, BATCH), (SHOWN, replace(BATCH, generation=4))],
    ids=["another recorded its end", "superseded", "the batch has changed since"],
)
def test_nobody_waited_for_what_is_not_shown(run: RunRecord | None, batch: BatchState) -> None:
    assert lag_seconds(run, batch) is None
