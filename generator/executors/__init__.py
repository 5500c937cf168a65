"""Who does the work: this process, processes of this machine, a Ray cluster, or one share of an array of jobs."""

import os

import torch

from generator.errors import GeneratorError
from generator.executors.base import Crew, Executor, Outcome
from generator.executors.local import LocalExecutor
from generator.executors.ray import RayExecutor
from generator.executors.shard import Shard, parse_shard

EXECUTORS = ("local", "ray")


def choose_executor(
    name: str, device: torch.device, workers: int | None, ray_address: str | None, shard: str | None
) -> Executor:
    """The executor that a command line asks for. Raises GeneratorError, naming what would be accepted."""
    if name not in EXECUTORS:
        raise GeneratorError(f"executor {name!r} is unknown; known are {', '.join(EXECUTORS)}")
    chosen: Executor
    chosen = (
        RayExecutor(ray_address, workers, device.type == "cuda")
        if name == "ray"
        else LocalExecutor(_devices(device, workers))
    )
    return chosen if shard is None else Shard(chosen, *parse_shard(shard))


def _devices(device: torch.device, workers: int | None) -> tuple[str, ...]:
    """One process a GPU, or one a core; more processes than GPUs share them in turn."""
    if device.type == "cpu":
        return ("cpu",) * (workers or len(os.sched_getaffinity(0)))
    n = torch.cuda.device_count()
    return tuple(f"cuda:{i % n}" for i in range(workers or n))


__all__ = [
    "EXECUTORS",
    "Crew",
    "Executor",
    "LocalExecutor",
    "Outcome",
    "RayExecutor",
    "Shard",
    "choose_executor",
]
