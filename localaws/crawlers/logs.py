"""What a crawl says: the stream of the crawler's name in `/aws-glue/crawlers`, written with its role."""

import logging
import time
from typing import Any

from botocore.exceptions import ClientError

GROUP = "/aws-glue/crawlers"

logger = logging.getLogger("localaws.crawlers")


class CrawlLog:
    """The log of one crawl. Without permission to write it there is none, only a warning in the server's log."""

    def __init__(self, client: Any, crawler: str, crawl_id: str) -> None:
        self._client, self._stream, self._prefix = client, crawler, crawl_id
        self._open: bool | None = None
        self.warnings: list[str] = []

    def info(self, text: str) -> None:
        self._put("INFO", text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        self._put("WARN", text)

    def error(self, text: str) -> None:
        self._put("ERROR", text)

    def benchmark(self, text: str) -> None:
        """A step of the crawl."""
        self._put("BENCHMARK", text)

    def _put(self, level: str, text: str) -> None:
        if self._open is None:
            self._open = self._make()
        if self._open:
            event = {"timestamp": int(time.time() * 1000), "message": f"[{self._prefix}] {level} : {text}"}
            self._client.put_log_events(logGroupName=GROUP, logStreamName=self._stream, logEvents=[event])

    def _make(self) -> bool:
        exists = self._client.exceptions.ResourceAlreadyExistsException
        try:
            for create, names in (
                (self._client.create_log_group, {"logGroupName": GROUP}),
                (self._client.create_log_stream, {"logGroupName": GROUP, "logStreamName": self._stream}),
            ):
                try:
                    create(**names)
                except exists:
                    continue
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("AccessDeniedException", "AccessDenied"):
                raise
            logger.warning("Crawler %s has no logs: %s", self._stream, error)
            return False
        return True
