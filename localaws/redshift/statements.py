"""Statements and their life: SUBMITTED, PICKED, STARTED, then FINISHED, FAILED or ABORTED.

The newest 1,000 are remembered, with their results, until the embedded AWS stops.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["SUBMITTED", "PICKED", "STARTED", "FINISHED", "ABORTED", "FAILED"]
ENDED: tuple[Status, ...] = ("FINISHED", "ABORTED", "FAILED")
REMEMBERED = 1000


@dataclass(frozen=True)
class Owner:
    """Who ran a statement. Only the same user, or another session of the same role, may look at it."""

    arn: str
    user_id: str
    """What a policy knows as `aws:userid`."""

    @property
    def identity(self) -> str:
        """The ARN without the session's name."""
        return self.arn.rsplit("/", 1)[0] if ":assumed-role/" in self.arn else self.arn

    @property
    def database_user(self) -> str:
        """The user of the database that Redshift makes of a caller."""
        return f"IAMR:{self.arn.split('/')[1]}" if ":assumed-role/" in self.arn else f"IAM:{self.arn.split('/')[-1]}"


@dataclass
class Part:
    """One SQL text of a statement, and its result. Times are epoch seconds."""

    id: str
    sql: str
    created_at: float
    status: Status = "SUBMITTED"
    updated_at: float = 0.0
    duration_ns: int = 0
    error: str | None = None
    rows: int = -1
    """Rows returned or changed; -1: neither."""
    size_bytes: int = -1
    columns: list[dict[str, Any]] | None = None
    """ColumnMetadata, where there is a result set."""
    records: list[list[dict[str, Any]]] = field(default_factory=list)

    def to(self, status: Status) -> None:
        self.status, self.updated_at = status, time.time()


@dataclass
class Statement:
    """One ExecuteStatement or BatchExecuteStatement. `lock` guards its status."""

    id: str
    owner: Owner
    workgroup: str
    database: str
    parts: list[Part]
    is_batch: bool
    parameters: Mapping[str, str]
    created_at: float
    name: str = ""
    with_event: bool = False
    token: str | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)
    status: Status = "SUBMITTED"
    updated_at: float = 0.0
    duration_ns: int = 0
    error: str | None = None
    pid: int = 0
    """Of the PostgreSQL backend, while and after it runs."""
    cancelled: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)
    ended: threading.Event = field(default_factory=threading.Event)

    def to(self, status: Status) -> None:
        self.status, self.updated_at = status, time.time()

    @property
    def last(self) -> Part:
        return self.parts[-1]


class Statements:
    """What has been asked, by id and by client token."""

    def __init__(self) -> None:
        self._all: dict[str, Statement] = {}
        self._lock = threading.Lock()

    def add(self, statement: Statement) -> None:
        with self._lock:
            self._all[statement.id] = statement
            for old in list(self._all.values())[: max(0, len(self._all) - REMEMBERED)]:
                if old.status in ENDED:
                    del self._all[old.id]

    def get(self, statement_id: str) -> Statement | None:
        """By its own id or a part's (`<id>:2`)."""
        return self._all.get(statement_id.partition(":")[0])

    def with_token(self, token: str, owner: Owner) -> Statement | None:
        found = (one for one in self.newest_first() if one.token == token and one.owner.identity == owner.identity)
        return next(found, None)

    def newest_first(self) -> Sequence[Statement]:
        with self._lock:
            return list(self._all.values())[::-1]
