"""Hard alternatives: for each target another picture of the set that people may take for it.

They are chosen from the targets alone, by class and by distance between pictures, never by a network under study: all
models of a recipe get the same ones. No foil may serve many targets, because a picture that stands on every other trial
is a factor of its own (a hub).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import ConfigDict, Field
from scipy.optimize import linear_sum_assignment

from generator.errors import GeneratorError
from generator.metrics import SMALLEST_SIDE, pixel_l2, ssim
from generator.targets import Target
from generator.targets.base import Pixels

Kind = Literal["same_class", "nearest", "other_class"]
Costs = NDArray[np.float64]

LARGEST_SIDE = 64
"""Pixels: larger pictures are compared as copies reduced to this, so that 400 of them take seconds (by ssim two minutes),
not an hour."""

DISTANCES: dict[str, Callable[[Pixels, Pixels], float]] = {
    "pixel_l2": pixel_l2,
    "ssim": lambda a, b: 1 - ssim(a, b),
}
"""Each is symmetric and 0 for equal pictures."""


@dataclass(frozen=True)
class Wanted:
    """One alternative that each target shall have.

    `kind`: another picture of the same class, of another class, or the nearest of all. `metric`: the nearest by it among
    those of the kind, taken on copies of at most 64 pixels a side; without one they are drawn by chance, which `nearest`
    does not allow. `max_uses`: of how many targets one picture may be the alternative of this entry.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    kind: Kind
    metric: str | None = None
    max_uses: Annotated[int, Field(ge=1)] = 2

    def __post_init__(self) -> None:
        if self.metric is not None and self.metric not in DISTANCES:
            raise ValueError(f"metric {self.metric!r} is unknown; known are {', '.join(DISTANCES)}")
        if self.kind == "nearest" and self.metric is None:
            raise ValueError(f"kind nearest needs a metric; known are {', '.join(DISTANCES)}")


@dataclass(frozen=True)
class Foil:
    """An alternative: `target` is the index, among the targets, of the picture that serves as one."""

    kind: Kind
    metric: str | None
    target: int


def choose(targets: Sequence[Target], wanted: Sequence[Wanted], rng_seed: int) -> list[tuple[Foil, ...]]:
    """For each target its foils, in the order of `wanted`; deterministic.

    A foil is never of the target's own cluster, nor a picture that already is a foil of that target. Of all choices that
    keep to `max_uses`, the one that leaves the fewest targets without a foil and, among those, has the least sum of
    distances (linear assignment, each picture in `max_uses` columns). A target for which nothing is left has no foil of
    that kind. Raises GeneratorError where the kind asks for classes and no target has one.
    """
    found: list[list[Foil]] = [[] for _ in targets]
    for number, want in enumerate(wanted):
        allowed = _allowed(targets, want.kind)
        for i, foils in enumerate(found):
            allowed[i, [foil.target for foil in foils]] = False
        if want.metric is None:
            costs = np.random.default_rng([rng_seed, number]).random(allowed.shape)
        else:
            costs = _distances(targets, allowed, want.metric)
        for i, j in _assign(costs, allowed, want.max_uses):
            found[i].append(Foil(want.kind, want.metric, j))
    return [tuple(foils) for foils in found]


def _allowed(targets: Sequence[Target], kind: Kind) -> NDArray[np.bool_]:
    """(targets, candidates): which pictures may be a foil of which."""
    clusters = np.unique([target.cluster for target in targets], return_inverse=True)[1]
    pictures = np.unique([target.pixels.tobytes() for target in targets], return_inverse=True)[1]
    # The same picture under two names would make a trial that nobody can answer.
    apart: NDArray[np.bool_] = (clusters[:, None] != clusters) & (pictures[:, None] != pictures)
    if kind == "nearest":
        return apart
    classes = np.array([target.label or "" for target in targets])
    known = classes != ""
    if not known.any():
        raise GeneratorError(
            f"alternatives: kind {kind} needs classes, and no target has one; "
            f"give the target set classes or take kind nearest"
        )
    same: NDArray[np.bool_] = classes[:, None] == classes[None, :]
    wanted = same if kind == "same_class" else ~same
    return apart & np.outer(known, known) & wanted


def _distances(targets: Sequence[Target], allowed: NDArray[np.bool_], metric: str) -> Costs:
    """(targets, candidates), where allowed. Rounded, so that two machines that differ in the last bits choose the same."""
    copies = [_reduced(target.pixels) for target in targets]
    costs = np.zeros(allowed.shape)
    for i, j in np.argwhere(np.triu(allowed | allowed.T)):
        costs[i, j] = costs[j, i] = round(DISTANCES[metric](copies[i], copies[j]), 9)
    return costs


def _reduced(pixels: Pixels) -> Pixels:
    """A copy whose longer side is at most `LARGEST_SIDE`, each pixel the mean of those that it covers."""
    height, width, _ = pixels.shape
    factor = LARGEST_SIDE / max(height, width)
    if factor >= 1:
        return pixels
    size = (max(SMALLEST_SIDE, round(width * factor)), max(SMALLEST_SIDE, round(height * factor)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def _assign(costs: Costs, allowed: NDArray[np.bool_], max_uses: int) -> list[tuple[int, int]]:
    """Pairs (target, candidate): as many as there can be and, of those, the cheapest."""
    rows = np.flatnonzero(allowed.any(axis=1))
    if not len(rows):
        return []
    # One pair more outweighs any difference in distance.
    forbidden = (len(rows) + 1) * (costs[allowed].max() + 1)
    table = np.where(allowed, costs, forbidden)[rows]
    chosen, columns = linear_sum_assignment(np.tile(table, min(max_uses, len(rows))))
    pairs = zip(rows[chosen].tolist(), (columns % len(costs)).tolist(), strict=True)
    return [(i, j) for i, j in pairs if allowed[i, j]]
