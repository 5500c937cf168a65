"""What the loop asks of its parts, and what it gives back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

Represent = Callable[[Tensor], dict[str, Tensor]]
"""Images (batch, 3, height, width) in [0, 1] → layer → representation (batch, …), not flattened."""

Rows = dict[str, Tensor]
"""Something of each image of the batch: the first dimension is the image."""


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of each unit of a layer over pictures, (1, …)."""

    mean: Tensor
    std: Tensor


@dataclass(frozen=True)
class Seen:
    """What is known at one layer: the image's and the target's representation, (batch, …), and the unit's statistics."""

    representation: Tensor
    target: Tensor
    mean: Tensor
    std: Tensor


@dataclass(frozen=True)
class State:
    """What a loss may look at. Images are (batch, 3, height, width) in [0, 1]; `image` is the raw one, representations
    are of the transformed one where the search transforms. `layer` is the layer at which images are matched."""

    image: Tensor
    target: Tensor
    start: Tensor
    layers: Mapping[str, Seen]
    layer: str

    def at(self, layer: str | None) -> Seen:
        """What is known at a layer; None: the layer at which images are matched."""
        return self.layers[self.layer if layer is None else layer]


class Loss(Protocol):
    """A frozen value; called with a state it gives one number an image, (batch,), differentiable in `state.image`."""

    def __call__(self, state: State) -> Tensor: ...


class Optimizer(Protocol):
    """A frozen value of hyperparameters. `steps` is the most iterations."""

    @property
    def steps(self) -> int: ...

    def begin(self, z: Tensor) -> Rows:
        """Whatever it wants to remember of each row."""
        ...

    def step(self, z: Tensor, gradient: Tensor, losses: Tensor, memory: Rows, iteration: Tensor) -> tuple[Tensor, Rows]:
        """The next iterates, not yet projected, and what to remember. `iteration` is (batch,) and counts from 0."""
        ...


class Parameterization(Protocol):
    """What is optimized, z, and the image that it stands for."""

    def encode(self, images: Tensor) -> Tensor: ...
    def decode(self, z: Tensor) -> Tensor:
        """Differentiable."""
        ...

    def project(self, z: Tensor) -> Tensor:
        """The z whose image lies in [0, 1]; the projection is done on the image."""
        ...


class Transform(Protocol):
    """A random change of the image before the network sees it. One draw serves all images of the same iteration."""

    def draw(self, rng: np.random.Generator, height: int, width: int) -> tuple[float, ...]: ...
    def apply(self, images: Tensor, draws: Tensor) -> Tensor:
        """`draws` is (batch, numbers of one draw); differentiable in `images`."""
        ...


@dataclass(frozen=True)
class Term:
    """A weighted loss. `auto` multiplies the weight, image by image, with (first term)/(this term) at the start."""

    loss: Loss
    weight: float = 1.0
    auto: bool = False


@dataclass(frozen=True)
class Objective:
    """A sum of terms."""

    terms: tuple[Term, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers that its terms name, besides the one at which images are matched."""
        named = (getattr(term.loss, "layer", None) for term in self.terms)
        return tuple(dict.fromkeys(layer for layer in named if layer is not None))

    @property
    def is_scaled(self) -> bool:
        return any(term.auto for term in self.terms)

    def weights(self, state: State) -> Tensor:
        """(batch, terms), from the state at the start."""
        first = self.terms[0].loss(state) if self.is_scaled else state.image.new_ones(len(state.image))
        columns = [
            term.weight * first / term.loss(state) if term.auto else torch.full_like(first, term.weight)
            for term in self.terms
        ]
        return torch.stack(columns, 1)

    def parts(self, state: State, weights: Tensor) -> Tensor:
        """Weighted terms, (batch, terms): their sum is what is minimized."""
        return torch.stack([term.loss(state) * weights[:, i] for i, term in enumerate(self.terms)], 1)


@dataclass(frozen=True)
class Search:
    """How an objective is minimized.

    `rule`: `first` ends an image at its first iterate with error ≤ its threshold; `best` takes all steps and keeps the
    iterate of least error. `clamp`: `block` takes away the gradient of values that lie at 0 or 1, as a clamp inside the
    graph does since torch 2.15; `pass` keeps it. Only true errors decide, those of the untransformed image in full
    precision. Where a pass does not tell them (transforms, lower precision), they are measured every `check_every`
    iterations, and whenever the pass comes near a level that is sought.
    """

    optimizer: Optimizer
    parameterization: Parameterization
    transforms: tuple[Transform, ...] = ()
    rule: Literal["first", "best"] = "first"
    clamp: Literal["pass", "block"] = "pass"
    check_every: int = 10
    rng_seed: int = 0


@dataclass(frozen=True)
class Network:
    """The functions of a network that the loop needs. `represent` is differentiated and may be of lower precision;
    `exact` gives true errors; they are the same object where precision is full. At `handover`, an error, an image goes on
    in `exact`. `settle_every` is how many iterations go by before the program looks at the batch: more than 1 spares a GPU
    waiting, and images wait up to so many iterations for being measured, replaced or given up."""

    represent: Represent
    exact: Represent
    layer: str
    statistics: Mapping[str, Statistics]
    handover: float = 0.05
    settle_every: int = 1


@dataclass(frozen=True)
class Snapshot:
    """An image on the way: its error and the steps taken to it."""

    image: Tensor
    error: float
    step: int


@dataclass(frozen=True)
class Found:
    """What became of one image. `snapshots` are the first iterates at or below each level (None: not reached), `failure`
    says why it was given up, `curve` holds (step, loss), `weights` those of the objective's terms."""

    image: Tensor
    error: float
    step: int
    snapshots: tuple[Snapshot | None, ...]
    curve: tuple[tuple[int, float], ...]
    weights: tuple[float, ...]
    failure: str | None = None


def relative_error(representation: Tensor, target: Tensor) -> Tensor:
    """‖g(x) − g(x_t)‖₂ / ‖g(x_t)‖₂, (batch,). A target that is represented by zeros gives infinity, or 0 if matched."""
    distance, size = norms(representation - target), norms(target)
    return torch.where(distance == 0, distance, distance / size)


def norms(batch: Tensor) -> Tensor:
    """l2 norm of each image's values; flattening would copy a tensor whose channels come last."""
    found: Tensor = torch.linalg.vector_norm(batch, dim=tuple(range(1, batch.dim())))
    return found
