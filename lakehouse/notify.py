"""Messages to people, through SNS. Never a personal value: counts, codes, names of files and columns only."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lakehouse import names
from lakehouse.ledger.items import FileRecord, SlotState

if TYPE_CHECKING:
    from mypy_boto3_sns.client import SNSClient

SUBJECT_CHARACTERS = 99
"""SNS takes fewer than 100 characters, without line breaks. https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""


@dataclass(frozen=True)
class Notification:
    """One message about one outcome."""

    id: str
    """The same for every repeat: who receives it twice can tell."""
    kind: str
    """`file_refused`, `rows_quarantined`, `run_failed`, …: an SNS attribute to filter on."""
    pipeline: str
    subject: str
    text: str
    """What happened, to what, and what to do, for people."""
    details: Mapping[str, object] = field(default_factory=dict)
    """The same for programs."""


def send(sns: "SNSClient", topic_arn: str, notification: Notification) -> None:
    """Publish. E-mail gets the text, every other subscriber one JSON object: `id, kind, pipeline, text` and details."""
    document = {
        "id": notification.id,
        "kind": notification.kind,
        "pipeline": notification.pipeline,
        "subject": notification.subject,
        "text": notification.text,
        **notification.details,
    }
    by_protocol = {"default": json.dumps(document, ensure_ascii=False), "email": notification.text}
    sns.publish(
        TopicArn=topic_arn,
        Subject=subject(notification.subject),
        Message=json.dumps(by_protocol, ensure_ascii=False),
        MessageStructure="json",
        MessageAttributes={
            "kind": {"DataType": "String", "StringValue": notification.kind},
            "pipeline": {"DataType": "String", "StringValue": notification.pipeline},
        },
    )


def subject(text: str) -> str:
    """A text as SNS takes it for a subject: other characters become `?`, what is too long ends in `...`."""
    plain = "".join(letter if " " <= letter <= "~" else "?" for letter in text)
    return plain if len(plain) <= SUBJECT_CHARACTERS else f"{plain[: SUBJECT_CHARACTERS - 3]}..."


def about_file(slot: SlotState, file: FileRecord) -> Notification:
    """What to tell of a refused file, or of one with quarantined rows."""
    folder = names.quarantine_prefix(file.pipeline, file.dataset, file.file_id)
    identity = names.digest("notification", slot.slot_id, str(slot.revision), file.file_id)
    details = {
        "dataset": file.dataset,
        "batch": file.batch,
        "key": file.key,
        "version_id": file.version_id,
        "file_id": file.file_id,
        "reason": file.reason,
        "rows_in": file.rows_in,
        "rows_accepted": file.rows_accepted,
        "rows_quarantined": file.rows_quarantined,
        "by_reason": dict(file.by_reason),
        "quarantine": folder,
        "in_force_file_id": slot.in_force_file_id,
    }
    if file.verdict == "refused":
        head = f"[{file.pipeline}] File refused ({file.reason}): {_name(file.key)}"
        text = f"{file.key} was refused: {_words(file.reason)}.\n{_counted(file)}{_in_force(slot)}\n"
        kind = "file_refused"
    else:
        head = f"[{file.pipeline}] {file.rows_quarantined} of {file.rows_in} rows quarantined: {_name(file.key)}"
        text = f"{file.key} was accepted with {file.rows_accepted} rows.\n{_counted(file)}"
        kind = "rows_quarantined"
    where = f"{text}Kept in {folder}. What was found and expected: lake quarantine show {file.file_id}\n"
    return Notification(identity, kind, file.pipeline, head, where, details)


def _in_force(slot: SlotState) -> str:
    if slot.in_force_file_id is None:
        return "No earlier version of it was accepted: the batch waits for a good one."
    return f"The version of {slot.in_force_at} stays in force."


def _counted(file: FileRecord) -> str:
    """Bad rows by reason, the most frequent first; nothing without any."""
    if not file.rows_quarantined:
        return ""
    ordered = sorted(file.by_reason.items(), key=lambda item: (-item[1], item[0]))
    lines = "".join(f"  {count} x {_words(reason)}\n" for reason, count in ordered)
    return f"{file.rows_quarantined} of {file.rows_in} rows were refused:\n{lines}"


def _words(reason: str | None) -> str:
    """A reason's code as words. The sentence with what was found stays in quarantine: it may quote the file."""
    return (reason or "no reason given").replace("_", " ")


def _name(key: str) -> str:
    return key.rsplit("/", 1)[-1]
