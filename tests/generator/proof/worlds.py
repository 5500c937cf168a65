"""Networks whose answers are known, and pictures for them."""

import numpy as np
import torch
from torch import Tensor

from generator.inversion import Represent
from generator.proof import Probe, observe
from generator.targets.base import Target

CPU = torch.device("cpu")


def pictures(n: int, rng_seed: int = 0, size: int = 16) -> list[np.ndarray]:
    return list(np.random.default_rng(rng_seed).integers(0, 256, (n, size, size, 3), dtype=np.uint8))


def pixels_as_layer(images: Tensor) -> dict[str, Tensor]:
    """The layer is the picture itself, the stage after it its mean colour."""
    return {"pixels": images, "colour": images.mean(dim=(2, 3))}


def brightest_colour(images: Tensor) -> Tensor:
    return images.mean(dim=(2, 3))


def probe(targets: list[np.ndarray], represent: Represent = pixels_as_layer, *, classifies: bool = True) -> Probe:
    _, statistics = observe(represent, targets, CPU)
    return Probe(represent, "pixels", ("colour",), statistics, brightest_colour if classifies else None, CPU)


def as_targets(pixels: list[np.ndarray], labels: list[str | None] | None = None) -> list[Target]:
    return [
        Target(str(i), picture, f"cluster-{i}", None if labels is None else labels[i])
        for i, picture in enumerate(pixels)
    ]
