"""Starts of the field that are drawn: Nanda et al.'s noises and plain colours, the grey noise of model metamers and
robustness, and noise like that of natural pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from generator.starts.base import Pixels, Values

Finite = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class Noise:
    """level + scale · N(0, 1), independent for each value.

    super-noise: N(0, 1) · light-noise: N(0, 1)/100 · grey-noise: 0.5 + N(0, 1)/20 (Feather et al. 2019; Engstrom et al.)
    """

    level: Finite
    scale: Annotated[float, Field(ge=0, allow_inf_nan=False)]

    def draw(self, height: int, width: int, rng: np.random.Generator, others: Sequence[Pixels]) -> Values:  # noqa: ARG002
        return self.level + self.scale * rng.standard_normal((height, width, 3))


@dataclass(frozen=True)
class Uniform:
    """Every value between `low` and `high` is as likely as every other."""

    low: Finite = 0.0
    high: Finite = 1.0

    def draw(self, height: int, width: int, rng: np.random.Generator, others: Sequence[Pixels]) -> Values:  # noqa: ARG002
        return rng.uniform(min(self.low, self.high), max(self.low, self.high), (height, width, 3))


@dataclass(frozen=True)
class Pink:
    """0.5 + `contrast` · noise whose amplitude falls with frequency as 1/f, as that of natural pictures does; each
    colour has mean 0.5 and standard deviation `contrast`."""

    contrast: Annotated[float, Field(gt=0, le=1)] = 0.2

    def draw(self, height: int, width: int, rng: np.random.Generator, others: Sequence[Pixels]) -> Values:  # noqa: ARG002
        frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
        amplitude = np.divide(1, frequency, out=np.zeros_like(frequency), where=frequency > 0)
        noise = rng.standard_normal((height, width, 3))
        shaped = np.fft.ifft2(np.fft.fft2(noise, axes=(0, 1)) * amplitude[..., None], axes=(0, 1)).real
        return np.asarray(0.5 + self.contrast * shaped / shaped.std(axis=(0, 1)))


@dataclass(frozen=True)
class Plain:
    """One value everywhere: white is 1, black is 0."""

    level: Annotated[float, Field(ge=0, le=1)]

    def draw(self, height: int, width: int, rng: np.random.Generator, others: Sequence[Pixels]) -> Values:  # noqa: ARG002
        return np.full((height, width, 3), self.level)
