"""The ledger's values as DynamoDB items and back. Pure."""

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from lakehouse.errors import LedgerError
from lakehouse.ledger.items import (
    AnyRecord,
    BatchState,
    CrawlWait,
    DatasetBalance,
    Erasure,
    FileRecord,
    GoldPartition,
    GoldPointer,
    GoldResult,
    PartitionPointer,
    Record,
    RunRecord,
    SlotInForce,
    SlotState,
    UnshownRun,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

_TO_DYNAMODB, _OF_DYNAMODB = TypeSerializer(), TypeDeserializer()


def partition_key(record: AnyRecord) -> str:
    """`pk` of a record."""
    if isinstance(record, GoldPointer | PartitionPointer | UnshownRun):
        return f"_gold#{record.pipeline}"
    if isinstance(record, CrawlWait):
        return f"_crawl#{record.crawler}"
    if isinstance(record, Erasure):
        return f"_erasure#{record.pipeline}"
    return f"{record.pipeline}#{record.batch}"


def sort_key(record: AnyRecord) -> str:
    """`sk` of a record."""
    match record:
        case BatchState():
            return "BATCH"
        case SlotState():
            return f"SLOT#{record.slot_id}"
        case FileRecord():
            return f"FILE#{record.file_id}"
        case RunRecord():
            return f"RUN#{record.run_id}"
        case GoldPointer():
            return f"TABLE#{record.table}"
        case PartitionPointer():
            return f"PART#{record.table}#{record.value}"
        case UnshownRun():
            return f"UNSHOWN#{record.table}#{record.run_id}"
        case CrawlWait():
            return f"WAIT#{record.run_id}"
        case Erasure():
            return f"ERASURE#{record.erasure_id}"


def encode(record: AnyRecord) -> "Item":
    """A record as a DynamoDB item. Fields that are None are left out."""
    return {
        "pk": {"S": partition_key(record)},
        "sk": {"S": sort_key(record)},
        "kind": {"S": record.kind},
        "kind_pipeline": {"S": f"{record.kind}#{record.pipeline}"},
        **{name: attribute(value) for name, value in _values(record).items()},
    }


def decode(cls: type[Record], item: Mapping[str, Any]) -> Record:
    """The record of an item read from DynamoDB; attributes that the record does not have are ignored.

    Raises:
        LedgerError: the item lacks a field of the record.
    """
    values: dict[str, Any] = {name: _plain(_OF_DYNAMODB.deserialize(value)) for name, value in item.items()}
    wanted = {one.name for one in fields(cls)}
    try:
        if "slots" in values:
            values["slots"] = {slot: SlotInForce(**entry) for slot, entry in values["slots"].items()}
        if "balance" in values:
            values["balance"] = {dataset: DatasetBalance(**one) for dataset, one in values["balance"].items()}
        if "gold" in values:
            values["gold"] = {table: _gold_result(result) for table, result in values["gold"].items()}
        return cls(**{name: value for name, value in values.items() if name in wanted})
    except TypeError as error:
        raise LedgerError(
            f"Ledger item pk={values.get('pk')!r} sk={values.get('sk')!r} is no {cls.__name__}: {error}"
        ) from error


def _gold_result(values: Mapping[str, Any]) -> GoldResult:
    partitions = {value: GoldPartition(**one) for value, one in values.get("partitions", {}).items()}
    return GoldResult(**{**values, "partitions": partitions})


def attribute(value: object) -> "AttributeValueTypeDef":
    """A text, number, set of texts, mapping or small dataclass as a DynamoDB attribute value."""
    found: AttributeValueTypeDef = _TO_DYNAMODB.serialize(_storable(value))
    return found


def _values(value: Any) -> dict[str, object]:
    """Fields of a dataclass without those that hold nothing (DynamoDB has no empty set)."""
    found = {one.name: getattr(value, one.name) for one in fields(value)}
    return {name: value for name, value in found.items() if value is not None and value != frozenset()}


def _storable(value: object) -> object:
    if isinstance(value, float):
        return Decimal(str(round(value, 6)))
    if isinstance(value, Mapping):
        return {name: _storable(inner) for name, inner in value.items()}
    if isinstance(value, SlotInForce | GoldResult | GoldPartition | DatasetBalance):
        return _storable(_values(value))
    return value


def _plain(value: object) -> Any:
    """Decimals as int where whole, as float otherwise; sets of texts frozen."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, set):
        return frozenset(value)
    return value
