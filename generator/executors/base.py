"""What an executor is: somebody who has units of work done, in this process or on many machines."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from generator.plan import Plan, Task


@dataclass(frozen=True)
class Outcome:
    """What became of a task. `error` is one line; None: done, and its result is in the store."""

    task: Task
    error: str | None = None


class Crew(Protocol):
    """Workers that know a plan and a store."""

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Have tasks done; each outcome as it comes, in any order.

        A task that raises, or whose worker dies, is an outcome with an error: the others go on. What no other task would
        survive either (the recipe cannot be used, the store is away) is raised as GeneratorError or StoreError.
        """
        ...


class Executor(Protocol):
    """Where work is done. Its workers live as long as the context that `open` gives."""

    def open(self, plan: Plan, store_url: str) -> AbstractContextManager[Crew]: ...
