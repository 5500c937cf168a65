"""What an executor is: somebody who has units of work done, in this process or on many machines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from generator.plan import Plan, Unit

Task = int | Unit
"""A place to prepare, by its number in the plan, or a unit to make."""


@dataclass(frozen=True)
class Outcome:
    """What became of a task. `error` is one line; None: done, and its result is in the store."""

    task: Task
    error: str | None = None


class Executor(Protocol):
    """Has tasks done. `run` yields each outcome as it comes, in any order.

    A task that raises, or whose worker dies, is an outcome with an error: the others go on. What no other task would
    survive either (the recipe cannot be used, the store is away) is raised as GeneratorError or StoreError.
    """

    def run(self, plan: Plan, store_url: str, tasks: Sequence[Task]) -> Iterator[Outcome]: ...
