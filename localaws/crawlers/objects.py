"""The objects that a crawl reads: listed and read with the permissions of the crawler's role."""

import fnmatch
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from localaws.crawlers.schema import CrawledFile, Schema, Statistics
from localaws.crawlers.text_schema import csv_schema, json_schema
from localaws.crawlers.types import of_arrow

SAMPLE_BYTES = 1024**2
"""Text is judged by its beginning."""
_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
_URL = re.compile(r"s3[an]?://([^/]+)/?(.*)")


@dataclass(frozen=True)
class S3Object:
    """One object of a bucket."""

    bucket: str
    key: str
    bytes: int


def parse_url(url: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`.

    Raises:
        ValueError: no such address.
    """
    match = _URL.fullmatch(url)
    if not match:
        raise ValueError(f"{url!r} is no S3 path. Expected s3://bucket/prefix/")
    return match[1], match[2]


def folder(prefix: str) -> str:
    """A key prefix that ends in a slash, or is empty."""
    return f"{prefix}/" if prefix and not prefix.endswith("/") else prefix


def list_files(s3: Any, bucket: str, prefix: str, exclusions: Sequence[str] = ()) -> Iterator[S3Object]:
    """Files below a prefix that are data: no folder markers, nothing empty, nothing hidden or excluded by a glob."""
    patterns = [glob(exclusion) for exclusion in exclusions]
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            below = item["Key"][len(prefix) :]
            hidden = any(part.startswith(("_", ".")) for part in below.split("/"))
            if item["Size"] and below and not hidden and not any(pattern.fullmatch(below) for pattern in patterns):
                yield S3Object(bucket, item["Key"], item["Size"])


def glob(pattern: str) -> re.Pattern[str]:
    """A crawler's exclude pattern as a regular expression over the path below the include path.

    `*` and `?` stay inside a folder, `**` does not, `{a,b}` is either; `[…]` is a set of characters.
    https://docs.aws.amazon.com/glue/latest/dg/define-crawler.html#crawler-data-stores-exclude
    """
    made, at, braces = "", 0, 0
    while at < len(pattern):
        symbol = pattern[at]
        end = pattern.find("]", at + 2) if symbol == "[" else -1
        if pattern.startswith("**", at):
            made, at = made + ".*", at + 1
        elif symbol in "*?":
            made += "[^/]*" if symbol == "*" else "[^/]"
        elif end > 0:
            made, at = made + fnmatch.translate(pattern[at : end + 1])[len("(?s:") : -len(r")\Z")], end
        elif symbol == "{":
            made, braces = made + "(?:", braces + 1
        elif symbol == "}" and braces:
            made, braces = made + ")", braces - 1
        elif symbol == "," and braces:
            made += "|"
        elif symbol == "\\" and at + 1 < len(pattern):
            at += 1
            made += re.escape(pattern[at])
        else:
            made += re.escape(symbol)
        at += 1
    return re.compile(made, re.DOTALL)


def read_file(s3: Any, item: S3Object) -> CrawledFile | None:
    """What is in an object; None where no classifier knows its format."""
    start = _read(s3, item, 0, min(item.bytes, SAMPLE_BYTES))
    if start[:4] == _PARQUET:
        return _parquet(s3, item)
    compressed = start[:2] == _GZIP
    data = _inflate(start) if compressed else start
    complete = item.bytes <= SAMPLE_BYTES and (not compressed or len(data) < 16 * SAMPLE_BYTES)
    try:
        text = data.decode("utf-8-sig") if complete else data.decode("utf-8-sig", errors="ignore")
    except UnicodeDecodeError:
        return None
    form, found = "json", json_schema(text)
    if found is None:
        form, found = "csv", csv_schema(text, complete)
    if found is None:
        return None
    schema = Schema("json" if form == "json" else "csv", "gzip" if compressed else "none", found.columns, found.csv)
    records = found.records if complete else max(1, round(found.records * item.bytes / len(start)))
    return CrawledFile(item.key, schema, Statistics(1, item.bytes, records))


def _inflate(data: bytes) -> bytes:
    """As much as there is of gzip data that may be cut off, up to 16 samples."""
    return zlib.decompressobj(wbits=31).decompress(data, 16 * SAMPLE_BYTES)


def _parquet(s3: Any, item: S3Object) -> CrawledFile | None:
    try:
        metadata = pq.read_metadata(pa.PythonFile(_Ranges(s3, item), mode="r"))
    except pa.ArrowInvalid:
        return None
    schema = metadata.schema.to_arrow_schema()
    columns = tuple((field.name.lower(), of_arrow(field.type)) for field in schema)
    return CrawledFile(item.key, Schema("parquet", "none", columns), Statistics(1, item.bytes, metadata.num_rows))


def _read(s3: Any, item: S3Object, start: int, end: int) -> bytes:
    answer = s3.get_object(Bucket=item.bucket, Key=item.key, Range=f"bytes={start}-{end - 1}")
    with answer["Body"] as body:
        data: bytes = body.read()
    return data


class _Ranges(io.RawIOBase):
    """An object as a file of which only the ranges asked for are fetched."""

    def __init__(self, s3: Any, item: S3Object) -> None:
        self._s3, self._item, self._at = s3, item, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._item.bytes)[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._item.bytes if size < 0 else min(self._item.bytes, self._at + size)
        data = _read(self._s3, self._item, self._at, end) if end > self._at else b""
        self._at += len(data)
        return data
