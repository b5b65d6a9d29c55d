"""AWS calls at which no fault is put here, each with the reason and the test that holds what follows."""

from tests.faults.boundaries import Boundary

_READS = "lake audit only reads, and is asked again by whoever sees it fail (tests/aws/test_audit.py)"
_ERASES = "lake forget goes on until its own scan finds nothing; a repeat begins anew (tests/aws/test_forget.py)"
_ASKS = (
    "a person sees the command fail and repeats it, which is harmless "
    "(tests/aws/test_repair_runs.py, tests/aws/test_repair_dead_letters.py)"
)
_CRAWLS = "needs a crawler: tests/aws/test_crawl.py lets answers be lost and repeats be made"
_LOADS = "needs a warehouse: tests/aws/test_warehouse.py kills loads and repeats them"

REASONS: dict[str, tuple[str, ...]] = {
    _READS: (
        "lakehouse/audit/judged.py:_is_marked head_object",
        "lakehouse/audit/sources.py:bronze_objects list_object_versions",
        "lakehouse/audit/sources.py:download get_object",
        "lakehouse/audit/sources.py:objects_below list_objects_v2",
    ),
    _ERASES: (
        "lakehouse/erase/bronze.py:rewrite get_object",
        "lakehouse/erase/bronze.py:rewrite put_object",
        "lakehouse/erase/remove.py:Remover._logs delete_log_stream",
        "lakehouse/erase/stored.py:read get_object",
        "lakehouse/erase/stored.py:remove delete_object",
        "lakehouse/erase/stored.py:versions list_object_versions",
        "lakehouse/erase/survey.py:_dead_letters change_message_visibility",
        "lakehouse/erase/survey.py:_dead_letters get_queue_url",
        "lakehouse/erase/survey.py:_dead_letters receive_message",
        "lakehouse/erase/survey.py:_streams_of filter_log_events",
        "lakehouse/erase/survey.py:items scan",
        "lakehouse/erase/survey.py:log_streams describe_log_groups",
        "lakehouse/ledger/table.py:LedgerTable.redact update_item",
    ),
    _ASKS: (
        "lakehouse/repair/judge_again.py:ask send_message",
        "lakehouse/repair/judge_again.py:intake_is_empty get_queue_attributes",
        "lakehouse/repair/queues.py:DeadLetterQueues._hand_over send_message",
        "lakehouse/repair/queues.py:DeadLetterQueues._receive receive_message",
        "lakehouse/repair/queues.py:DeadLetterQueues._show_again change_message_visibility",
        "lakehouse/repair/queues.py:DeadLetterQueues._url get_queue_url",
        "lakehouse/repair/queues.py:DeadLetterQueues.count get_queue_attributes",
        "lakehouse/repair/queues.py:DeadLetterQueues.redrive delete_message",
        "lakehouse/repair/replay.py:Workflows.status describe_execution",
    ),
    _CRAWLS: (
        "lakehouse/crawl/answer.py:_fail send_task_failure",
        "lakehouse/crawl/answer.py:_succeed send_task_success",
        "lakehouse/crawl/answer.py:answer get_crawler",
        "lakehouse/crawl/ask.py:start start_crawler",
        "lakehouse/ledger/table.py:LedgerTable.delete_if delete_item",
    ),
    _LOADS: (
        "lakehouse/warehouse/data_api.py:DataApi._rows get_statement_result",
        "lakehouse/warehouse/data_api.py:DataApi._submit batch_execute_statement",
        "lakehouse/warehouse/data_api.py:DataApi._wait describe_statement",
        "lakehouse/warehouse/load.py:_dimension put_object",
    ),
    "only asked where Step Functions says that a run is stuck: tests/aws/test_sweep.py": (
        "lakehouse/sweep/runs.py:RunSweeper._execution describe_execution",
    ),
    "only where a contract has gained a column: tests/faults/test_late_contract.py": (
        "lakehouse/silver/table.py:open_or_create add_columns",
    ),
    "only where the compacted file is there already: tests/aws/test_compact.py": (
        "lakehouse/engines/duckdb_compact.py:store_compacted head_object",
    ),
}

EXEMPT = {Boundary(*text.split(" ")): reason for reason, texts in REASONS.items() for text in texts}
