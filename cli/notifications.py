"""The mails that the embedded AWS kept: what people were told."""

import email
import email.policy
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

from cli.home import Home

KIND = "X-Lakegate-Kind"
"""Header with the notification's kind."""


@dataclass(frozen=True)
class Mail:
    """One `.eml` file."""

    id: str
    """Name of the file without its ending; names sort by time."""
    at: str
    """When it was sent, ISO 8601, UTC."""
    to: str
    subject: str
    kind: str
    text: str


def mails_since(home: Home, moment: float) -> Iterator[Mail]:
    """Mails sent since a moment (seconds since 1970), the oldest first."""
    for path in sorted((home.path / "mail").glob("*.eml")):
        if path.stat().st_mtime >= moment:
            yield read_mail(path)


def read_mail(path: Path) -> Mail:
    """One kept mail."""
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    body = message.get_body(("plain",)) if isinstance(message, EmailMessage) else None
    at = parsedate_to_datetime(str(message["Date"])).isoformat() if message["Date"] else ""
    text = body.get_content() if body else ""
    return Mail(path.stem, at, str(message["To"]), str(message["Subject"]), str(message[KIND] or ""), text)
