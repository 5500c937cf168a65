"""Starts of the field: Nanda et al.'s noises and plain colours, and the grey noise of model metamers and robustness."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Noise:
    """level + scale · N(0, 1), independent for each value.

    super-noise: N(0, 1) · light-noise: N(0, 1)/100 · grey-noise: 0.5 + N(0, 1)/20 (Feather et al. 2019; Engstrom et al.)
    """

    level: float
    scale: float

    def draw(self, height: int, width: int, rng: np.random.Generator) -> NDArray[np.float64]:
        return self.level + self.scale * rng.standard_normal((height, width, 3))


@dataclass(frozen=True)
class Plain:
    """One value everywhere: white is 1, black is 0."""

    level: float

    def draw(self, height: int, width: int, rng: np.random.Generator) -> NDArray[np.float64]:  # noqa: ARG002
        return np.full((height, width, 3), self.level)
