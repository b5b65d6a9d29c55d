"""One value of one column, exactly: text or a JSON value in, a typed Python value out, or the reason why not."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation, localcontext
from math import isfinite

from lakehouse.parse.layout import Field
from lakehouse.parse.reasons import Reason, RecordRefusedError, shown

Value = str | int | float | bool | Decimal | date | datetime | None
DIGITS = r"(?:0|[1-9][0-9]*)"
INTEGER = rf"-?{DIGITS}"
NUMBER = rf"-?{DIGITS}(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
DECIMAL = rf"-?{DIGITS}(?:\.[0-9]+)?"
CURRENCY = rf"-?\$(?:{DIGITS}|[1-9][0-9]{{0,2}}(?:,[0-9]{{3}})+)(?:\.[0-9]+)?"
YEAR = r"(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
MONTH, DAY_OF_MONTH = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12][0-9]|3[01])"
DAY = {"yyyy-MM-dd": f"{YEAR}-{MONTH}-{DAY_OF_MONTH}", "yyyy/MM/dd": f"{YEAR}/{MONTH}/{DAY_OF_MONTH}"}
HOUR, SIXTIETH = r"(?:[01][0-9]|2[0-3])", r"[0-5][0-9]"
ZONE = rf"(?:Z|[+-]{HOUR}:{SIXTIETH})"
TIMESTAMP = rf"({DAY['yyyy-MM-dd']}T{HOUR}:{SIXTIETH}:{SIXTIETH})(?:\.([0-9]{{1,6}}))?({ZONE})?"
RANGES = {"int": 2**31, "long": 2**63}
LONGEST_NUMBER = 400
"""Digits beyond any column's range; longer ones are refused before they cost time."""
_compiled: dict[str, re.Pattern[str]] = {
    text: re.compile(text) for text in (INTEGER, NUMBER, DECIMAL, CURRENCY, TIMESTAMP)
}
_compiled |= {text: re.compile(text) for text in DAY.values()}


class JsonNumber(str):
    """A JSON number as it is written, before anything could bend it."""

    __slots__ = ()


def refuse(reason: Reason, field: Field, found: object) -> RecordRefusedError:
    """The refusal of a value because of its type."""
    rule = f"type {field.written}"
    return RecordRefusedError(reason, rule=rule, column=field.name, found=shown(found), expected=field.written)


def from_text(field: Field, text: str) -> Value:
    """A value that is written as text: all of CSV, and in JSON the columns with `Field.json_text`.

    Raises:
        RecordRefusedError: it is not written as the contract says, or does not fit the type.
    """
    if "\0" in text:
        raise refuse(Reason.NUL_CHARACTER, field, text)
    return READERS[field.kind.name](field, text)


def from_json(field: Field, value: object) -> Value:
    """A JSON value; numbers come as JsonNumber. Raises RecordRefusedError."""
    if field.json_text:
        if type(value) is not str:
            raise refuse(Reason.WRONG_TYPE, field, json_shown(value))
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise refuse(Reason.LONE_SURROGATE, field, value)
        return from_text(field, value)
    if field.kind.name == "boolean":
        if type(value) is not bool:
            raise refuse(Reason.WRONG_TYPE, field, json_shown(value))
        return value
    if not isinstance(value, JsonNumber):
        raise refuse(Reason.WRONG_TYPE, field, json_shown(value))
    return _decimal(field, value) if field.kind.name == "decimal" else READERS[field.kind.name](field, value)


def json_shown(value: object) -> str:
    """A parsed JSON value as JSON would write it, for messages."""
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    if isinstance(value, JsonNumber):
        return value
    if isinstance(value, str):
        return f'"{value}"'
    return "an object" if isinstance(value, dict) else "an array"


def _must_match(field: Field, text: str, form: str, reason: Reason) -> None:
    if _compiled[form].fullmatch(text) is None:
        raise refuse(reason, field, text)


def _string(field: Field, text: str) -> Value:
    return text


def _integer(field: Field, text: str) -> Value:
    _must_match(field, text, INTEGER, Reason.WRONG_TYPE)
    if len(text) > LONGEST_NUMBER:
        raise refuse(Reason.NUMBER_OUT_OF_RANGE, field, text)
    value, limit = int(text), RANGES[field.kind.name]
    if not -limit <= value < limit:
        raise refuse(Reason.NUMBER_OUT_OF_RANGE, field, text)
    return value


def _double(field: Field, text: str) -> Value:
    _must_match(field, text, NUMBER, Reason.WRONG_TYPE)
    value = float(text)
    if not isfinite(value):
        raise refuse(Reason.NUMBER_OUT_OF_RANGE, field, text)
    return value


def _boolean(field: Field, text: str) -> Value:
    if text not in ("true", "false"):
        raise refuse(Reason.WRONG_TYPE, field, text)
    return text == "true"


def _decimal_text(field: Field, text: str) -> Value:
    if field.column.currency_text:
        _must_match(field, text, CURRENCY, Reason.BAD_FORMAT)
        return _decimal(field, text, text.replace("$", "").replace(",", ""))
    _must_match(field, text, DECIMAL, Reason.WRONG_TYPE)
    return _decimal(field, text)


def _decimal(field: Field, text: str, number: str | None = None) -> Decimal:
    """The exact value. Zeros behind the scale's last place change no value and are allowed."""
    precision, scale = field.kind.precision, field.kind.scale
    if len(text) > LONGEST_NUMBER:
        raise refuse(Reason.NUMBER_OUT_OF_RANGE, field, text)
    with localcontext(prec=2 * LONGEST_NUMBER):
        try:
            value = Decimal(text if number is None else number)
        except InvalidOperation as error:
            # An exponent beyond 10^18, which decimal itself does not take.
            raise refuse(Reason.NUMBER_OUT_OF_RANGE, field, text) from error
        if value.is_zero():
            return Decimal(0)
        if value.adjusted() >= precision - scale:
            raise refuse(Reason.NUMBER_OUT_OF_RANGE, field, text)
        if value.adjusted() < -scale or value != (rounded := value.quantize(Decimal(1).scaleb(-scale))):
            raise refuse(Reason.TOO_MANY_DECIMALS, field, text)
        return rounded


def _date(field: Field, text: str) -> Value:
    form = field.column.format
    if form == "iso_timestamp":
        return _moment(field, text).date()
    _must_match(field, text, DAY[str(form)], Reason.BAD_FORMAT)
    try:
        return date(int(text[:4]), int(text[5:7]), int(text[8:]))
    except ValueError as error:
        raise refuse(Reason.BAD_FORMAT, field, text) from error


def _moment(field: Field, text: str) -> datetime:
    """A moment in UTC; without a zone the text is UTC."""
    match = _compiled[TIMESTAMP].fullmatch(text)
    if match is None:
        raise refuse(Reason.BAD_FORMAT, field, text)
    clock, fraction, zone = match.groups(default="")
    try:
        moment = datetime.fromisoformat(clock).replace(tzinfo=UTC)
        return moment + timedelta(microseconds=int(fraction.ljust(6, "0"))) - _offset(zone)
    except (ValueError, OverflowError) as error:
        raise refuse(Reason.BAD_FORMAT, field, text) from error


def _offset(zone: str) -> timedelta:
    if zone in ("", "Z"):
        return timedelta()
    ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
    return ahead if zone[0] == "+" else -ahead


READERS: dict[str, Callable[[Field, str], Value]] = {
    "string": _string,
    "int": _integer,
    "long": _integer,
    "double": _double,
    "boolean": _boolean,
    "decimal": _decimal_text,
    "date": _date,
    "timestamp": _moment,
}
