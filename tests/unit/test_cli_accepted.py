"""The demo's recomputation gets what the gate accepted: the refused records are gone, the rest is as it was."""

import gzip
from pathlib import Path

import pytest

from cli.accepted import write_accepted
from cli.errors import CliError

CASES = {
    "lines": ("a.json", '{"id": 1}\n\n{"id": 2}\nno json\n{"id": 4}', {3}, '{"id": 1}\n{"id": 2}\n{"id": 4}'),
    "last_line": ("a.ndjson", '{"id": 1}\n{"id": 2}\n', {2}, '{"id": 1}\n'),
    "csv": ("a.csv", "id,text\n1,one\n2,two\n3,three\n", {2}, "id,text\n1,one\n3,three\n"),
    "csv_quoted_newline": ("a.csv", 'id,text\n1,"a\nb"\n2,"c\nd"\n3,e\n', {2}, 'id,text\n1,"a\nb"\n3,e\n'),
    "csv_crlf_and_blank": ("a.csv", "id\r\n1\r\n\r\n2\r\n3\r\n", {2}, "id\r\n1\r\n3\r\n"),
    "array": ("a.json", '[{"id": 1}, {"id": 2.50},\n {"id": 3}]', {1}, '[{"id": 2.50},{"id": 3}]'),
    "array_in_a_field": ("a.json", '{"rows": [{"id": 1}, {"id": [2]}]}\n', {1}, '[{"id": [2]}]'),
    "one_object": ("a.json", '{"id": 1,\n "name": "x"}', {1}, "[]"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("gzipped", [False, True])
def test_only_the_refused_records_are_gone(tmp_path: Path, case: str, gzipped: bool) -> None:
    name, text, refused, expected = CASES[case]
    source, target = tmp_path / "in" / name, tmp_path / "out" / "folder" / name
    source.parent.mkdir()
    if gzipped:
        source, target = source.with_name(name + ".gz"), target.with_name(name + ".gz")
    data = text.encode()
    source.write_bytes(gzip.compress(data) if gzipped else data)
    write_accepted(source, target, refused)
    found = target.read_bytes()
    assert (gzip.decompress(found) if gzipped else found).decode() == expected


def test_a_document_whose_rows_cannot_be_told_apart_is_a_message(tmp_path: Path) -> None:
    source = tmp_path / "a.json"
    source.write_text('[{"id": 1}, {"id": }]')
    with pytest.raises(CliError, match="cannot be told apart"):
        write_accepted(source, tmp_path / "out" / "a.json", {1})
