"""This machine: one process a device, or this very process where there is one."""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass

import torch

from generator.executors.base import Crew, Outcome
from generator.executors.lanes import LaneLost, Lanes
from generator.plan import Plan, Task
from generator.store import Store
from generator.work import Worker, attempt


@dataclass(frozen=True)
class LocalExecutor:
    """`devices` as torch names them, one entry a process: ("cuda:0", "cuda:1"), ("cpu", "cpu"). One: no further process."""

    devices: tuple[str, ...]

    @contextmanager
    def open(self, plan: Plan, store_url: str) -> Iterator[Crew]:
        if len(self.devices) == 1:
            yield _Alone(Worker(plan, Store(store_url), torch.device(self.devices[0])))
            return
        most = max(1, plan.n_units)
        with closing(Lanes([_ProcessLane(plan, store_url, device) for device in self.devices[:most]])) as lanes:
            yield lanes


@dataclass(frozen=True)
class _Alone:
    """This very process."""

    worker: Worker

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        for task in tasks:
            yield Outcome(task, attempt(self.worker, task))


class _ProcessLane:
    """A process of its own, spawned when it is first needed and again when it has died."""

    def __init__(self, plan: Plan, store_url: str, device: str) -> None:
        self._told = (plan, store_url, device)
        self._pool: ProcessPoolExecutor | None = None

    def submit(self, task: Task) -> "Future[str | None]":
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, context, initializer=_begin, initargs=self._told)
        pool, answer = self._pool, Future[str | None]()

        def pass_on(done: "Future[str | None]") -> None:
            problem = done.exception()
            if isinstance(problem, BrokenProcessPool):
                if self._pool is pool:
                    self._pool = None
                problem = LaneLost(f"the process on {self._told[2]} died")
            if problem is not None:
                answer.set_exception(problem)
            else:
                answer.set_result(done.result())

        try:
            pool.submit(_do, task).add_done_callback(pass_on)
        except BrokenProcessPool:  # it died between two tasks: this one was not begun
            self._pool = None
            return self.submit(task)
        return answer

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


_worker: list[Worker] = []
"""The worker of this process, where it is one that a lane has spawned."""


def _begin(plan: Plan, store_url: str, device: str) -> None:
    _worker[:] = [Worker(plan, Store(store_url), torch.device(device))]


def _do(task: Task) -> str | None:
    return attempt(_worker[0], task)
