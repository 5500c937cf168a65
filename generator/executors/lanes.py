"""Tasks over lanes: each lane is a worker that does one task at a time and is replaced when it dies."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Protocol

from generator.executors.base import Outcome
from generator.plan import Task


class LaneLost(Exception):
    """The worker died (killed, out of memory, its machine gone) while it did a task."""


class Lane(Protocol):
    """One worker. The future of a task raises LaneLost if the worker died; the next `submit` then starts a new one."""

    def submit(self, task: Task) -> "Future[str | None]":
        """The future gives the error as one line, or None."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Lanes:
    """A crew of lanes."""

    lanes: Sequence[Lane]

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Keep every lane busy until all tasks have an outcome."""
        waiting = deque(tasks)
        busy: dict[Future[str | None], tuple[Lane, Task]] = {}
        for lane in self.lanes:
            _feed(lane, waiting, busy)
        while busy:
            done, _ = wait(busy, return_when=FIRST_COMPLETED)
            for future in done:
                lane, task = busy.pop(future)
                error = _error(future)
                _feed(lane, waiting, busy)
                yield Outcome(task, error)

    def close(self) -> None:
        for lane in self.lanes:
            lane.close()


def _feed(lane: Lane, waiting: "deque[Task]", busy: "dict[Future[str | None], tuple[Lane, Task]]") -> None:
    if waiting:
        task = waiting.popleft()
        busy[lane.submit(task)] = (lane, task)


def _error(future: "Future[str | None]") -> str | None:
    try:
        return future.result()
    except LaneLost as lost:
        return str(lost)
