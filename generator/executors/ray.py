"""A Ray cluster, from a laptop to hundreds of GPUs: one actor a GPU, or one a core where there are none."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from generator.errors import GeneratorError
from generator.executors.base import Crew
from generator.executors.lanes import LaneLost, Lanes
from generator.plan import Plan, Task


@dataclass(frozen=True)
class RayExecutor:
    """`address` is that of an existing cluster ("auto": the one of this machine; None: start one here for this run).
    `workers` is how many actors at the most; None: one a GPU, or one a core. Checkpoints and the store must be reachable from every
    machine under the same names."""

    address: str | None = "auto"
    workers: int | None = None
    on_gpu: bool = False

    @contextmanager
    def open(self, plan: Plan, store_url: str) -> Iterator[Crew]:
        ray = _ray()
        with _connected(ray, self.address):
            slots = int(ray.cluster_resources().get("GPU" if self.on_gpu else "CPU", 0))
            if not slots:
                raise GeneratorError(
                    f"the Ray cluster has no {'GPU' if self.on_gpu else 'CPU'}; choose another --device"
                )
            n = min(self.workers or slots, slots, max(1, plan.n_units))  # an actor without a slot would wait for ever
            shared = ray.put(plan)
            with closing(Lanes([_ActorLane(ray, shared, store_url, self.on_gpu) for _ in range(n)])) as lanes:
                yield lanes


@contextmanager
def _connected(ray: Any, address: str | None) -> Iterator[None]:
    """A connection that is there stays; one that is made here ends here."""
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(address=address, log_to_driver=False)
    except ConnectionError:
        raise GeneratorError(
            f"there is no Ray cluster at address {address!r}; start one with `ray start --head`, or leave --ray-address "
            f"out to have one started here"
        ) from None
    try:
        yield
    finally:
        ray.shutdown()


class _ActorLane:
    """An actor of its own, made when it is first needed and again when it has died."""

    def __init__(self, ray: Any, plan: Any, store_url: str, on_gpu: bool) -> None:
        self._ray, self._told, self._on_gpu = ray, (plan, store_url), on_gpu
        self._actor: Any = None

    def submit(self, task: Task) -> "Future[str | None]":
        if self._actor is None:
            resources = {"num_gpus": 1} if self._on_gpu else {"num_cpus": 1}
            device = "cuda" if self._on_gpu else "cpu"
            self._actor = self._ray.remote(RayWorker).options(**resources).remote(*self._told, device)
        actor, answer = self._actor, Future[str | None]()

        def pass_on(done: "Future[str | None]") -> None:
            problem: BaseException | None = done.exception()
            if isinstance(problem, self._ray.exceptions.RayActorError):
                if self._actor is actor:
                    self._actor = None
                problem = LaneLost(f"a Ray worker died ({str(problem).splitlines()[0]})")
            elif isinstance(problem, self._ray.exceptions.RayTaskError):
                problem = problem.cause or problem
            if problem is not None:
                answer.set_exception(problem)
            else:
                answer.set_result(done.result())

        actor.do.remote(task).future().add_done_callback(pass_on)
        return answer

    def close(self) -> None:
        if self._actor is not None:
            self._ray.kill(self._actor)
            self._actor = None


class RayWorker:
    """What runs on the cluster."""

    def __init__(self, plan: Plan, store_url: str, device: str) -> None:
        import torch

        from generator.store import Store
        from generator.work import Worker

        self._worker = Worker(plan, Store(store_url), torch.device(device))

    def do(self, task: Task) -> str | None:
        from generator.work import attempt

        return attempt(self._worker, task)


def _ray() -> Any:
    try:
        import ray
    except ModuleNotFoundError:
        raise GeneratorError("ray is not installed; install alike[ray]") from None
    return ray
