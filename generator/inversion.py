"""The loop that finds an image whose representation matches a target's. It knows no files, models, data or store.

Solve min_x loss(x) over x in [0, 1]: take the gradient at the current iterate, let the optimizer propose a step, project
onto [0, 1] outside the graph (inside it, clamp would kill the gradient of every pixel at 0 or 1), and keep the best
iterate by representation error. Images are independent: one that is finished leaves the batch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

Representation = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class State:
    """What a loss may look at. Images are (batch, 3, height, width) in [0, 1], representations (batch, units)."""

    image: Tensor
    representation: Tensor
    target: Tensor
    target_representation: Tensor
    start: Tensor


class Loss(Protocol):
    """A frozen value; called with a state it gives one number an image, differentiable in `state.image`."""

    def __call__(self, state: State) -> Tensor: ...


class Optimizer(Protocol):
    """A frozen value of hyperparameters. `steps` is the most iterations; an image is finished at the first iterate with
    representation error ≤ `stop_at`, or, where that is None, after all steps, with its best iterate."""

    @property
    def steps(self) -> int: ...
    @property
    def stop_at(self) -> float | None: ...

    def begin(self, images: Tensor) -> Any:
        """Whatever it wants to remember, for the whole batch."""
        ...

    def step(self, images: Tensor, gradient: Tensor, memory: Any, active: Tensor, iteration: int) -> Tensor:
        """The next iterates (not yet projected) of the images numbered `active`; `iteration` counts from 0."""
        ...


@dataclass(frozen=True)
class Inverted:
    """The best iterate of each image, its error, the steps taken to it, and the course of the loss."""

    images: Tensor
    errors: Tensor
    steps: Tensor
    curves: list[list[float]]


class NotFinite(Exception):
    """The loss of that image of the batch is NaN or infinite."""

    def __init__(self, index: int, iteration: int) -> None:
        super().__init__(f"image {index} at iteration {iteration}")
        self.index = index
        self.iteration = iteration


def relative_error(representation: Tensor, target: Tensor) -> Tensor:
    """‖g(x) − g(x_t)‖₂ / ‖g(x_t)‖₂, (batch,). A target that is represented by zeros gives infinity, or 0 if matched."""
    distance = (representation - target).flatten(1).norm(dim=1)
    return torch.where(distance == 0, distance, distance / target.flatten(1).norm(dim=1))


def invert(
    represent: Representation,
    loss: Loss,
    optimizer: Optimizer,
    targets: Tensor,
    starts: Tensor,
    report: Callable[[int, float], None] = lambda _iteration, _error: None,
) -> Inverted:
    """Run the loop on one batch. `report` is called with each iteration and its mean error over the unfinished images.

    Raises NotFinite. The result of an image does not depend on the others of its batch, up to rounding.
    """
    with torch.no_grad():
        wanted = represent(targets)
    images = starts.clone()
    best = starts.clone()
    errors = torch.full((len(starts),), torch.inf, device=starts.device)
    steps = torch.zeros(len(starts), dtype=torch.long, device=starts.device)
    curves: list[list[float]] = [[] for _ in range(len(starts))]
    active = torch.arange(len(starts), device=starts.device)
    memory = optimizer.begin(starts)
    kept_at = _curve_points(optimizer.steps)
    for iteration in range(optimizer.steps + 1):
        current = images[active].requires_grad_(True)
        representation = represent(current)
        losses = loss(State(current, representation, targets[active], wanted[active], starts[active]))
        if not torch.isfinite(losses).all():
            raise NotFinite(int(active[~torch.isfinite(losses)][0]), iteration)
        with torch.no_grad():
            now = relative_error(representation, wanted[active])
            better = now < errors[active]
            errors[active[better]], steps[active[better]] = now[better], iteration
            best[active[better]] = current.detach()[better]
            finished = torch.zeros_like(better) if optimizer.stop_at is None else now <= optimizer.stop_at
        _note(curves, active, losses, finished, everybody=iteration in kept_at)
        report(iteration, float(now.mean()))
        if iteration == optimizer.steps or bool(finished.all()):
            break
        (gradient,) = torch.autograd.grad(losses.sum(), current)
        going = ~finished
        active = active[going]
        with torch.no_grad():
            proposed = optimizer.step(images[active], gradient[going], memory, active, iteration)
            images[active] = proposed.clamp(0, 1)
    return Inverted(best, errors, steps, curves)


def _curve_points(steps: int) -> set[int]:
    """About twenty iterations, closer together at the beginning; first and last in."""
    return {0, steps} | {round(steps * (i / 20) ** 2) for i in range(1, 20)}


def _note(curves: list[list[float]], active: Tensor, losses: Tensor, finished: Tensor, *, everybody: bool) -> None:
    if everybody or bool(finished.any()):
        for index, value, last in zip(active.tolist(), losses.tolist(), finished.tolist(), strict=True):
            if everybody or last:
                curves[index].append(value)
