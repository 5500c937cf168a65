"""The loop that finds an image whose representation matches a target's. It knows no files, models, data or store.

Solve min_z objective(decode(z)) with decode(z) in [0, 1]: take the gradient at the current iterate, let the optimizer
propose a step, project onto [0, 1] outside the graph, and keep what the search's stop rule says. Images are independent
of each other. One that is finished leaves the batch and the next one of the queue takes its place, so that a few slow
images do not keep the others waiting.

Everything about an image of the batch is a *row*: one entry along the first dimension of each tensor in a dictionary.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

Represent = Callable[[Tensor], dict[str, Tensor]]
"""Images (batch, 3, height, width) in [0, 1] → layer → representation (batch, …), not flattened."""

Rows = dict[str, Tensor]
EXPLODED = 1e6
"""A loss that is so many times the first one is on its way to infinity."""


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

    def __call__(self, state: State, weights: Tensor) -> Tensor:
        parts = [term.loss(state) * weights[:, i] for i, term in enumerate(self.terms)]
        return torch.stack(parts).sum(0) if len(parts) > 1 else parts[0]


@dataclass(frozen=True)
class Search:
    """How an objective is minimized.

    `rule`: `first` ends an image at its first iterate with error ≤ its threshold; `best` takes all steps and keeps the
    iterate of least error. `clamp`: `block` takes away the gradient of values that lie at 0 or 1, as a clamp inside the
    graph does since torch 2.15; `pass` keeps it. Where a pass does not tell an iterate's true error (transforms, lower
    precision), it is measured every `check_every` iterations, and whenever the pass comes near a level that is sought.
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
    `exact` gives true errors; they are the same object where precision is full. At `handover`, an error, a row goes on
    in `exact`. `settle_every` is how often rows are looked at by the program: more than 1 spares a GPU waiting."""

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
    distance = (representation - target).flatten(1).norm(dim=1)
    return torch.where(distance == 0, distance, distance / target.flatten(1).norm(dim=1))


def invert(
    network: Network,
    objective: Objective,
    search: Search,
    targets: Tensor,
    starts: Tensor,
    thresholds: Tensor,
    batch_size: int,
    report: Callable[[int, float], None] = lambda _finished, _error: None,
) -> list[Found]:
    """Search for every target of a queue, `batch_size` at a time.

    `thresholds` is (n, levels), errors from large to small: the last is where an image is good enough, those before are
    where snapshots are kept. `report` is called with the number of finished images and the batch's mean error. What
    becomes of an image does not depend on the others, up to rounding.
    """
    return _Loop(network, objective, search, (targets, starts, thresholds), batch_size, report).run()


class _KeepInside(torch.autograd.Function):
    """No gradient for values that lie at 0 or 1."""

    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:
        ctx.save_for_backward((images > 0) & (images < 1))
        return images.view_as(images)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        (inside,) = ctx.saved_tensors
        return gradient * inside


@dataclass
class _Loop:
    network: Network
    objective: Objective
    search: Search
    queue: tuple[Tensor, Tensor, Tensor]
    batch_size: int
    report: Callable[[int, float], None]
    rows: Rows = field(default_factory=dict)
    found: dict[int, Found] = field(default_factory=dict)
    admitted: int = 0
    ticks: int = 0

    def __post_init__(self) -> None:
        steps = self.search.optimizer.steps
        self.points = curve_points(steps)
        device = self.queue[0].device
        self.place_of = torch.full((steps + 1,), -1, device=device)
        self.place_of[torch.tensor(self.points, device=device)] = torch.arange(len(self.points), device=device)
        self.draws = self._draw(steps + 1)
        self.is_exact = self.network.represent is self.network.exact
        self.tells_error = self.is_exact and not self.search.transforms

    def run(self) -> list[Found]:
        self._admit()
        while self.rows:
            self._iterate()
            if self.ticks % self.network.settle_every == 0:
                self._retire()
                self._admit()
        return [self.found[i] for i in range(len(self.queue[0]))]

    def _admit(self) -> None:
        """Fill the batch from the queue."""
        room = self.batch_size - (len(self.rows["index"]) if self.rows else 0)
        last = min(self.admitted + room, len(self.queue[0]))
        if last == self.admitted:
            return
        rows = self._fresh(torch.arange(self.admitted, last, device=self.queue[0].device))
        self.admitted = last
        self.rows = {name: torch.cat([self.rows[name], rows[name]]) for name in rows} if self.rows else rows

    def _fresh(self, index: Tensor) -> Rows:
        targets, starts, thresholds = (part[index] for part in self.queue)
        with torch.no_grad():
            wanted = self.network.exact(targets)
            z = self.search.parameterization.project(self.search.parameterization.encode(starts))
            n, levels = thresholds.shape
            rows = {
                "index": index,
                "z": z,
                "target": targets,
                "start": starts,
                "levels": thresholds,
                "iteration": torch.zeros_like(index),
                "precise": torch.full_like(index, self.is_exact, dtype=torch.bool),
                "done": torch.zeros_like(index, dtype=torch.bool),
                "failure": torch.zeros_like(index),
                "first_loss": torch.full((n,), torch.nan, device=z.device),
                "best": starts.clone(),
                "error": torch.full((n,), torch.inf, device=z.device),
                "step": torch.zeros_like(index),
                "kept": starts.unsqueeze(1).repeat(1, levels - 1, 1, 1, 1),
                "kept_error": torch.full((n, levels - 1), torch.inf, device=z.device),
                "kept_step": torch.zeros((n, levels - 1), dtype=torch.long, device=z.device),
                "curve": torch.full((n, len(self.points) + 1), torch.nan, device=z.device),
                **{f"wanted/{name}": values for name, values in wanted.items()},
                **{f"memory/{name}": values for name, values in self.search.optimizer.begin(z).items()},
            }
            if self.objective.is_scaled:
                state = self._state(starts, self.network.exact(starts), rows)
                rows["weights"] = self.objective.weights(state)
            else:
                rows["weights"] = torch.tensor([[t.weight for t in self.objective.terms]], device=z.device).repeat(n, 1)
        return rows

    def _draw(self, steps: int) -> list[Tensor]:
        """For each transform its draws, (steps, numbers)."""
        rng = np.random.default_rng(self.search.rng_seed)
        height, width = self.queue[0].shape[-2:]
        drawn = [[transform.draw(rng, height, width) for transform in self.search.transforms] for _ in range(steps)]
        device = self.queue[0].device
        return [
            torch.tensor([step[i] for step in drawn], dtype=torch.float32, device=device)
            for i in range(len(self.search.transforms))
        ]

    def _state(self, images: Tensor, representations: Mapping[str, Tensor], rows: Rows) -> State:
        statistics = self.network.statistics
        layers = {
            name: Seen(found, rows[f"wanted/{name}"], statistics[name].mean, statistics[name].std)
            for name, found in representations.items()
        }
        return State(images, rows["target"], rows["start"], layers, self.network.layer)

    def _iterate(self) -> None:
        rows, search = self.rows, self.search
        self.ticks += 1
        z = rows["z"].detach().requires_grad_(True)
        images = search.parameterization.decode(z)
        if search.clamp == "block":
            images = _KeepInside.apply(images)  # type: ignore[no-untyped-call]
        representations = self._represent(self._transformed(images))
        losses = self.objective(self._state(images, representations, rows), rows["weights"])
        (gradient,) = torch.autograd.grad(losses.sum(), z)
        with torch.no_grad():
            layer = self.network.layer
            passed = relative_error(representations[layer].detach(), rows[f"wanted/{layer}"])
            self._note(losses.detach(), gradient)
            self._keep(images.detach(), passed)
            memory = {name[7:]: values for name, values in rows.items() if name.startswith("memory/")}
            proposed, memory = search.optimizer.step(z.detach(), gradient, losses.detach(), memory, rows["iteration"])
            rows["z"] = search.parameterization.project(proposed)
            rows.update({f"memory/{name}": values for name, values in memory.items()})
            rows["done"] |= rows["iteration"] >= search.optimizer.steps
            rows["iteration"] = rows["iteration"] + (~rows["done"]).long()

    def _represent(self, images: Tensor) -> dict[str, Tensor]:
        """Each row in its own precision."""
        precise = self.rows["precise"]
        if self.is_exact or not bool(precise.any()):
            return self.network.represent(images)
        if bool(precise.all()):
            return self.network.exact(images)
        parts = self.network.exact(images[precise]), self.network.represent(images[~precise])
        order = torch.argsort(torch.cat([precise.nonzero(), (~precise).nonzero()])[:, 0])
        return {name: torch.cat([part[name].float() for part in parts])[order] for name in parts[0]}

    def _transformed(self, images: Tensor) -> Tensor:
        for transform, draws in zip(self.search.transforms, self.draws, strict=True):
            images = transform.apply(images, draws[self.rows["iteration"]])
        return images

    def _note(self, losses: Tensor, gradient: Tensor) -> None:
        """The course of the loss, and rows that cannot go on: no number, on the way to infinity, or without a slope."""
        rows, iteration = self.rows, self.rows["iteration"]
        rows["first_loss"] = torch.where(iteration == 0, losses, rows["first_loss"])
        steepness = gradient.flatten(1).abs().amax(1)
        failure = torch.where(steepness == 0, _FLAT, 0)
        failure = torch.where(losses.abs() > EXPLODED * rows["first_loss"].abs().clamp_min(1e-12), _EXPLODED, failure)
        failure = torch.where(torch.isfinite(losses) & torch.isfinite(steepness), failure, _NOT_FINITE)
        going = ~rows["done"]
        rows["failure"] = torch.where(going & (rows["failure"] == 0), failure, rows["failure"])
        place = torch.where(going, self.place_of[iteration], -1)
        everybody = torch.arange(len(losses), device=losses.device)
        # Column -1 is the spare one: it holds the latest loss.
        rows["curve"][everybody, place] = losses
        rows["curve"][:, -1] = torch.where(going, losses, rows["curve"][:, -1])

    def _keep(self, images: Tensor, passed: Tensor) -> None:
        """Measure true errors where they are due, and keep the iterates that the stop rule asks for."""
        rows = self.rows
        due = torch.full_like(rows["done"], fill_value=True) if self.tells_error else self._due(passed)
        errors = passed
        if not self.tells_error:
            if self.ticks % self.network.settle_every or not bool(due.any()):
                rows["done"] |= rows["failure"] > 0
                return
            errors = torch.full_like(passed, torch.inf)
            layer = self.network.layer
            errors[due] = relative_error(self.network.exact(images[due])[layer], rows[f"wanted/{layer}"][due])
            rows["precise"] |= (passed <= rows["levels"][:, -1]) | (passed <= self.network.handover)
        sound = due & ~rows["done"] & torch.isfinite(errors)
        better = sound & (errors < rows["error"])
        _put(rows, better, best=images, error=errors, step=rows["iteration"])
        for level in range(rows["kept_error"].shape[1]):
            reached = sound & (errors <= rows["levels"][:, level]) & ~torch.isfinite(rows["kept_error"][:, level])
            rows["kept"][:, level] = torch.where(_wide(reached, images), images, rows["kept"][:, level])
            rows["kept_error"][:, level] = torch.where(reached, errors, rows["kept_error"][:, level])
            rows["kept_step"][:, level] = torch.where(reached, rows["iteration"], rows["kept_step"][:, level])
        if self.search.rule == "first":
            rows["done"] |= sound & (errors <= rows["levels"][:, -1])
        # A row that has reached its end before it got stuck did not fail.
        rows["failure"] = torch.where(
            rows["done"] & (rows["failure"] == _FLAT) | (sound & (errors == 0)), 0, rows["failure"]
        )
        rows["done"] |= (rows["failure"] > 0) | (sound & (errors == 0))

    def _due(self, passed: Tensor) -> Tensor:
        """Rows whose true error should be known now."""
        rows = self.rows
        unreached = torch.cat([~torch.isfinite(rows["kept_error"]), torch.ones_like(rows["done"]).unsqueeze(1)], 1)
        level = torch.where(unreached, rows["levels"], -torch.inf).amax(1)
        is_near = passed <= 1.05 * level
        regular = (rows["iteration"] % self.search.check_every == 0) | (
            rows["iteration"] == self.search.optimizer.steps
        )
        return (is_near | regular | (rows["failure"] > 0)) & ~rows["done"]

    def _retire(self) -> None:
        """Hand out the rows that are finished and close the ranks."""
        rows = self.rows
        finished = rows["done"]
        if bool(finished.any()):
            for i in finished.nonzero()[:, 0].tolist():
                self.found[int(rows["index"][i])] = self._found(i)
            self.rows = {name: values[~finished] for name, values in rows.items()} if not bool(finished.all()) else {}
        if self.rows:
            self.report(len(self.found), float(self.rows["error"].mean()))
        else:
            self.report(len(self.found), 0.0)

    def _found(self, i: int) -> Found:
        rows = self.rows
        last = int(rows["iteration"][i])
        losses = rows["curve"][i].tolist()
        curve = [(point, loss) for point, loss in zip(self.points, losses, strict=False) if point <= last]
        if curve[-1][0] < last:
            curve.append((last, losses[-1]))
        snapshots = [
            Snapshot(rows["kept"][i, k].clone(), float(rows["kept_error"][i, k]), int(rows["kept_step"][i, k]))
            if torch.isfinite(rows["kept_error"][i, k])
            else None
            for k in range(rows["kept_error"].shape[1])
        ]
        failure = int(rows["failure"][i])
        return Found(
            image=rows["best"][i].clone(),
            error=float(rows["error"][i]),
            step=int(rows["step"][i]),
            snapshots=tuple(snapshots),
            curve=tuple(curve),
            weights=tuple(rows["weights"][i].tolist()),
            failure=None if failure == 0 else f"{_FAILURES[failure]} at iteration {last}",
        )


_NOT_FINITE, _EXPLODED, _FLAT = 1, 2, 3
_FAILURES = {
    _NOT_FINITE: "the loss or its gradient is not a number",
    _EXPLODED: f"the loss is more than {EXPLODED:g} times what it began with",
    _FLAT: "the loss has no slope (its gradient is zero)",
}


def _wide(mask: Tensor, like: Tensor) -> Tensor:
    return mask.view(-1, *[1] * (like.dim() - 1))


def _put(rows: Rows, where: Tensor, **values: Tensor) -> None:
    for name, new in values.items():
        rows[name] = torch.where(_wide(where, new), new, rows[name])


def curve_points(steps: int) -> Sequence[int]:
    """About twenty iterations, closer together at the beginning; first and last in."""
    return sorted({0, steps} | {round(steps * (i / 20) ** 2) for i in range(1, 20)})
