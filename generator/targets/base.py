"""What a target set is: pictures of one size, each with a name, its source picture and perhaps a class."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Target:
    """One picture: `pixels` is uint8, (height, width, 3). `cluster` is the source picture, on which scores cluster."""

    target_id: str
    pixels: Pixels
    cluster: str
    label: str | None = None
    split: Literal["train", "heldout", "unknown"] = "unknown"
    licence: str | None = None
    redistributable: bool | None = None


@dataclass(frozen=True)
class Targets:
    """The pictures of a recipe, in a fixed order, and others of their kind from which null distributions are drawn.

    `preprocessing` says, exactly enough to do it again, how the pictures came from their source to these pixels.
    """

    name: str
    targets: tuple[Target, ...]
    others: tuple[Target, ...]
    preprocessing: str = "none"


class TargetSet(Protocol):
    """A frozen value of settings; `load` is deterministic given `rng_seed`. Raises GeneratorError."""

    def load(self, rng_seed: int) -> Targets: ...
