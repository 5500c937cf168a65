"""A real Ray cluster of several workers on this machine, one of them killed in the middle; the store on a real S3 server."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store import Store
from generator.errors import GeneratorError
from generator.executors import RayExecutor
from generator.plan import make_plan
from generator.run import run
from tests.generator.executors.conftest import CPU, Undisturbed
from tests.s3 import s3_bucket


@pytest.fixture(scope="module")
def s3_store() -> Iterator[Store]:
    with s3_bucket() as url:
        yield Store(url)


@pytest.fixture(scope="module")
def cluster(s3_store: Store) -> Iterator[None]:
    """Begun when the environment says where the S3 server is."""
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


def test_where_there_is_no_cluster_it_says_so(undisturbed: Undisturbed, store: Store) -> None:
    with pytest.raises(GeneratorError, match="no Ray cluster"):
        list(run(undisturbed.recipe, store, CPU, RayExecutor("auto")))


def test_more_workers_than_the_cluster_has_room_for_do_not_wait_for_each_other(
    cluster: None, undisturbed: Undisturbed, store: Store
) -> None:
    made = list(run(undisturbed.recipe, store, CPU, RayExecutor(workers=5)))
    assert sorted(each.set_id for each in made) == sorted(undisturbed.ids)


def test_a_cluster_without_what_was_asked_for_says_so(cluster: None, undisturbed: Undisturbed, store: Store) -> None:
    with pytest.raises(GeneratorError, match="has no GPU"):
        list(run(undisturbed.recipe, store, CPU, RayExecutor(on_gpu=True)))


def test_a_worker_killed_in_the_middle_changes_nothing(
    cluster: None, undisturbed: Undisturbed, s3_store: Store
) -> None:
    killed: list[int] = []
    plan = make_plan(undisturbed.recipe, CPU)

    def kill() -> None:
        while not killed:
            time.sleep(0.05)
            if not any(s3_store.unit(condition.work, "unit-00000") for condition in plan.conditions):
                continue
            for status in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    title = status.read_bytes()
                except OSError:
                    continue
                if b"ray::RayWorker.do" in title:
                    killed.append(int(status.parent.name))
                    os.kill(killed[0], signal.SIGKILL)
                    break

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    told: list[str] = []
    made = list(run(undisturbed.recipe, s3_store, CPU, RayExecutor(workers=2), warn=told.append))
    assert sorted(each.set_id for each in made) == sorted(undisturbed.ids)
    assert list(s3_store.verify()) == []
    assert killed
    assert any("a Ray worker died" in line for line in told)
