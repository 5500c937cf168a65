"""Processes of one machine: the same sets as one process, also when processes die; units that fail are left out."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from app.store import Store
from generator.errors import GeneratorError
from generator.executors import LocalExecutor, Outcome, Shard
from generator.executors.shard import parse_shard
from generator.plan import Plan, Task, Unit
from generator.run import run
from generator.work import Worker, attempt, fitting
from tests.generator.executors.conftest import CPU, Undisturbed

COMMAND = [str(Path(sys.executable).parent / "alike-generate")]


def test_two_processes_make_the_same_sets(undisturbed: Undisturbed, store: Store) -> None:
    made = list(run(undisturbed.recipe, store, CPU, LocalExecutor(("cpu", "cpu"))))
    assert sorted(each.set_id for each in made) == sorted(undisturbed.ids)
    assert list(store.verify()) == []


@pytest.mark.parametrize("of", [2, 5])
def test_shards_that_know_nothing_of_each_other_make_the_same_sets(
    undisturbed: Undisturbed, store: Store, of: int
) -> None:
    made = [
        each.set_id
        for index in range(of)
        for each in run(undisturbed.recipe, store, CPU, Shard(LocalExecutor(("cpu",)), index, of))
    ]
    assert set(made) == set(undisturbed.ids)  # put together by whoever comes last


def test_an_array_of_jobs_side_by_side(undisturbed: Undisturbed, store: Store) -> None:
    """The template for Slurm, with what Slurm tells its jobs."""
    path = f"{Path(COMMAND[0]).parent}:{os.environ['PATH']}"
    jobs = [
        subprocess.Popen(
            ["bash", "examples/cluster/array.sbatch", str(undisturbed.path), store.url],
            env={
                **os.environ,
                "PATH": path,
                "SLURM_ARRAY_TASK_ID": str(i),
                "SLURM_ARRAY_TASK_MIN": "3",
                "SLURM_ARRAY_TASK_COUNT": "2",
            },
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        for i in (3, 4)
    ]
    assert [job.wait() for job in jobs] == [0, 0]
    assert sorted(store.set_ids()) == sorted(undisturbed.ids)


@pytest.mark.parametrize("text", ["1", "2/2", "0/0", "-1/2", "a/b", "1/2/3"])
def test_shares_that_are_none(text: str) -> None:
    with pytest.raises(GeneratorError, match="from 0 to n − 1"):
        parse_shard(text)


def children() -> list[int]:
    """Processes that this one has spawned to work."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
            command = status.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if f"PPid:\t{os.getpid()}\n" in text and b"spawn_main" in command:
            found.append(int(status.parent.name))
    return found


def test_a_process_that_dies_costs_its_unit_only(undisturbed: Undisturbed, store: Store) -> None:
    """As soon as the first unit is there one of the two processes is killed."""
    killed: list[int] = []

    def kill() -> None:
        folder = Path(store.url)
        while not list(folder.glob("units/*/unit-*.json")):
            time.sleep(0.005)
        victims = children()
        if victims:
            os.kill(victims[0], signal.SIGKILL)
            killed.append(victims[0])

    killer = threading.Thread(target=kill)
    killer.start()
    told: list[str] = []
    made = list(run(undisturbed.recipe, store, CPU, LocalExecutor(("cpu", "cpu")), warn=told.append))
    killer.join()
    assert killed
    assert sorted(each.set_id for each in made) == sorted(undisturbed.ids)
    assert all("died" in line and "tried once more" in line for line in told)


@dataclass(frozen=True)
class Poisoned:
    """This process, but one unit fails as often as it is tried."""

    unit: Unit
    tried: list[Unit] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)

    @contextmanager
    def open(self, plan: Plan, store_url: str) -> Iterator["Poisoned"]:
        self.workers.append(Worker(plan, Store(store_url), CPU))
        yield self

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        for task in tasks:
            if task == self.unit:
                self.tried.append(self.unit)
                yield Outcome(task, "RuntimeError: poison")
            else:
                yield Outcome(task, attempt(self.workers[-1], task))


def test_a_unit_that_fails_twice_is_left_out_and_said(undisturbed: Undisturbed, store: Store) -> None:
    told: list[str] = []
    poisoned = Poisoned(Unit(0, 1))
    made = list(run(undisturbed.recipe, store, CPU, poisoned, warn=told.append))
    assert len(poisoned.tried) == 2
    assert len(told) == 2
    assert "tried once more" in told[0]
    assert "left out" in told[1]
    assert [each.left_out for each in made if each.set_id not in undisturbed.ids] == [2, 2]
    assert sorted(each.set_id for each in made if each.set_id in undisturbed.ids) == sorted(undisturbed.ids[2:])
    incomplete = store.get_set(next(each.set_id for each in made if each.left_out))
    assert incomplete.recipe["left_out"] == ["unit-00001"]
    assert len(incomplete.items) == 4

    # Not for ever: another run does not try it, and says the same sets.
    again = Poisoned(Unit(0, 1))
    assert sorted(each.set_id for each in run(undisturbed.recipe, store, CPU, again)) == sorted(
        each.set_id for each in made
    )
    assert again.tried == []

    # Until somebody asks for it.
    whole = list(run(undisturbed.recipe, store, CPU, retry_failed=True))
    assert sorted(each.set_id for each in whole) == sorted(undisturbed.ids)


@pytest.mark.parametrize("of", [[0], [0, 1]])
def test_a_place_that_fails_is_tried_once_more_and_the_others_go_on(
    undisturbed: Undisturbed, store: Store, of: list[int]
) -> None:
    told: list[str] = []
    spoilt = Spoilt(set(of))
    if len(of) == 2:
        with pytest.raises(GeneratorError, match="layer stem: RuntimeError: lost"):
            list(run(undisturbed.recipe, store, CPU, spoilt, warn=told.append))
        return
    made = list(run(undisturbed.recipe, store, CPU, spoilt, warn=told.append))
    assert sorted(each.set_id for each in made) == sorted(undisturbed.ids[2:])
    assert [line.rsplit("; ", 1)[1] for line in told[:2]] == ["it is tried once more", "it is left out"]
    assert "1 of 2 sets are not made" in told[2]


@dataclass(frozen=True)
class Spoilt:
    """This process, but some places cannot be prepared."""

    places: set[int]
    workers: list[Worker] = field(default_factory=list)

    @contextmanager
    def open(self, plan: Plan, store_url: str) -> Iterator["Spoilt"]:
        self.workers.append(Worker(plan, Store(store_url), CPU))
        yield self

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        for task in tasks:
            yield Outcome(task, "RuntimeError: lost" if task in self.places else attempt(self.workers[-1], task))


def test_out_of_memory_halves_the_batch() -> None:
    tried: list[int] = []

    def search(batch_size: int) -> list[object]:
        tried.append(batch_size)
        if batch_size > 3:
            raise torch.OutOfMemoryError
        return [batch_size]

    assert fitting(search, 14) == [3]  # type: ignore[arg-type,comparison-overlap]
    assert tried == [14, 7, 3]


def test_twenty_kills_change_nothing(undisturbed: Undisturbed, store: Store) -> None:
    """Killed again and again, a little later each time, the run ends with the sets of an undisturbed one."""
    command = [*COMMAND, "run", str(undisturbed.path), "--store", store.url, "--workers", "1", "--device", "cpu"]
    folder, kills = Path(store.url), 0
    while kills < 20:
        before = len(list(folder.glob("units/*/*.json")))
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        # Until it works (one in three lives to finish a unit), then at any moment.
        deadline = time.monotonic() + (20 if kills % 3 == 0 else 1.5 + 0.15 * kills)
        while time.monotonic() < deadline and process.poll() is None:
            if kills % 3 == 0 and len(list(folder.glob("units/*/*.json"))) > before:
                break
            time.sleep(0.02)
        process.kill()
        process.wait()
        kills += 1
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert sorted(store.set_ids()) == sorted(undisturbed.ids)
    assert list(store.verify()) == []
