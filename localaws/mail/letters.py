"""What the mails of SNS say. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

DEFAULT_SUBJECT = "AWS Notification Message"
CONFIRM_SUBJECT = "AWS Notification - Subscription Confirmation"
_POLICY = policy.SMTP
_LINE = "--"


@dataclass(frozen=True)
class Letter:
    """One mail to one subscriber."""

    message_id: str
    """SNS's own, a UUID."""
    topic_arn: str
    subscription_arn: str
    to: str
    subject: str
    text: str
    attributes: Mapping[str, str] = field(default_factory=dict)


def as_eml(letter: Letter, at: datetime) -> bytes:
    """The letter as an RFC 5322 message. `at`: when it was sent (UTC)."""
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = Address("AWS Notifications", "no-reply", "sns.amazonaws.com")
    mail["To"] = letter.to
    mail["Subject"] = _one_line(letter.subject)
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{letter.message_id}@sns.amazonaws.com>"
    mail["X-Amz-Sns-Message-Id"] = letter.message_id
    mail["X-Amz-Sns-Topic-Arn"] = letter.topic_arn
    mail["X-Amz-Sns-Subscription-Arn"] = letter.subscription_arn
    for name, value in sorted(letter.attributes.items()):
        mail[f"X-Amz-Sns-Attribute-{name}"] = _one_line(value)
    mail.set_content(letter.text, charset="utf-8", cte="quoted-printable")
    return mail.as_bytes()


def _one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def notification_text(text: str, subscription_arn: str, to: str, endpoint_url: str) -> str:
    """A message as the `email` protocol brings it, with the link to unsubscribe."""
    link = f"{endpoint_url}/?Action=Unsubscribe&SubscriptionArn={subscription_arn}"
    return "\n".join(
        [
            text.rstrip("\n"),
            "",
            _LINE,
            "If you wish to stop receiving notifications from this topic, please click or visit the link below to "
            "unsubscribe:",
            f"{link}&Endpoint={to}",
            "",
            "Please do not reply directly to this email. It was written by the embedded AWS and has not left this "
            "machine.",
            "",
        ]
    )


def envelope_text(envelope: str) -> str:
    """A message as the `email-json` protocol brings it: SNS's JSON document alone."""
    return json.dumps(json.loads(envelope), indent=2, ensure_ascii=False) + "\n"


def confirmation_text(topic_arn: str, token: str | None, endpoint_url: str) -> str:
    """The mail of a new subscription. Without a token it is confirmed already."""
    chosen = f"You have chosen to subscribe to the topic:\n{topic_arn}\n\n"
    if token is None:
        return (
            f"{chosen}The subscription is part of a stack that was deployed to the embedded AWS, so it is confirmed "
            "already.\nIn an AWS account this mail holds a link to confirm it, and nothing is sent before.\n"
        )
    link = f"{endpoint_url}/?Action=ConfirmSubscription&TopicArn={topic_arn}&Token={token}"
    return (
        f"{chosen}To confirm this subscription, click or visit the link below (If this was in error no action is "
        f"necessary):\n{link}\n"
    )
