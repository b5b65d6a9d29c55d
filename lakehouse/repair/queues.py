"""Looking into the queues of dead letters, and emptying them with care: handed over first, deleted after.

A crash between the two leaves a message that was handed over already. It is handed over again, which is harmless: the
gate and the functions answer to events that come more than once.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakehouse.repair.dead_letters import QUEUES, DeadLetter, QueueName, Target, read_letter

if TYPE_CHECKING:
    from mypy_boto3_lambda.client import LambdaClient
    from mypy_boto3_sqs.client import SQSClient

HIDDEN_SECONDS = 30
"""How long others do not see a message that is looked at, at most: it is shown again as soon as the look is over."""
_AT_ONCE = 10
"""SQS gives no more messages at a time."""
_WAIT_SECONDS = 1
"""SQS asks all of its servers only where it may wait."""


@dataclass(frozen=True)
class QueueLook:
    """What lies in one queue."""

    queue: QueueName
    count: int
    """Approximate, as SQS counts."""
    letters: tuple[DeadLetter, ...]
    """The oldest first; no more than asked for."""


@dataclass(frozen=True)
class Redriven:
    """What became of one message."""

    letter: DeadLetter
    handed_over: bool


@dataclass(frozen=True)
class DeadLetterQueues:
    """The queues of a stack."""

    sqs: "SQSClient"
    functions: "LambdaClient"
    prefix: str

    def count(self, queue: QueueName) -> int:
        """How many messages lie in a queue, approximately, those that somebody works on included."""
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        url = self._url(f"{self.prefix}-{QUEUES[queue]}")
        found: Any = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def look(self, queue: QueueName, limit: int) -> QueueLook:
        """What lies in a queue. Afterwards others see all of it again."""
        count = self.count(queue)
        with self._holding(queue) as held:
            letters = [letter for letter, _, _ in self._receive(queue, limit, held)]
        letters.sort(key=lambda letter: (letter.sent_at, letter.message_id))
        return QueueLook(queue, max(count, len(letters)), tuple(letters))

    def redrive(self, queue: QueueName, limit: int) -> Iterator[Redriven]:
        """Give messages back, one by one. What has no place to go back to stays, and others see it again.

        What was put into the queue since this began is left for the next time: a message that failed once more.

        Raises botocore's ClientError where a message cannot be handed over: it and those after it stay.
        """
        url, began_at_ms = self._url(f"{self.prefix}-{QUEUES[queue]}"), int(time.time() * 1000)
        with self._holding(queue) as held:
            for letter, target, sent_at_ms in self._receive(queue, limit, held):
                if sent_at_ms > began_at_ms:
                    continue
                if target is not None:
                    self._hand_over(target)
                    self.sqs.delete_message(QueueUrl=url, ReceiptHandle=held[letter.message_id])
                    del held[letter.message_id]
                yield Redriven(letter, handed_over=target is not None)

    def _receive(
        self, queue: QueueName, limit: int, held: dict[str, str]
    ) -> Iterator[tuple[DeadLetter, Target | None, int]]:
        """Messages of a queue, each once, with the time when it was sent, milliseconds since 1970; `held` fills with
        their receipts."""
        url, seen = self._url(f"{self.prefix}-{QUEUES[queue]}"), set[str]()
        while len(seen) < limit:
            found: Any = self.sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=min(_AT_ONCE, limit - len(seen)),
                VisibilityTimeout=HIDDEN_SECONDS,
                WaitTimeSeconds=_WAIT_SECONDS,
                MessageSystemAttributeNames=["SentTimestamp"],
                MessageAttributeNames=["All"],
            )
            messages = found.get("Messages", [])
            held.update({message["MessageId"]: message["ReceiptHandle"] for message in messages})
            new = [message for message in messages if message["MessageId"] not in seen]
            if not new:
                return
            for message in new:
                seen.add(message["MessageId"])
                letter, target = read_letter(queue, message, self.prefix)
                yield letter, target, int(message["Attributes"]["SentTimestamp"])

    @contextmanager
    def _holding(self, queue: QueueName) -> Iterator[dict[str, str]]:
        """Receipts of held messages by message id. Those that are in it at the end are shown to others again."""
        url, held = self._url(f"{self.prefix}-{QUEUES[queue]}"), dict[str, str]()
        try:
            yield held
        finally:
            for receipt in held.values():
                self._show_again(url, receipt)

    def _show_again(self, url: str, receipt: str) -> None:
        try:
            self.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=0)
        except self.sqs.exceptions.MessageNotInflight:
            return  # its time was up: others see it already

    def _hand_over(self, target: Target) -> None:
        if target.kind == "queue":
            self.sqs.send_message(QueueUrl=self._url(target.name), MessageBody=target.body)
        else:
            self.functions.invoke(FunctionName=target.name, InvocationType="Event", Payload=target.body.encode())

    def _url(self, name: str) -> str:
        return self.sqs.get_queue_url(QueueName=name)["QueueUrl"]
