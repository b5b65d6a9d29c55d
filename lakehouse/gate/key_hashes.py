"""64-bit hashes of keys, for finding keys that may come twice without keeping the keys.

Hashes lie on disk, 8 bytes a row; memory is bounded by PASS_HASHES, whatever the number of rows. Equal keys have equal
hashes; that equal hashes are equal keys is for `unique` to check.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Hashes = npt.NDArray[np.uint64]
PASS_HASHES = 1_000_000
READ_HASHES = 250_000
LONGEST_VECTORISED = 64
MULTIPLY_1, MULTIPLY_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
SHIFT_1, SHIFT_2 = np.uint64(30), np.uint64(32)


def key_hashes(keys: list[pa.Array]) -> Hashes:
    """One hash a row over the key's columns, none of which holds a null. It depends on the row's values alone.

    Rows without a key (no columns) have no hashes: none of them is the same as another, whatever it holds.
    """
    total = np.zeros(len(keys[0]) if keys else 0, np.uint64)
    for column in keys:
        if pa.types.is_string(column.type):
            total = _mix(total, _text_hashes(column))
        elif pa.types.is_decimal(column.type):
            words = np.frombuffer(column.buffers()[1], np.uint64).reshape(-1, 2)
            words = words[column.offset : column.offset + len(column)]
            total = _mix(_mix(total, words[:, 0]), words[:, 1])
        elif pa.types.is_boolean(column.type):
            total = _mix(total, column.cast(pa.uint8()).to_numpy().astype(np.uint64))
        else:
            same_size = pa.int32() if column.type.bit_width == 32 else pa.int64()
            total = _mix(total, column.view(same_size).to_numpy().astype(np.int64).view(np.uint64))
    return total


def _mix(hashes: Hashes, word: Hashes) -> Hashes:
    mixed = (hashes ^ word) * MULTIPLY_1
    mixed ^= mixed >> SHIFT_1
    mixed *= MULTIPLY_2
    mixed ^= mixed >> SHIFT_2
    return mixed


def _text_hashes(column: pa.Array) -> Hashes:
    """Texts by their words of 8 bytes, padded with zeros, and their lengths; long ones by their BLAKE2."""
    offsets = np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column) + 1]
    lengths = np.diff(offsets)
    longest = int(lengths.max(initial=0))
    hashes = _mix(np.zeros(len(lengths), np.uint64), lengths.astype(np.uint64))
    if longest:
        data = np.frombuffer(column.buffers()[2], np.uint8)
        for start in range(0, min(longest, LONGEST_VECTORISED), 8):
            places = np.arange(start, start + 8, dtype=np.int32)
            # Beyond a text's end anything may be read, as it is masked.
            taken = data[np.minimum(offsets[:-1, None] + places, len(data) - 1)]
            taken *= places < lengths[:, None]
            hashes = np.where(lengths > start, _mix(hashes, taken.view(np.uint64)[:, 0]), hashes)
    long = np.flatnonzero(lengths > LONGEST_VECTORISED)
    for row, text in zip(long, column.take(pa.array(long)).to_pylist(), strict=True):
        hashes[row] = np.frombuffer(hashlib.blake2b(text.encode(), digest_size=8).digest(), np.uint64)[0]
    return hashes


class HashFile:
    """The hashes of a file's rows in their order, on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self.rows = 0

    def add(self, hashes: Hashes) -> None:
        """Append hashes."""
        self._file.write(hashes.tobytes())
        self.rows += len(hashes)

    def repeated(self) -> Iterator[tuple[Hashes, npt.NDArray[np.int64]]]:
        """Hashes that come more than once, and how often, in ranges of ascending hashes. Ends the adding."""
        self._file.close()
        passes = -(-self.rows // PASS_HASHES)
        for number in range(passes):
            low, high = (2**64 * number) // passes, (2**64 * (number + 1)) // passes - 1
            found = np.sort(np.concatenate([self._between(part, low, high) for part in self._parts()]))
            starts = np.flatnonzero(np.concatenate(([True], found[1:] != found[:-1])))
            counts = np.diff(np.append(starts, len(found)))
            several = counts > 1
            if several.any():
                yield found[starts[several]], counts[several]

    def remove(self) -> None:
        """Delete the file."""
        self._file.close()
        self._path.unlink()

    def _parts(self) -> Iterator[Hashes]:
        with self._path.open("rb") as file:
            while data := file.read(8 * READ_HASHES):
                yield np.frombuffer(data, np.uint64)

    @staticmethod
    def _between(part: Hashes, low: int, high: int) -> Hashes:
        return part[(part >= np.uint64(low)) & (part <= np.uint64(high))]
