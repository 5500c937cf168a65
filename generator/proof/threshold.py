"""From the unit of a stop rule to an error for each target."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from generator.errors import GeneratorError
from generator.store import Distribution

Unit = Literal["relative", "null", "files"]


def thresholds(
    unit: Unit,
    at: float,
    null: Mapping[str, Distribution],
    yardsticks: Sequence[Mapping[str, float]],
    target_ids: Sequence[str],
) -> Tensor:
    """The largest relative representation error at which each target's image is good enough, (targets,) float32.

    `relative`: `at` itself · `null`: the `at`-th percentile of the null's relative errors, between 0 and 100 · `files`:
    `at` times the error of the target's own JPEG of quality 90, the coarsest of its yardsticks that nobody sees.
    Raises GeneratorError for a target whose JPEG is represented exactly like itself.
    """
    if not (math.isfinite(at) and at >= 0):
        raise GeneratorError(f"stop: at is {at:g}; expected a finite number that is not negative")
    if unit == "files":
        return torch.tensor(
            [_of_file(at, *told) for told in zip(yardsticks, target_ids, strict=True)], dtype=torch.float32
        )
    if unit == "null" and at > 100:
        raise GeneratorError(f"stop: at is {at:g}, but with unit null it is a percentile, between 0 and 100")
    level = value_at(null["relative"], at) if unit == "null" else at
    return torch.full((len(target_ids),), level, dtype=torch.float32)


def value_at(distribution: Distribution, percentile: float) -> float:
    """By linear interpolation between the quantiles that are stored."""
    percentiles, values = _points(distribution)
    return float(np.interp(percentile, percentiles, values))


def percentile_of(distribution: Distribution, value: float) -> float:
    """The way back, in [0, 100]."""
    percentiles, values = _points(distribution)
    return float(np.interp(value, values, percentiles))


def _points(distribution: Distribution) -> tuple[list[float], list[float]]:
    points = sorted((float(percentile), value) for percentile, value in distribution.quantiles.items())
    return [percentile for percentile, _ in points], [value for _, value in points]


def _of_file(at: float, yardstick: Mapping[str, float], target_id: str) -> float:
    error = yardstick["error_jpeg90"]
    if not error > 0:
        raise GeneratorError(
            f"stop: the JPEG of target {target_id} is represented exactly like itself, so that unit files gives no error "
            f"to stop at; leave the target out, or use unit relative or null"
        )
    return at * error
