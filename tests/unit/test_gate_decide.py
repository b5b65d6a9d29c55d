"""What the gate decides about a version: revisions, what stays in force, who tells, and in which words."""

from dataclasses import replace

import pytest

from lakehouse.contract.model import Place, RefusedPlace
from lakehouse.gate import decide
from lakehouse.gate.judge import Judgement
from lakehouse.gate.objects import ObjectVersion
from lakehouse.gate.settle import must_tell
from lakehouse.ledger.items import FileRecord, SlotState
from lakehouse.notify import SUBJECT_CHARACTERS, about_file, subject

PLACE = Place("activity", "users", "b1", "bronze/activity/users/b1/ü.json", "slot-1")
GOOD = Judgement("accepted", None, None, "aa", 100, 5, 3, 1, 1, {"not_in_values": 1}, None, None, {})
BAD = Judgement("refused", "empty_file", "The file is empty", "bb", 0, 0, 0, 0, 0, {}, None, None, {})


def version(number: int) -> ObjectVersion:
    return ObjectVersion(PLACE.key, f"v{number}", f'"e{number}"', 100, f"2026-01-0{number}T00:00:00+00:00")


def revise(
    before: SlotState | None, number: int, judgement: Judgement, teller: str = "m1"
) -> tuple[SlotState, FileRecord]:
    at = f"2026-01-0{number}T10:00:00.000000+00:00"
    file = decide.file_record(PLACE, version(number), judgement, (), f"file-{number}", 77, 1.5, at)
    return decide.next_revision(before, PLACE, version(number), "contract", file, teller), file


def test_an_accepted_version_comes_into_force() -> None:
    slot, _ = revise(None, 1, GOOD)
    entry = slot.in_force()
    assert entry is not None
    assert (entry.file_id, entry.rows, entry.bytes, entry.parquet_bytes, entry.revision) == ("file-1", 3, 100, 77, 1)
    assert (slot.in_force_version_id, slot.in_force_at) == ("v1", "2026-01-01T00:00:00+00:00")


def test_a_refused_version_leaves_the_one_before_in_force_under_the_new_revision() -> None:
    first, _ = revise(None, 1, GOOD)
    second, _ = revise(first, 2, BAD)
    third, _ = revise(second, 3, GOOD)
    entry = second.in_force()
    assert entry is not None
    assert (second.verdict, second.judged_version_id, second.reason) == ("refused", "v2", "empty_file")
    assert (entry.file_id, entry.revision, entry.rows) == ("file-1", 2, 3)
    assert (second.in_force_version_id, second.in_force_at) == ("v1", "2026-01-01T00:00:00+00:00")
    assert (third.in_force_file_id, third.revision) == ("file-3", 3)
    assert revise(None, 1, BAD)[0].in_force() is None


def test_a_version_is_judged_once_a_contract() -> None:
    slot, _ = revise(None, 1, GOOD)
    assert decide.is_judged(slot, version(1), "contract")
    assert not decide.is_judged(slot, version(2), "contract")
    assert not decide.is_judged(slot, version(1), "other")
    assert not decide.is_judged(None, version(1), "contract")


def test_who_recorded_it_tells_and_others_only_when_it_is_overdue() -> None:
    slot, _ = revise(None, 1, BAD, teller="m1")
    soon, late = "2026-01-01T10:14:00.000000+00:00", "2026-01-01T10:16:00.000000+00:00"
    assert must_tell(slot, "m1", soon)
    assert not must_tell(slot, "m2", soon)
    assert must_tell(slot, "m2", late)
    assert not must_tell(replace(slot, notified_revision=1), "m1", late)


def test_a_good_file_without_quarantined_rows_needs_no_telling() -> None:
    clean = replace(GOOD, rows_quarantined=0, by_reason={})
    assert not must_tell(revise(None, 1, clean)[0], "m1", "2026-01-09T00:00:00.000000+00:00")
    assert must_tell(revise(None, 1, GOOD)[0], "m1", "2026-01-01T10:00:00.000000+00:00")


@pytest.mark.parametrize("judgement", [GOOD, BAD])
def test_the_same_content_again_is_told_of_once_and_again_only_after_another_outcome(judgement: Judgement) -> None:
    at = "2026-01-01T10:00:00.000000+00:00"
    first, file = revise(None, 1, judgement)
    told = replace(first, notified_revision=1)
    same = decide.next_revision(told, PLACE, version(2), "contract", replace(file, version_id="v2"), "m2")
    assert must_tell(first, "m1", at)
    assert not must_tell(same, "m2", at)
    assert (same.revision, same.notified_revision, same.judged_version_id) == (2, 2, "v2")
    other, _ = revise(same, 3, judgement, "m3")
    back = decide.next_revision(other, PLACE, version(4), "contract", replace(file, version_id="v4"), "m4")
    assert must_tell(other, "m3", at)
    assert must_tell(back, "m4", at)


def test_a_file_that_fits_nowhere_is_refused_under_unknown() -> None:
    refused = RefusedPlace("bronze/x/y.json", "unknown_pipeline", "Found pipeline 'x'")
    place = decide.unknown_place(refused)
    assert (place.pipeline, place.dataset, place.batch, place.key) == ("_unknown", "_unknown", "default", refused.key)
    assert place.slot_id != decide.unknown_place(replace(refused, key="bronze/x/z.json")).slot_id
    judgement = decide.refused_unread(refused, "cc", 9)
    assert (judgement.verdict, judgement.reason, judgement.bytes) == ("refused", "unknown_pipeline", 9)


def test_the_message_says_what_stays_in_force() -> None:
    first, _ = revise(None, 1, GOOD)
    slot, file = revise(first, 2, BAD)
    letter = about_file(slot, file)
    assert letter.kind == "file_refused"
    assert "The version of 2026-01-01T00:00:00+00:00 stays in force." in letter.text
    assert "was refused: empty file." in letter.text
    assert letter.details["in_force_file_id"] == "file-1"
    assert "No earlier version" in about_file(*revise(None, 2, BAD)).text


def test_the_message_of_quarantined_rows_counts_them_by_reason() -> None:
    letter = about_file(*revise(None, 1, replace(GOOD, by_reason={"b": 1, "a": 1, "z_y": 9}, rows_quarantined=11)))
    assert letter.kind == "rows_quarantined"
    assert "  9 x z y\n  1 x a\n  1 x b\n" in letter.text
    assert letter.details["by_reason"] == {"a": 1, "b": 1, "z_y": 9}


def test_a_message_never_quotes_the_file() -> None:
    quoting = replace(BAD, reason="header_unknown_columns", message="Unknown column 'anna@example.org'")
    slot, file = revise(None, 1, quoting)
    assert file.message == quoting.message, "the ledger keeps it"
    letter = about_file(slot, file)
    assert "anna" not in f"{letter.subject}{letter.text}{letter.details}"


def test_a_message_is_the_same_when_repeated_and_another_for_each_revision() -> None:
    first, file = revise(None, 1, BAD)
    second, again = revise(first, 2, BAD)
    assert about_file(first, file) == about_file(first, replace(file, at="later", seconds=9.0))
    assert about_file(first, file).id != about_file(second, again).id


@pytest.mark.parametrize("text", ["x" * 101, "ü" * 300, "a\nb\tc\0", "", "[activity] 日本.json", "x" * 100])
def test_a_subject_is_what_sns_takes(text: str) -> None:
    found = subject(text)
    assert len(found) <= SUBJECT_CHARACTERS
    assert found.isascii()
    assert found.isprintable()
