"""Enlarging and turning about the centre, on a canvas of the same size.

A network resizes what it is given to its own size, so an image that only became larger would come back as it was; on a
fixed canvas its content is larger or smaller. Between pixels the value is interpolated linearly, beyond the edge it is
that of the edge.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

Factors = Annotated[tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...], Field(min_length=1)]
Degrees = Annotated[tuple[Annotated[float, Field(allow_inf_nan=False)], ...], Field(min_length=1)]


@dataclass(frozen=True)
class Scale:
    """Content enlarged by one of `factors`, each as likely as it stands there."""

    factors: Factors

    def draw(self, rng: np.random.Generator, height: int, width: int) -> tuple[float, ...]:  # noqa: ARG002
        return (float(self.factors[rng.integers(len(self.factors))]),)

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        return _sample(images, draws[:, 0], torch.zeros_like(draws[:, 0]))


@dataclass(frozen=True)
class Rotate:
    """Content turned by one of `degrees`, against the clock, each as likely as it stands there."""

    degrees: Degrees

    def draw(self, rng: np.random.Generator, height: int, width: int) -> tuple[float, ...]:  # noqa: ARG002
        return (float(self.degrees[rng.integers(len(self.degrees))]),)

    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        return _sample(images, torch.ones_like(draws[:, 0]), draws[:, 0])


def _sample(images: Tensor, factors: Tensor, degrees: Tensor) -> Tensor:
    """Where nothing is enlarged or turned the image stays as it is, bit by bit."""
    angle = degrees.to(images.dtype) * (math.pi / 180)
    factor = factors.to(images.dtype)
    height, width = images.shape[-2:]
    cos, sin, zero = torch.cos(angle) / factor, torch.sin(angle) / factor, torch.zeros_like(angle)
    # Coordinates run from -1 to 1 on each axis, so a turn of an oblong image needs the ratio of its sides.
    rows = [torch.stack([cos, -sin * height / width, zero], 1), torch.stack([sin * width / height, cos, zero], 1)]
    grid = functional.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    moved = functional.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
    still = ((factors == 1) & (degrees == 0)).view(-1, 1, 1, 1)
    return torch.where(still, images, moved)
