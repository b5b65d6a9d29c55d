"""The mails that the lake sent on this machine: read from their files, newest first."""

import email
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

from cli.errors import CliError
from cli.home import Home
from cli.lake import read_stack
from lakehouse.contract.load import pipelines

FOLDER = "mail"
"""In the lake's folder: the mails."""
_ATTRIBUTE = "X-Amz-Sns-Attribute-"
_ALARM = re.compile(r"(ALARM|OK|INSUFFICIENT_DATA): \"")
_CONFIRMATION = "AWS Notification - Subscription Confirmation"


@dataclass(frozen=True)
class Mail:
    """One mail."""

    id: str
    """The beginning of SNS's id, and the mail's number since the server started."""
    at: datetime
    kind: str
    """`file_refused`, `run_failed`, …; `alarm`, `alarm_over`, `subscription`, or `message` for what says nothing."""
    pipeline: str | None
    subject: str
    to: str
    text: str
    path: Path


def read_mails(home: Home) -> list[Mail]:
    """All mails of the lake of this machine, the newest first.

    Raises:
        CliError: it was never deployed.
    """
    stack = read_stack(home)
    if stack is None:
        raise CliError("There is no lake yet", "lake up")
    prefix = re.escape(stack["outputs"]["AthenaWorkgroup"])
    names = re.compile(rf"\b{prefix}-({'|'.join(map(re.escape, pipelines()))})\b")
    return [_read(path, names) for path in sorted((home.path / FOLDER).glob("*.eml"), reverse=True)]


def mails_since(home: Home, moment: float) -> Iterator[Mail]:
    """Mails that were kept since a moment (seconds since 1970), the oldest first."""
    return (mail for mail in reversed(read_mails(home)) if mail.path.stat().st_mtime >= moment)


def find_mail(mails: list[Mail], start: str) -> Mail:
    """The mail whose id begins with `start`.

    Raises:
        CliError: there is none, or several.
    """
    found = [mail for mail in mails if mail.id.startswith(start)]
    if len(found) != 1:
        count = f"{len(found)} notifications begin" if found else "No notification begins"
        raise CliError(f"{count} with '{start}'", "lake notifications")
    return found[0]


def _read(path: Path, names: re.Pattern[str]) -> Mail:
    mail = email.message_from_bytes(path.read_bytes(), _class=EmailMessage, policy=policy.default)
    subject, text = str(mail["Subject"]), str(mail.get_content()).replace("\r\n", "\n")
    named = names.search(subject) or names.search(text)
    return Mail(
        id="-".join(path.stem.split("-")[:0:-1]),
        at=parsedate_to_datetime(str(mail["Date"])).astimezone(UTC),
        kind=str(mail[f"{_ATTRIBUTE}kind"] or _kind(subject)),
        pipeline=str(mail[f"{_ATTRIBUTE}pipeline"]) if mail[f"{_ATTRIBUTE}pipeline"] else named and named[1],
        subject=subject,
        to=str(mail["To"]),
        text=text,
        path=path,
    )


def _kind(subject: str) -> str:
    alarm = _ALARM.match(subject)
    if alarm:
        return "alarm" if alarm[1] == "ALARM" else "alarm_over"
    return "subscription" if subject == _CONFIRMATION else "message"


def body(mail: Mail) -> str:
    """A mail's text without what SNS puts below it; a JSON document indented."""
    text = mail.text.split("\n\n--\nIf you wish to stop receiving", 1)[0]
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except json.JSONDecodeError:
        return text
