"""Wrong values for any column, made from its contract, each with the reason for which it is refused."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from lakehouse.parse.layout import Field


@dataclass(frozen=True)
class Bad:
    """One wrong value of one column."""

    column: str
    text: str | None
    """As it stands in the file: a JSON value, or a CSV value before quoting; None where the field is left out."""
    reason: str

    @property
    def title(self) -> str:
        """For messages."""
        return f"{self.column} = {str(self.text)[:40]}"


def bad_json(field: Field) -> Iterator[Bad]:
    """Wrong JSON values of a column."""
    if field.column.required:
        yield Bad(field.name, None, "missing_field")
        yield Bad(field.name, "null", "null_value")
    for token in ("NaN", "Infinity", "-Infinity"):
        yield Bad(field.name, token, "not_finite")
    for token in ("True", "", "'a'", "01", "+1", "0x10", '"open'):
        yield Bad(field.name, token, "invalid_json")
    for token in ("true", "{}", "[]", '{"a":1}'):
        yield Bad(field.name, token, "wrong_type")
    yield Bad(field.name, "[" * 70 + "]" * 70, "nested_too_deep")
    if field.json_text:
        yield Bad(field.name, "5", "wrong_type")
        yield Bad(field.name, "12345678901234567890.12", "wrong_type")
        yield Bad(field.name, '"a\\u0000b"', "nul_character")
        yield Bad(field.name, '"\\ud800"', "lone_surrogate")
        yield from (Bad(field.name, f'"{bad.text}"', bad.reason) for bad in _bad_texts(field))
        return
    yield Bad(field.name, '"5"', "wrong_type")
    yield from _bad_numbers(field, exponents=True)


def bad_csv(field: Field) -> Iterator[Bad]:
    """Wrong CSV values of a column."""
    if field.column.required:
        yield Bad(field.name, "", "null_value")
    yield Bad(field.name, "a\0b", "nul_character")
    if field.kind.name in ("string", "date", "timestamp") or field.column.currency_text:
        yield from _bad_texts(field)
        return
    for text in ("five", " 1", "1 ", "007", "+1", "1_000", "NaN", "0x10", "1,000", "٣", "true"):
        yield Bad(field.name, text, "wrong_type")
    yield Bad(field.name, "1E2", "wrong_type")
    yield from _bad_numbers(field, exponents=False)


def _bad_texts(field: Field) -> Iterator[Bad]:
    if field.kind.name == "string":
        yield from _bad_strings(field)
    elif field.kind.name in ("date", "timestamp"):
        yield from _bad_moments(field)
    elif field.column.currency_text:
        yield from _bad_prices(field)


def _bad_strings(field: Field) -> Iterator[Bad]:
    column = field.column
    yield Bad(field.name, "x" * (column.max_length + 1), "too_long")
    if column.pattern is not None:
        for text in ("?", "x1", "1", " ", "C1 ", "\u0663"):
            yield Bad(field.name, text, "pattern_mismatch")
    if column.values:
        for text in ("none of these", column.values[0].swapcase(), f" {column.values[0]}"):
            yield Bad(field.name, text, "not_in_values")
    if column.references:
        prefix = str(column.pattern).partition("\\")[0]
        yield Bad(field.name, f"{prefix}999999999", "unknown_reference")


def _bad_moments(field: Field) -> Iterator[Bad]:
    column, form = field.column, str(field.column.format)
    sign, tail = ("/" if form == "yyyy/MM/dd" else "-"), ("T10:11:12Z" if form == "iso_timestamp" else "")
    other = "-" if sign == "/" else "/"
    for day in ("2024-13-01", "2024-02-30", "2023-02-29", "2024-1-05", "0000-01-01", "24-01-05", "2024-00-10"):
        yield Bad(field.name, day.replace("-", sign) + tail, "bad_format")
    yield Bad(field.name, f"2024{other}01{other}05{tail}", "bad_format")
    for text in (
        "today",
        "10:30",
        "99999",
        "1769868672000",
        "05.01.2024",
        "2024-01-05 10:11:12",
        "2024-01-05T25:00:00",
    ):
        yield Bad(field.name, text, "bad_format")
    yield Bad(field.name, "2024-01-05T10:11:12Z" if not tail else "2024-01-05", "bad_format")
    if isinstance(column.min, date):
        before = (column.min - timedelta(days=1)).isoformat().replace("-", sign)
        yield Bad(field.name, before + tail, "below_min")
    if isinstance(column.max, date):
        # A timestamp must lie before midnight of its limit, a date may be the limit itself.
        behind = (column.max + timedelta(days=1)).isoformat().replace("-", sign)
        yield Bad(field.name, behind + tail, "above_max")


def _bad_prices(field: Field) -> Iterator[Bad]:
    for text in (
        "5.00",
        "$",
        "$ 5.00",
        " $5.00",
        "$5.00 ",
        "$1,23.45",
        "1.234,56",
        "$1.234,56",
        "5.00$",
        "$.50",
        "$05",
    ):
        yield Bad(field.name, text, "bad_format")
    for text in ("€5.00", "$1,2345.00", "$,123.00", "$1234,567.00", "$1e3", "($5.00)", "USD 5.00", "five", "$NaN"):
        yield Bad(field.name, text, "bad_format")
    yield Bad(field.name, "$1.005", "too_many_decimals")
    yield Bad(field.name, "$" + "9" * (field.kind.precision - field.kind.scale + 1), "number_out_of_range")
    if isinstance(field.column.min, Decimal) and field.column.min > 0:
        yield Bad(field.name, "-$5.00", "below_min")
        yield Bad(field.name, "$0.00", "below_min")


def _bad_numbers(field: Field, *, exponents: bool) -> Iterator[Bad]:
    """Numbers that do not fit the type or the limits; JSON writes some with an exponent."""
    column, kind = field.column, field.kind
    if kind.name in ("int", "long"):
        beyond = 2**31 if kind.name == "int" else 2**63
        for text in (str(beyond), str(-beyond - 1), "9" * 30):
            yield Bad(field.name, text, "number_out_of_range")
        for text in ("1.5", "1.0"):
            yield Bad(field.name, text, "wrong_type")
        if exponents:
            yield Bad(field.name, "1e2", "wrong_type")
    else:
        yield Bad(field.name, "1" * (kind.precision - kind.scale + 1), "number_out_of_range")
        yield Bad(field.name, "1." + "0" * kind.scale + "5", "too_many_decimals")
        if exponents:
            yield Bad(field.name, "1e400", "number_out_of_range")
            yield Bad(field.name, "1e-9", "too_many_decimals")
    step = Decimal(1).scaleb(-kind.scale)
    if isinstance(column.min, Decimal):
        yield Bad(field.name, f"{column.min - step:f}", "below_min")
    if isinstance(column.max, Decimal):
        above = column.max + step
        fits = above.adjusted() < kind.precision - kind.scale if kind.name == "decimal" else True
        yield Bad(field.name, f"{above:f}", "above_max" if fits else "number_out_of_range")
