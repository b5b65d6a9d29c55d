"""The DynamoDB calls of the ledger: conditional and atomic, each safe to repeat after a lost answer."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lakehouse.errors import LedgerError
from lakehouse.ledger.codec import attribute, decode, encode
from lakehouse.ledger.items import AnyRecord, Record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

BY_KIND = "by-kind"
"""The index that lists one kind of item of a pipeline by time. It projects all attributes."""
TRANSACTION_TRIES = 20


class LedgerTable:
    """One DynamoDB table behind a client.

    Every method raises botocore's ClientError where DynamoDB refuses: a missing permission, throttling beyond the
    client's retries.
    """

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self.client = client
        self.name = name

    def read(self, cls: type[Record], pk: str, sk: str) -> Record | None:
        """One item, read consistently."""
        item = self.client.get_item(TableName=self.name, Key=key(pk, sk), ConsistentRead=True).get("Item")
        return decode(cls, item) if item else None

    def newest_first(self, cls: type[Record], pipeline: str, since: str = "") -> Iterator[Record]:
        """All items of one kind of a pipeline, page by page. Eventually consistent.

        Args:
            since: only those whose `at` is not before this, as the ledger writes times.
        """
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name,
            IndexName=BY_KIND,
            KeyConditionExpression="kind_pipeline = :kind_pipeline AND #at >= :since",
            ExpressionAttributeNames={"#at": "at"},
            ExpressionAttributeValues={
                ":kind_pipeline": {"S": f"{cls.kind}#{pipeline}"},
                ":since": {"S": since or "0"},
            },
            ScanIndexForward=False,
        )
        for page in pages:
            for item in page["Items"]:
                yield decode(cls, item)

    def below(self, cls: type[Record], pk: str, sk_prefix: str) -> Iterator[Record]:
        """All items of one partition key whose sort key begins so, in its order, read consistently, page by page."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues={":pk": {"S": pk}, ":sk": {"S": sk_prefix}},
            ConsistentRead=True,
        )
        for page in pages:
            for item in page["Items"]:
                yield decode(cls, item)

    def put(self, record: AnyRecord) -> None:
        """Write an item, whatever was there."""
        self.client.put_item(TableName=self.name, Item=encode(record))

    def create(self, record: AnyRecord) -> bool:
        """Write an item that is not there yet; False when there is one."""
        try:
            self.client.put_item(
                TableName=self.name, Item=encode(record), ConditionExpression="attribute_not_exists(pk)"
            )
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def put_if(self, record: AnyRecord, condition: str, values: Mapping[str, object]) -> bool:
        """Write an item where none is, or where the one that is there meets the condition; False when it does not."""
        try:
            self.client.put_item(
                TableName=self.name,
                Item=encode(record),
                ConditionExpression=f"attribute_not_exists(pk) OR {condition}",
                ExpressionAttributeValues={name: attribute(value) for name, value in values.items()},
            )
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def delete_if(self, record: AnyRecord, condition: str, values: Mapping[str, object]) -> bool:
        """Delete a record's item where it meets the condition; False when it does not, or is gone already."""
        stored = encode(record)
        try:
            self.client.delete_item(
                TableName=self.name,
                Key={"pk": stored["pk"], "sk": stored["sk"]},
                ConditionExpression=condition,
                ExpressionAttributeValues={name: attribute(value) for name, value in values.items()},
                ExpressionAttributeNames={f"#{name[1:]}": name[1:] for name in values},
            )
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def delete(self, record: AnyRecord) -> None:
        """Delete a record's item; one that is gone already is as good."""
        stored = encode(record)
        self.client.delete_item(TableName=self.name, Key={"pk": stored["pk"], "sk": stored["sk"]})

    def redact(self, pk: str, sk: str, name: str, text: str) -> bool:
        """Put another text in the place of an item's; False when it has none, or exactly this one."""
        try:
            self.client.update_item(
                TableName=self.name,
                Key=key(pk, sk),
                UpdateExpression="SET #name = :text",
                ConditionExpression="attribute_exists(#name) AND #name <> :text",
                ExpressionAttributeNames={"#name": name},
                ExpressionAttributeValues={":text": {"S": text}},
            )
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def update(
        self,
        cls: type[Record],
        pk: str,
        sk: str,
        expression: str,
        values: Mapping[str, object],
        condition: str | None = None,
        names: Mapping[str, str] | None = None,
    ) -> tuple[bool, Record | None]:
        """One atomic UpdateItem: (True, the item afterwards) or, where the condition fails, (False, the item as it is).

        Raises:
            LedgerError: the item would grow beyond DynamoDB's 400 KB.
        """
        arguments: dict[str, Any] = {
            "TableName": self.name,
            "Key": key(pk, sk),
            "UpdateExpression": expression,
            "ExpressionAttributeValues": {name: attribute(value) for name, value in values.items()},
            "ReturnValues": "ALL_NEW",
        }
        if condition:
            arguments |= {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        if names:
            arguments["ExpressionAttributeNames"] = dict(names)
        try:
            answer = self.client.update_item(**arguments)
        except self.client.exceptions.ConditionalCheckFailedException as error:
            item: Any = error.response.get("Item")
            return False, decode(cls, item) if item else None
        except ClientError as error:
            if "maximum allowed size" in error.response["Error"].get("Message", ""):
                raise LedgerError(
                    f"Ledger item pk={pk!r} sk={sk!r} would exceed DynamoDB's 400 KB, about 2,000 files in one batch: "
                    "split the batch, for example by naming a folder per hour instead of per day"
                ) from error
            raise
        return True, decode(cls, answer["Attributes"])

    def transact(self, writes: Sequence["TransactWriteItemTypeDef"]) -> bool:
        """Do all writes or none; False when a condition fails. A clash with a write in progress is tried again."""
        for attempt in range(1, TRANSACTION_TRIES + 1):
            try:
                self.client.transact_write_items(TransactItems=writes)
            except self.client.exceptions.TransactionCanceledException as error:
                reasons = {reason.get("Code", "None") for reason in error.response.get("CancellationReasons", [])}
                if "ConditionalCheckFailed" in reasons:
                    return False
                if reasons - {"None"} != {"TransactionConflict"} or attempt == TRANSACTION_TRIES:
                    raise
                time.sleep(min(0.02 * 2**attempt, 1.0))
            else:
                return True
        raise AssertionError("unreachable: the last attempt returns or raises")


def key(pk: str, sk: str) -> Any:
    """A primary key as DynamoDB wants it."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}
