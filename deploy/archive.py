"""Zip archives whose bytes depend on nothing but their contents' bytes and names.

Entries are sorted, dated 1980, of one mode, and never compressed here: zlib's output differs between versions. What
came compressed in another zip is taken over as it is, so that a layer is as small as the wheels that it is made of.
"""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

_FIRST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o100644 << 16
"""A regular file that everybody may read: Lambda's functions do not run as its owner."""

_UNIX = 3
_LOCAL_HEADER_BYTES = 30
_NAME_LENGTH = slice(26, 28)
_EXTRA_LENGTH = slice(28, 30)
"""Of the local file header: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.7"""


@dataclass(frozen=True)
class Packed:
    """An entry of another zip, in the form that it has there."""

    data: bytes
    method: int
    crc: int
    size_bytes: int
    """Once unpacked."""


def packed_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Packed:
    """Take an entry out of an archive without unpacking it."""
    file = archive.fp
    assert file is not None
    file.seek(entry.header_offset)
    header = file.read(_LOCAL_HEADER_BYTES)
    lengths = (int.from_bytes(header[place], "little") for place in (_NAME_LENGTH, _EXTRA_LENGTH))
    file.seek(sum(lengths), io.SEEK_CUR)
    return Packed(file.read(entry.compress_size), entry.compress_type, entry.CRC, entry.file_size)


def write_zip(file: BinaryIO, entries: Mapping[str, bytes | Packed]) -> None:
    """Write an archive with these entries by name."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(entries):
            content, info = entries[name], zipfile.ZipInfo(name, _FIRST_ZIP_DATE)
            info.external_attr, info.create_system = _READABLE, _UNIX
            if isinstance(content, Packed):
                _append(archive, info, content)
            else:
                archive.writestr(info, content)


def zip_bytes(entries: Mapping[str, bytes]) -> bytes:
    """The same in memory."""
    buffer = io.BytesIO()
    write_zip(buffer, entries)
    return buffer.getvalue()


def unpacked_bytes(archive: BinaryIO) -> int:
    """What a zip takes once it is unpacked."""
    with zipfile.ZipFile(archive) as opened:
        return sum(entry.file_size for entry in opened.infolist())


def _append(archive: zipfile.ZipFile, info: zipfile.ZipInfo, packed: Packed) -> None:
    """Add an entry that is compressed already, which zipfile has no public function for."""
    file = archive.fp
    assert file is not None
    info.compress_type, info.CRC = packed.method, packed.crc
    info.compress_size, info.file_size = len(packed.data), packed.size_bytes
    file.seek(archive.start_dir)
    info.header_offset = file.tell()
    file.write(info.FileHeader(zip64=False))
    file.write(packed.data)
    archive.filelist.append(info)
    archive.NameToInfo[info.filename] = info
    archive.start_dir = file.tell()
    archive._didModify = True  # type: ignore[attr-defined]
