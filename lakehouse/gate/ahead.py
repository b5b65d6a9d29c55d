"""Work ahead of the consumer in threads, in order and with a bound on what waits."""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

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


def _finish(waiting: "deque[Future[A]]") -> None:
    """Leave nothing running: what has not begun is dropped, what has begun is waited for."""
    for future in waiting:
        if not future.cancel():
            future.exception()
    waiting.clear()
