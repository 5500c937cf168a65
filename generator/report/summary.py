"""How far the images of a stimulus set are from their targets, in numbers."""

from dataclasses import dataclass

import numpy as np

from generator.errors import GeneratorError
from generator.store import StimulusSet


@dataclass(frozen=True)
class Summary:
    """Shares in [0, 1] and means, over the valid items of a set (validity.md calls this the invariance reached)."""

    n_items: int
    n_valid: int
    nearer_by_l2: float
    nearer_by_ssim: float
    distance_ratio: float
    ssim: float
    median_steps: float


def summarize(found: StimulusSet) -> Summary:
    """`nearer…`: share of IRIs nearer to their target than to their start. Raises GeneratorError if none is valid."""
    valid = [item for item in found.items if item.valid]
    if not valid:
        raise GeneratorError(f"set {found.name} has no valid item")

    def mean(name: str) -> float:
        return float(np.mean([item.measures[name] for item in valid]))

    return Summary(
        n_items=len(found.items),
        n_valid=len(valid),
        nearer_by_l2=float(np.mean([item.measures["pixel_l2"] < item.measures["pixel_l2_to_start"] for item in valid])),
        nearer_by_ssim=float(np.mean([item.measures["ssim"] > item.measures["ssim_to_start"] for item in valid])),
        distance_ratio=mean("distance_ratio"),
        ssim=mean("ssim"),
        median_steps=float(np.median([item.steps or 0 for item in valid])),
    )
