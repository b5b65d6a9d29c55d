"""A whole file's judgement: keys, balance, quarantine, determinism, bounded memory."""

import gzip
import hashlib
import io
import json
import random
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.contract.model import Pipeline
from lakehouse.errors import LakeError
from lakehouse.gate import judge as judge_module
from lakehouse.gate import key_hashes, quarantine_file, silver_file, unique
from lakehouse.gate.judge import judge
from lakehouse.parse import arrays, blocks, csv_records, lines
from tests.gate.judging import Judge


def test_same_content_twice_is_one_row_and_a_duplicate(judged: Judge) -> None:
    data = b'{"id":"r1","price":1.5}\n{"id":"r2"}\n{"price":1.50,"id":"r1","n":null}\n{"id":"r1","price":1.5}\n'
    result = judged(data, "rows.ndjson")
    assert [(row["id"], row["_line"]) for row in result.rows] == [("r1", 1), ("r2", 2)]
    assert (result.judgement.rows_in, result.judgement.rows_duplicate, result.refused) == (4, 2, [])


def test_same_key_with_other_content_refuses_every_such_row(judged: Judge) -> None:
    data = b'{"id":"r1","n":1}\n{"id":"r2"}\n bad\n{"id":"r1","n":2}\n{"id":"r1","n":1}\n{"id":"r3"}\n'
    result = judged(data, "rows.ndjson")
    assert [(row["id"], row["_line"]) for row in result.rows] == [("r2", 2), ("r3", 6)]
    assert result.judgement.by_reason == {"conflicting_key": 3, "invalid_json": 1}
    assert result.judgement.rows_duplicate == 0
    conflicts = [(row["line"], row["record"], row["column"], row["rule"], row["raw"]) for row in result.refused[1:]]
    assert conflicts == [
        (1, 1, "id", "key id", '{"id":"r1","n":1}'),
        (4, 4, "id", "key id", '{"id":"r1","n":2}'),
        (5, 5, "id", "key id", '{"id":"r1","n":1}'),
    ]
    assert "'r1'" in result.refused[1]["message"]


def test_refused_lines_keep_every_byte_but_their_end(judged: Judge) -> None:
    data = b' {"id":1}\t\r\n{"id":"r1"}\n\n\t{"id":"r2","n":1} \n {"id":"r2","n":2}\n{"id":"r3"}\n  nothing  '
    result = judged(data, "rows.ndjson")
    assert [(row["line"], row["raw"]) for row in sorted(result.refused, key=lambda row: row["line"])] == [
        (1, ' {"id":1}\t'),
        (4, '\t{"id":"r2","n":1} '),
        (5, ' {"id":"r2","n":2}'),
        (7, "  nothing  "),
    ]


def test_key_of_two_columns_in_elements_of_one_line(judged: Judge) -> None:
    rows = [{"id": "a", "n": 1}, {"id": "a", "n": 2}, {"id": "b", "n": 1}, {"id": "a", "n": 2}]
    result = judged(json.dumps(rows).encode(), "documents.json")
    assert [(row["id"], row["n"], row["_line"]) for row in result.rows] == [("a", 1, 1), ("a", 2, 1), ("b", 1, 1)]
    assert result.judgement.rows_duplicate == 1


def test_conflicting_rows_of_csv_keep_their_bytes(judged: Judge) -> None:
    result = judged(b'id,name\nr1,"a\nb"\nr2,\nr1,"c"\nr1x,\nr3,\n', "rows.csv")
    assert [row["id"] for row in result.rows] == ["r2", "r3"]
    assert [(row["line"], row["raw"]) for row in result.refused] == [(6, "r1x,"), (2, 'r1,"a\nb"'), (5, 'r1,"c"')]


def _random_file(rows: int) -> tuple[bytes, dict[str, set[str]], int]:
    """Lines of which some come twice and some conflict; the contents by key, and the number of lines."""
    chance = random.Random(7)
    contents: dict[str, set[str]] = {}
    texts = []
    for _ in range(rows):
        key, value = f"r{chance.randrange(rows)}", chance.choice(("x", "x", "x", "y"))
        contents.setdefault(key, set()).add(value)
        texts.append(f'{{"id":"{key}","name":"{value}"}}\n')
    return "".join(texts).encode(), contents, rows


def test_uniqueness_is_exact_also_in_small_slices(judged: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same result as a plain recomputation, with limits so small that every pass, slice and spill happens."""
    monkeypatch.setattr(key_hashes, "PASS_HASHES", 500)
    monkeypatch.setattr(key_hashes, "READ_HASHES", 300)
    monkeypatch.setattr(unique, "SLICE_ROWS", 100)
    monkeypatch.setattr(unique, "GATHER_ROWS", 20)
    monkeypatch.setattr(unique, "BATCH_ROWS", 256)
    monkeypatch.setattr(silver_file, "ROW_GROUP_ROWS", 512)
    for module in (lines, arrays, csv_records):
        monkeypatch.setattr(module, "BLOCK_BYTES", 4096)
    data, contents, rows = _random_file(3000)
    result = judged(data, "rows.ndjson")
    kept = {key: values for key, values in contents.items() if len(values) == 1}
    assert {row["id"]: {row["name"]} for row in result.rows} == kept
    assert len(result.rows) == len(kept)
    assert result.judgement.rows_in == rows
    assert {json.loads(row["raw"])["id"] for row in result.refused} == contents.keys() - kept.keys()
    first = {}
    for number, line in enumerate(data.decode().splitlines(), 1):
        first.setdefault(json.loads(line)["id"], number)
    assert all(row["_line"] == first[row["id"]] for row in result.rows)


def test_equal_hashes_of_different_keys_are_no_conflict(judged: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    def all_equal(keys: list[pa.Array]) -> key_hashes.Hashes:
        return key_hashes.np.zeros(len(keys[0]), "u8")

    monkeypatch.setattr(judge_module, "key_hashes", all_equal)
    monkeypatch.setattr(unique, "key_hashes", all_equal)
    result = judged(b'{"id":"r1","n":1}\n{"id":"r2"}\n{"id":"r1","n":2}\n{"id":"r3"}\n{"id":"r3"}\n', "rows.ndjson")
    assert [row["id"] for row in result.rows] == ["r2", "r3"]
    assert (result.judgement.rows_duplicate, result.judgement.by_reason) == (1, {"conflicting_key": 2})


def test_a_keys_hash_does_not_depend_on_its_neighbours() -> None:
    texts = ["", "a", "12345678", "123456789", "a" * 64, "b" * 65, "ü" * 40]
    together = key_hashes.key_hashes([pa.array(texts)])
    assert [key_hashes.key_hashes([pa.array([text])])[0] for text in texts] == list(together)
    assert len(set(together.tolist())) == len(texts)
    sliced = key_hashes.key_hashes([pa.array(["zz", *texts]).slice(1)])
    assert list(sliced) == list(together)


def _many(rows: int) -> bytes:
    return b"".join(b'{"id":"r%d","n":%d,"colour":"red","name":"a b"}\n' % (n, n % 7) for n in range(rows))


class Trickle(io.RawIOBase):
    """A stream that gives a few bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        self._inner = io.BytesIO(data)
        self._size = size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(min(size, self._size))


@pytest.mark.parametrize("key", ["rows.ndjson", "rows.ndjson.gz"])
def test_same_content_gives_the_same_bytes_however_it_is_read(kinds: Pipeline, tmp_path: Path, key: str) -> None:
    data = _many(30_000) + b'{"id":"r1","n":-1}\nbad\n'
    stored = gzip.compress(data) if key.endswith("gz") else data
    shas = set()
    streams: list[BinaryIO] = [io.BytesIO(stored), Trickle(stored, 997), Trickle(stored, 70_001)]  # type: ignore[list-item]
    for number, stream in enumerate(streams):
        folder = tmp_path / str(number)
        folder.mkdir()
        judgement = judge(stream, key, kinds.dataset("rows"), folder)
        assert judgement.content_sha256 == hashlib.sha256(stored).hexdigest()
        assert (judgement.rows_accepted, judgement.rows_quarantined) == (29_999, 3)
        assert judgement.parquet
        assert judgement.quarantine_rows
        shas.add((judgement.parquet.read_bytes(), judgement.quarantine_rows.read_bytes()))
    assert len(shas) == 1


def test_blocks_and_row_groups_keep_the_rows_in_order(judged: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silver_file, "ROW_GROUP_ROWS", 1000)
    monkeypatch.setattr(blocks, "MAX_RECORDS", 77)
    for module in (lines, arrays, csv_records):
        monkeypatch.setattr(module, "BLOCK_BYTES", 10_000)
    rows = [{"id": f"r{number}", "name": 'a"b\n'} for number in range(2500)]
    array = json.dumps(rows, indent=1).encode()
    table = b"id,name\n" + b"".join(b'%s,"a""b\n"\n' % row["id"].encode() for row in rows)
    for key, data in (("rows.json", array), ("rows.csv", table)):
        result = judged(data, key)
        assert result.refused == []
        assert [{"id": row["id"], "name": row["name"]} for row in result.rows] == rows
        line_of = {row["id"]: row["_line"] for row in result.rows}
        text = data.decode().split("\n")
        assert all(f"r{n}" in "".join(text[line_of[f"r{n}"] - 1 : line_of[f"r{n}"] + 1]) for n in range(2500))
        assert pq.ParquetFile(result.judgement.parquet).num_row_groups == 3


def test_silver_file_has_the_contracts_types(judged: Judge, kinds: Pipeline) -> None:
    result = judged(b'{"id":"r1"}\n', "rows.ndjson")
    schema = pq.ParquetFile(result.judgement.parquet).schema_arrow
    assert schema.names == [*(column.name for column in kinds.dataset("rows").columns), "_line"]
    assert schema.field("at").type == pa.timestamp("us", "UTC")
    assert schema.field("price").type == pa.decimal128(12, 2)
    assert (schema.field("n").type, schema.field("big").type) == (pa.int32(), pa.int64())
    assert (schema.field("day").type, schema.field("_line").type) == (pa.date32(), pa.int64())
    assert schema.metadata is None


def test_refused_file_is_read_to_its_end_for_its_hash(judged: Judge) -> None:
    data = b'{"id":"\xff"}\n' + _many(120_000)
    judgement = judged(data, "rows.ndjson").judgement
    assert (judgement.reason, judgement.bytes) == ("not_utf8", len(data))
    assert judgement.content_sha256 == hashlib.sha256(data).hexdigest()


def test_refused_file_shows_its_first_bad_rows_only(judged: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine_file, "SHOWN_ROWS", 3)
    result = judged(b"{}\n" * 10, "must.ndjson")
    assert result.judgement.reason == "too_many_bad_rows"
    assert "10 of 10" in str(result.judgement.message)
    assert [row["line"] for row in result.refused] == [1, 2, 3]
    assert result.judgement.rows_quarantined == 10


def test_hopeless_file_is_refused_before_its_end(judged: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_module, "HOPELESS_ROWS", 1000)
    monkeypatch.setattr(blocks, "MAX_RECORDS", 500)
    judgement = judged(b"{}\n" * 100_000, "must.ndjson").judgement
    assert (judgement.reason, judgement.rows_in) == ("too_many_bad_rows", 1000)


def test_accepted_file_may_hold_no_right_row_where_any_share_is_allowed(judged: Judge) -> None:
    result = judged(b"{}\n", "rows.ndjson")
    assert (result.judgement.verdict, result.rows, len(result.refused)) == ("accepted", [], 1)


def test_messages_show_little_of_a_value(judged: Judge) -> None:
    (refused,) = judged(b'{"id":"' + b"secret " * 100 + b'"}\n', "rows.ndjson").refused
    assert refused["message"].count("secret") < 10
    assert refused["raw"].count("secret") == 100


def test_second_reading_must_give_the_same_bytes(kinds: Pipeline, tmp_path: Path) -> None:
    data = b'{"id":"r1","n":1}\n{"id":"r1","n":2}\n'
    other = io.BytesIO(data.replace(b"2", b"3"))
    with pytest.raises(LakeError, match="other bytes"):
        judge(io.BytesIO(data), "rows.ndjson", kinds.dataset("rows"), tmp_path, lambda: other)


def test_workdir_holds_nothing_but_the_results(judged: Judge, tmp_path: Path) -> None:
    judged(b'{"id":"r1","n":1}\n{"id":"r1","n":1}\nbad\n', "rows.ndjson")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.ndjson", "unique.parquet"]


def test_a_failing_stream_fails_the_judging(kinds: Pipeline, tmp_path: Path) -> None:
    class Failing(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise ConnectionError("reset")

    with pytest.raises(ConnectionError):
        judge(Failing(), "rows.ndjson", kinds.dataset("rows"), tmp_path)  # type: ignore[arg-type]


def test_key_of_every_type(judged: Judge) -> None:
    first = {"n": 1, "big": 2, "price": 3, "ok": True, "day": "2026-01-31", "at": "2026-01-31T10:11:12"}
    others = [{"n": 2}, {"big": 3}, {"price": 4}, {"ok": False}, {"day": "2026-02-01"}, {"at": "2026-01-31T10:11:13"}]
    rows = [first, *({**first, **other} for other in others)]
    again = [{**first, "price": 3.00, "at": "2026-01-31T11:11:12+01:00"}, {**rows[1], "name": "x"}]
    result = judged("".join(json.dumps(row) + "\n" for row in rows + again).encode(), "keyed.ndjson")
    assert [row["_line"] for row in result.rows] == [1, 3, 4, 5, 6, 7]
    assert (result.judgement.rows_duplicate, result.judgement.by_reason) == (1, {"conflicting_key": 2})
