"""Work ahead of the consumer in threads, in order and with a bound on what waits."""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from lakehouse.parse.source import Readable

A = TypeVar("A")
B = TypeVar("B")
_END = object()


def ahead(items: Iterator[A], workers: ThreadPoolExecutor, depth: int) -> Generator[A, None, None]:
    """The items, taken up to `depth` before they are asked for, one after the other, by `workers`. What `items` raises
    is raised here, in its place."""
    waiting: deque[Future[object]] = deque()
    try:
        while True:
            while len(waiting) < depth:
                waiting.append(workers.submit(next, items, _END))
            item = waiting.popleft().result()
            if item is _END:
                return
            yield item  # type: ignore[misc]
    finally:
        _finish(waiting)


def in_order(
    work: Callable[[A], B], items: Iterator[A], workers: ThreadPoolExecutor, depth: int
) -> Generator[B, None, None]:
    """`work` of every item, at most `depth` at a time, in the items' order."""
    waiting: deque[Future[B]] = deque()
    try:
        for item in items:
            waiting.append(workers.submit(work, item))
            if len(waiting) >= depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        _finish(waiting)


class ReadAhead:
    """A stream of which the next piece is fetched while the last one is worked on: S3 and we take no turns."""

    def __init__(self, stream: Readable, worker: ThreadPoolExecutor) -> None:
        self._stream = stream
        self._worker = worker
        self._coming: Future[bytes] | None = None

    def read(self, size: int) -> bytes:
        """The next piece. Ask for the same size each time; empty only at the end, and then no more is fetched."""
        coming = self._coming or self._worker.submit(self._stream.read, size)
        data = coming.result()
        self._coming = self._worker.submit(self._stream.read, size) if data else coming
        return data


def _finish(waiting: "deque[Future[A]]") -> None:
    """Leave nothing running: what has not begun is dropped, what has begun is waited for."""
    for future in waiting:
        if not future.cancel():
            future.exception()
    waiting.clear()
