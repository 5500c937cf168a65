"""One share of a run that many machines make side by side without knowing of each other: an array of a batch system."""

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass

from generator.errors import GeneratorError
from generator.executors.base import Crew, Executor, Outcome
from generator.plan import Plan, Task, Unit


@dataclass(frozen=True)
class Shard:
    """Units whose number leaves `index` when divided by `of`. What is left out is not there for this run."""

    executor: Executor
    index: int
    of: int

    @contextmanager
    def open(self, plan: Plan, store_url: str) -> Iterator[Crew]:
        mine = {unit for i, unit in enumerate(plan.units()) if i % self.of == self.index}
        with self.executor.open(plan, store_url) as crew:
            yield _Share(crew, mine)


@dataclass(frozen=True)
class _Share:
    crew: Crew
    mine: AbstractSet[Unit]

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        yield from self.crew.run([task for task in tasks if not isinstance(task, Unit) or task in self.mine])


def parse_shard(text: str) -> tuple[int, int]:
    """`i/n` with 0 ≤ i < n → (i, n)."""
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if found is None or not int(found[1]) < int(found[2]):
        raise GeneratorError(f"--shard {text!r} is no share; expected i/n with i from 0 to n − 1, such as 0/8")
    return int(found[1]), int(found[2])
