"""Why a file or a row is refused: stable codes, and for each a sentence for people."""

from dataclasses import dataclass
from enum import StrEnum

FOUND_CHARACTERS = 60
"""Values from the input are cut to this length in messages."""
HIDDEN = "[hidden]"
"""Stands in messages about files with personal columns for whatever was found. Not only below those columns: a value
may stand below another one, and that may be why the row is refused."""


class Reason(StrEnum):
    """Codes of the gate. The first group refuses a file, the second a row."""

    EMPTY_FILE = "empty_file"
    NO_ROWS = "no_rows"
    UNKNOWN_EXTENSION = "unknown_extension"
    FORMAT_NOT_ALLOWED = "format_not_allowed"
    CONTENT_CONTRADICTS_NAME = "content_contradicts_name"
    UTF16 = "utf16"
    UTF32 = "utf32"
    NOT_UTF8 = "not_utf8"
    TRUNCATED_GZIP = "truncated_gzip"
    CORRUPT_GZIP = "corrupt_gzip"
    NESTED_GZIP = "nested_gzip"
    EXPANDS_BEYOND_LIMIT = "expands_beyond_limit"
    TRUNCATED_JSON = "truncated_json"
    BROKEN_JSON = "broken_json"
    CONTENT_AFTER_END = "content_after_end"
    HEADER_MISSING_COLUMNS = "header_missing_columns"
    HEADER_UNKNOWN_COLUMNS = "header_unknown_columns"
    HEADER_DUPLICATE_COLUMNS = "header_duplicate_columns"
    HEADER_BROKEN = "header_broken"
    UNCLOSED_QUOTE = "unclosed_quote"
    OVERSIZED_RECORD = "oversized_record"
    TOO_MANY_BAD_ROWS = "too_many_bad_rows"

    INVALID_JSON = "invalid_json"
    NOT_AN_OBJECT = "not_an_object"
    MORE_THAN_ONE_VALUE = "more_than_one_value"
    TRAILING_GARBAGE = "trailing_garbage"
    NOT_FINITE = "not_finite"
    NESTED_TOO_DEEP = "nested_too_deep"
    RECORD_TOO_LONG = "record_too_long"
    DUPLICATE_FIELD = "duplicate_field"
    UNKNOWN_FIELD = "unknown_field"
    MISSING_FIELD = "missing_field"
    NULL_VALUE = "null_value"
    WRONG_TYPE = "wrong_type"
    BAD_FORMAT = "bad_format"
    NUMBER_OUT_OF_RANGE = "number_out_of_range"
    TOO_MANY_DECIMALS = "too_many_decimals"
    NUL_CHARACTER = "nul_character"
    LONE_SURROGATE = "lone_surrogate"
    TOO_LONG = "too_long"
    PATTERN_MISMATCH = "pattern_mismatch"
    NOT_IN_VALUES = "not_in_values"
    UNKNOWN_REFERENCE = "unknown_reference"
    BELOW_MIN = "below_min"
    ABOVE_MAX = "above_max"
    CHECK_FAILED = "check_failed"
    WRONG_FIELD_COUNT = "wrong_field_count"
    BAD_QUOTE = "bad_quote"
    STRAY_CARRIAGE_RETURN = "stray_carriage_return"
    CONFLICTING_KEY = "conflicting_key"


SENTENCES = {
    Reason.EMPTY_FILE: "The file is empty, expected at least one row",
    Reason.NO_ROWS: "The file holds {found}, expected at least one row",
    Reason.UNKNOWN_EXTENSION: "Found the name {found}, expected it to end in {expected}",
    Reason.FORMAT_NOT_ALLOWED: "Found {found}, expected one of the contract's formats: {expected}",
    Reason.CONTENT_CONTRADICTS_NAME: "The content is {found}, the name says {expected}",
    Reason.UTF16: "Found UTF-16, expected UTF-8: write the file again in UTF-8",
    Reason.UTF32: "Found UTF-32, expected UTF-8: write the file again in UTF-8",
    Reason.NOT_UTF8: "Found bytes that are no UTF-8 ({found}), expected UTF-8",
    Reason.TRUNCATED_GZIP: "The gzip stream stops before its end: upload the file again",
    Reason.CORRUPT_GZIP: "The gzip stream is damaged ({found}): upload the file again",
    Reason.NESTED_GZIP: "Found gzip inside gzip, expected one layer",
    Reason.EXPANDS_BEYOND_LIMIT: "The content expands beyond {expected} bytes, the contract's max_bytes",
    Reason.TRUNCATED_JSON: "The file stops inside {found}: upload the file again",
    Reason.BROKEN_JSON: "Found {found}, expected {expected}",
    Reason.CONTENT_AFTER_END: "Found {found} after the end of the JSON value, expected nothing",
    Reason.HEADER_MISSING_COLUMNS: "The header lacks {found}, expected {expected}",
    Reason.HEADER_UNKNOWN_COLUMNS: "The header has the unknown columns {found}, expected {expected}",
    Reason.HEADER_DUPLICATE_COLUMNS: "The header has {found} more than once, expected every column once",
    Reason.HEADER_BROKEN: "The header is no CSV record: {found}",
    Reason.UNCLOSED_QUOTE: "A quoted value that opens in {found} never closes",
    Reason.OVERSIZED_RECORD: "The record in {found} is longer than {expected} bytes",
    Reason.TOO_MANY_BAD_ROWS: "{found} rows are refused, expected at most the share {expected}",
    Reason.INVALID_JSON: "The record is no valid JSON: {found}",
    Reason.NOT_AN_OBJECT: "Found {found}, expected a JSON object",
    Reason.MORE_THAN_ONE_VALUE: "Found a further JSON value {found}, expected one a line",
    Reason.TRAILING_GARBAGE: "Found {found} after the JSON value, expected nothing",
    Reason.NOT_FINITE: "Found {found}, which JSON does not know, expected a finite number",
    Reason.NESTED_TOO_DEEP: "The record nests deeper than {expected} levels",
    Reason.RECORD_TOO_LONG: "The record is longer than {expected} bytes",
    Reason.DUPLICATE_FIELD: "Found the field {found} twice, expected every field once",
    Reason.UNKNOWN_FIELD: "Found the unknown field {found}, expected {expected}",
    Reason.MISSING_FIELD: "Column {column} is missing, expected {expected}",
    Reason.NULL_VALUE: "Column {column} is null, expected {expected}",
    Reason.WRONG_TYPE: "Column {column}: found {found}, expected {expected}",
    Reason.BAD_FORMAT: "Column {column}: found {found}, expected {expected}",
    Reason.NUMBER_OUT_OF_RANGE: "Column {column}: found {found}, which does not fit {expected}",
    Reason.TOO_MANY_DECIMALS: "Column {column}: found {found}, which has more decimals than {expected}",
    Reason.NUL_CHARACTER: "Column {column}: found {found} with a NUL character, expected text without",
    Reason.LONE_SURROGATE: "Column {column}: found {found} with half of a surrogate pair, expected valid Unicode",
    Reason.TOO_LONG: "Column {column}: found {found}, expected at most {expected} characters",
    Reason.PATTERN_MISMATCH: "Column {column}: found {found}, expected the pattern {expected}",
    Reason.NOT_IN_VALUES: "Column {column}: found {found}, expected one of {expected}",
    Reason.UNKNOWN_REFERENCE: "Column {column}: found {found}, expected a value that {expected} holds",
    Reason.BELOW_MIN: "Column {column}: found {found}, expected at least {expected}",
    Reason.ABOVE_MAX: "Column {column}: found {found}, expected {expected}",
    Reason.CHECK_FAILED: "Found {found}, expected {expected}",
    Reason.WRONG_FIELD_COUNT: "Found {found} values, expected {expected}",
    Reason.BAD_QUOTE: "Found {found}, expected quotes only around a whole value and doubled inside it",
    Reason.STRAY_CARRIAGE_RETURN: "Found a carriage return inside {found}, expected it only before a line feed",
    Reason.CONFLICTING_KEY: "The key {found} comes more than once in the file with different content, expected once",
}


def shown(value: object) -> str:
    """A value of the input as it may stand in a message: quoted where it is text, cut, always valid Unicode."""
    text = value if isinstance(value, str) else str(value)
    cut = text if len(text) <= FOUND_CHARACTERS else text[:FOUND_CHARACTERS] + "…"
    return f"'{cut.encode('utf-8', 'backslashreplace').decode()}'"


_QUOTING_FILE = frozenset(
    {
        Reason.CONTENT_AFTER_END,
        Reason.HEADER_BROKEN,
        Reason.HEADER_UNKNOWN_COLUMNS,
        Reason.HEADER_DUPLICATE_COLUMNS,
    }
)
"""Of the reasons that refuse a file those whose `found` is of its content. Others count, or name what is missing."""
_COUNTING_ROW = frozenset({Reason.INVALID_JSON, Reason.WRONG_FIELD_COUNT})
"""Of the reasons that refuse a row those whose `found` is not of its content."""


def sentence(reason: Reason, *, column: str | None = None, found: str = "", expected: str = "") -> str:
    """The sentence for people. `found` has been through `shown` where it comes from the input."""
    return SENTENCES[reason].format(column=column, found=found, expected=expected)


class FileRefusedError(Exception):
    """Ends the judging of a file. It never leaves the gate: `judge` turns it into a verdict."""

    def __init__(self, reason: Reason, *, found: str = "", expected: str = "") -> None:
        self.reason = reason
        self._found, self._expected = found, expected
        super().__init__(self.told(hidden=False))

    def told(self, *, hidden: bool) -> str:
        """The sentence for people; `hidden`: without anything of the file's content."""
        found = HIDDEN if hidden and self.reason in _QUOTING_FILE else self._found
        return sentence(self.reason, found=found, expected=self._expected)


class RecordRefusedError(Exception):
    """Ends the reading of one record. It never leaves the parser: it becomes a `RefusedRow`."""

    def __init__(
        self, reason: Reason, *, rule: str, column: str | None = None, found: str = "", expected: str = ""
    ) -> None:
        self.reason = reason
        self.rule = rule
        self.column = column
        self._found, self._expected = found, expected
        super().__init__(self.told(hidden=False))

    def told(self, *, hidden: bool) -> str:
        """The sentence for people; `hidden`: without anything of the record's content."""
        found, expected = self._found, self._expected
        if hidden and self.reason not in _COUNTING_ROW:
            # Both sides of an equation are worked out from the record; the rule is as the contract has it.
            found, expected = HIDDEN, self.rule if self.reason is Reason.CHECK_FAILED else expected
        return sentence(self.reason, column=self.column, found=found, expected=expected)


@dataclass(frozen=True)
class RefusedRow:
    """A row that goes to quarantine."""

    record: int
    """Which record of the file, from 0; header and blank lines do not count."""
    line: int
    """Physical line on which the record starts, from 1."""
    reason: Reason
    column: str | None
    rule: str
    """What was broken, as the contract has it: `type int`, `required`, `max_length 10`; or `json`, `csv`, `key`."""
    message: str
    raw: bytes | None
    """The record's bytes as they stand in the (expanded) file, without the line end. None where the dataset has
    personal columns: those bytes are in bronze alone."""
