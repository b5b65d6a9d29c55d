"""What the gate decides about one version of an object. Pure: values in, values out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lakehouse import names
from lakehouse.contract.model import Column, Pipeline, Place, RefusedPlace
from lakehouse.contract.personal import has_personal, is_personal
from lakehouse.gate.judge import Judgement
from lakehouse.gate.objects import ObjectVersion
from lakehouse.ledger.items import FileRecord, SlotState
from lakehouse.names import UNKNOWN

NO_CONTRACT = "none"


def unknown_place(refused: RefusedPlace) -> Place:
    """Where the ledger keeps a file that fits no contract."""
    slot_id = names.slot_id(UNKNOWN, UNKNOWN, names.DEFAULT_BATCH, refused.key)
    return Place(UNKNOWN, UNKNOWN, names.DEFAULT_BATCH, refused.key, slot_id)


def refused_unread(refused: RefusedPlace, content_sha256: str, size_bytes: int) -> Judgement:
    """The verdict on a file that fits no contract."""
    return Judgement(
        verdict="refused",
        reason=refused.reason,
        message=refused.message,
        content_sha256=content_sha256,
        bytes=size_bytes,
        rows_in=0,
        rows_accepted=0,
        rows_quarantined=0,
        rows_duplicate=0,
        by_reason={},
        parquet=None,
        quarantine_rows=None,
        seconds={},
    )


def keeps_original(pipeline: str, dataset: str, key: str, pipelines: Mapping[str, Pipeline]) -> bool:
    """Whether quarantine gets a copy of a refused file's bytes. Where they may hold personal values they stay in bronze
    alone, which keeps every byte: in a dataset with personal columns, and in a file that fits no contract but lies
    among those of a pipeline that has such a dataset."""
    if pipeline == UNKNOWN:
        among = pipelines.get("".join(key.split("/")[1:2]))
        return among is None or not is_personal(among)
    datasets = pipelines[pipeline].datasets if pipeline in pipelines else ()
    return not any(has_personal(one.columns) for one in datasets if one.name == dataset)


def is_judged(slot: SlotState | None, version: ObjectVersion, contract_hash: str) -> bool:
    """The slot's last verdict is about this version, under this contract."""
    return slot is not None and slot.judged_version_id == version.version_id and slot.contract_hash == contract_hash


def measured(file: FileRecord) -> dict[str, int]:
    """What is counted of a verdict. A refused file goes to quarantine with all of its rows."""
    refused = file.verdict == "refused"
    quarantined = file.rows_in if refused else file.rows_quarantined
    return {"RowsIn": file.rows_in, "RowsQuarantined": quarantined, "FilesRefused": int(refused)}


def file_record(
    place: Place,
    version: ObjectVersion,
    judgement: Judgement,
    columns: Sequence[Column],
    file_id: str,
    parquet_bytes: int,
    seconds: float,
    at: str,
) -> FileRecord:
    """The ledger's record of a judgement by a contract with these columns, as they are stored."""
    return FileRecord(
        pipeline=place.pipeline,
        dataset=place.dataset,
        batch=place.batch,
        key=place.key,
        file_id=file_id,
        version_id=version.version_id,
        content_sha256=judgement.content_sha256,
        bytes=judgement.bytes,
        verdict=judgement.verdict,
        at=at,
        reason=judgement.reason,
        message=judgement.message,
        rows_in=judgement.rows_in,
        rows_accepted=judgement.rows_accepted,
        rows_quarantined=judgement.rows_quarantined,
        rows_duplicate=judgement.rows_duplicate,
        by_reason=dict(judgement.by_reason),
        parquet_bytes=parquet_bytes,
        seconds=seconds,
        types={column.name: column.type for column in columns} if judgement.verdict == "accepted" else {},
    )


def verdict(file: FileRecord) -> dict[str, object]:
    """What `verdict.json` in quarantine says. Nothing in it depends on when or how often the file was judged."""
    return {
        "pipeline": file.pipeline,
        "dataset": file.dataset,
        "batch": file.batch,
        "key": file.key,
        "version_id": file.version_id,
        "file_id": file.file_id,
        "content_sha256": file.content_sha256,
        "bytes": file.bytes,
        "verdict": file.verdict,
        "reason": file.reason,
        "message": file.message,
        "rows_in": file.rows_in,
        "rows_accepted": file.rows_accepted,
        "rows_quarantined": file.rows_quarantined,
        "rows_duplicate": file.rows_duplicate,
        "by_reason": dict(file.by_reason),
    }


def next_revision(
    before: SlotState | None, place: Place, version: ObjectVersion, contract_hash: str, file: FileRecord, teller: str
) -> SlotState:
    """The slot after a verdict. An accepted version comes into force, a refused one leaves the one before in force.

    Args:
        teller: who is to tell people, where there is something to tell: the id of the SQS message being handled.
    """
    revision = before.revision + 1 if before else 1
    slot = SlotState(
        pipeline=place.pipeline,
        dataset=place.dataset,
        batch=place.batch,
        key=place.key,
        slot_id=place.slot_id,
        revision=revision,
        judged_version_id=version.version_id,
        judged_etag=version.etag,
        contract_hash=contract_hash,
        verdict=file.verdict,
        file_id=file.file_id,
        at=file.at,
        reason=file.reason,
        notified_revision=0 if _worth_telling(before, file) else revision,
        teller=teller,
        **_still_in_force(before),
    )
    if file.verdict == "refused":
        return slot
    return replace(
        slot,
        in_force_file_id=file.file_id,
        in_force_version_id=version.version_id,
        in_force_at=version.modified_at,
        in_force_rows=file.rows_accepted,
        in_force_bytes=file.bytes,
        in_force_parquet_bytes=file.parquet_bytes,
    )


def _worth_telling(before: SlotState | None, file: FileRecord) -> bool:
    """People are told once of an outcome: the same bytes uploaded again, under the same contract, are no news."""
    if before is not None and before.file_id == file.file_id:
        return False
    return file.verdict == "refused" or file.rows_quarantined > 0


def _still_in_force(before: SlotState | None) -> dict[str, Any]:
    if before is None:
        return {}
    return {
        "in_force_file_id": before.in_force_file_id,
        "in_force_version_id": before.in_force_version_id,
        "in_force_at": before.in_force_at,
        "in_force_rows": before.in_force_rows,
        "in_force_bytes": before.in_force_bytes,
        "in_force_parquet_bytes": before.in_force_parquet_bytes,
    }
