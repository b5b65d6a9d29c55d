"""A job's output in CloudWatch: `/aws-glue/jobs/output` and `/aws-glue/jobs/error`, one stream a run, as Glue does."""

import logging
import time
from collections import deque
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

OUTPUT, ERROR = "/aws-glue/jobs/output", "/aws-glue/jobs/error"
_TAIL_LINES = 400
_BATCH_LINES = 1_000
_LINE_CHARACTERS = 200_000

logger = logging.getLogger("localaws.glue")


class JobLogs:
    """Ships what a run writes. With the job's own role, as on AWS: without permission there are no logs, only a
    warning in the server's log."""

    def __init__(self, client: Any, run_id: str) -> None:
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        """The last lines of both streams, for the error message."""
        self._client = client
        self._stream = run_id
        self._read: dict[Path, int] = {}
        self._open: dict[str, bool] = {}

    def write_output(self, text: str) -> None:
        self._put(OUTPUT, [text])

    def write_error(self, text: str) -> None:
        self._put(ERROR, [text])

    def ship(self, stdout: Path, stderr: Path, last: bool = False) -> None:
        """Send what was added to the two files since the last call; whole lines until the `last`."""
        for group, path in ((OUTPUT, stdout), (ERROR, stderr)):
            lines = self._new_lines(path, last)
            self.tail.extend(lines)
            for start in range(0, len(lines), _BATCH_LINES):
                self._put(group, lines[start : start + _BATCH_LINES])

    def _new_lines(self, path: Path, last: bool) -> list[str]:
        with path.open("rb") as file:
            file.seek(self._read.get(path, 0))
            data = file.read()
        whole = data if last else data[: data.rfind(b"\n") + 1]
        self._read[path] = self._read.get(path, 0) + len(whole)
        return [line[:_LINE_CHARACTERS] for line in whole.decode(errors="replace").splitlines()]

    def _put(self, group: str, lines: list[str]) -> None:
        if group not in self._open:
            self._open[group] = self._make(group)
        if not self._open[group]:
            return
        at = int(time.time() * 1000)
        events = [{"timestamp": at, "message": line or " "} for line in lines]
        self._client.put_log_events(logGroupName=group, logStreamName=self._stream, logEvents=events)

    def _make(self, group: str) -> bool:
        try:
            self._ensure_group(group)
            self._client.create_log_stream(logGroupName=group, logStreamName=self._stream)
        except self._client.exceptions.ResourceAlreadyExistsException:
            return True
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("AccessDeniedException", "AccessDenied"):
                raise
            logger.warning("Glue run %s has no logs: %s", self._stream, error)
            return False
        return True

    def _ensure_group(self, group: str) -> None:
        try:
            self._client.create_log_group(logGroupName=group)
        except self._client.exceptions.ResourceAlreadyExistsException:
            return
