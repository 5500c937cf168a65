"""The loop. Images are independent of each other: one that is finished leaves the batch and the next one of the queue
takes its place, so that a few slow images do not keep the others waiting.

Everything about an image of the batch is a *row*: one entry along the first dimension of each tensor in a dictionary.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from generator.inversion.contracts import (
    Found,
    Network,
    Objective,
    Rows,
    Search,
    Seen,
    Snapshot,
    State,
    relative_error,
)

ROUNDING = 1e-6
"""A value that is so near to 0 or 1 lies there: a decoded image is rounded."""

EXPLODED = 1e6
"""A loss whose parts are so many times as large as at first is on its way to infinity."""

_NOT_FINITE, _EXPLODED, _FLAT, _UNSCALED = 1, 2, 3, 4
_FAILURES = {
    _NOT_FINITE: "the loss or its gradient is not a number",
    _EXPLODED: f"the loss is more than {EXPLODED:g} times what it began with",
    _FLAT: "the loss has no slope (its gradient is zero)",
    _UNSCALED: "an auto weight has no scale (its term is 0 or not a number at the start)",
}


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

    `targets` and `starts` are (n, 3, height, width) in [0, 1]. `thresholds` is (n, levels), errors from large to small:
    the last is where an image is good enough, those before are where snapshots are kept. `report` is called with the
    number of finished images and the mean over the batch of the least errors so far (NaN: none measured yet). What becomes
    of an image does not depend on the others, up to rounding.
    """
    return _Loop(network, objective, search, (targets, starts, thresholds), batch_size, report).run()


class _KeepInside(torch.autograd.Function):
    """No gradient for values that lie at 0 or 1."""

    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:
        ctx.save_for_backward((images > ROUNDING) & (images < 1 - ROUNDING))
        return images.view_as(images)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        inside: Tensor = ctx.saved_tensors[0]
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
        steps, device = self.search.optimizer.steps, self.queue[0].device
        self.points = curve_points(steps)
        self.place_of = torch.full((steps + 1,), -1, device=device)
        self.place_of[torch.tensor(self.points, device=device)] = torch.arange(len(self.points), device=device)
        self.draws = self._draw(steps + 1)
        self.is_exact = self.network.represent is self.network.exact

    def run(self) -> list[Found]:
        self._admit()
        while self.rows:
            self.ticks += 1
            self._iterate()
            if self._looks:
                self._retire()
                self._admit()
        return [self.found[i] for i in range(len(self.queue[0]))]

    @property
    def _looks(self) -> bool:
        """Whether the program looks at the rows after this iteration (on a GPU it has to wait for them)."""
        return self.ticks % self.network.settle_every == 0

    def _admit(self) -> None:
        """Fill the batch from the queue, and find out which rows go on in full precision."""
        room = self.batch_size - (len(self.rows["index"]) if self.rows else 0)
        last = min(self.admitted + room, len(self.queue[0]))
        if last > self.admitted:
            fresh = self._fresh(torch.arange(self.admitted, last, device=self.queue[0].device))
            self.admitted = last
            self.rows = {name: torch.cat([self.rows[name], new]) for name, new in fresh.items()} if self.rows else fresh
        if self.rows and not self.is_exact:
            precise = self.rows["precise"]
            self.precise, self.coarse = precise.nonzero()[:, 0], (~precise).nonzero()[:, 0]

    def _fresh(self, index: Tensor) -> Rows:
        targets, starts, thresholds = (part[index] for part in self.queue)
        n, levels = thresholds.shape
        device = index.device
        with torch.no_grad():
            z = self.search.parameterization.project(self.search.parameterization.encode(starts))
            wanted = {f"wanted/{name}": values for name, values in self.network.exact(targets).items()}
            memory = {f"memory/{name}": values for name, values in self.search.optimizer.begin(z).items()}
            rows = {
                "index": index,
                "z": z,
                "target": targets,
                "start": starts,
                "levels": thresholds,
                "iteration": torch.zeros_like(index),
                "precise": torch.full_like(index, self.is_exact, dtype=torch.bool),
                "done": torch.zeros_like(index, dtype=torch.bool),
                "size": torch.full((n,), torch.nan, device=device),
                "best": starts.clone(),
                "error": torch.full((n,), torch.inf, device=device),
                "step": torch.zeros_like(index),
                "kept": starts.unsqueeze(1).repeat(1, levels - 1, 1, 1, 1),
                "kept_error": torch.full((n, levels - 1), torch.inf, device=device),
                "kept_step": torch.zeros((n, levels - 1), dtype=torch.long, device=device),
                "curve": torch.full((n, len(self.points) + 1), torch.nan, device=device),
                **wanted,
                **memory,
            }
            rows["weights"] = self._weights(rows)
            rows["failure"] = torch.where(torch.isfinite(rows["weights"]).all(1), 0, _UNSCALED)
        return rows

    def _weights(self, rows: Rows) -> Tensor:
        starts = rows["start"]
        if not self.objective.is_scaled:
            weights = [term.weight for term in self.objective.terms]
            return torch.tensor([weights], dtype=starts.dtype, device=starts.device).repeat(len(starts), 1)
        return self.objective.weights(self._state(starts, self.network.exact(starts), rows))

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
        rows, search, layer = self.rows, self.search, self.network.layer
        z = rows["z"].detach().requires_grad_(True)
        images = search.parameterization.decode(z)
        if search.clamp == "block":
            images = _KeepInside.apply(images)
        representations = self._represent(self._transformed(images))
        parts = self.objective.parts(self._state(images, representations, rows), rows["weights"])
        losses = parts.sum(1)
        (gradient,) = torch.autograd.grad(losses.sum(), z)
        with torch.no_grad():
            self._note(losses.detach(), parts.detach().abs().sum(1), gradient)
            passed = relative_error(representations[layer].detach(), rows[f"wanted/{layer}"])
            inside = images.detach().clamp(0, 1)  # what is decoded may be off by rounding
            errors, known = self._true_errors(inside, passed)
            self._keep(inside, errors, known)
            self._advance(z.detach(), gradient, losses.detach())

    def _represent(self, images: Tensor) -> dict[str, Tensor]:
        """Each row in its own precision."""
        if self.is_exact or not len(self.coarse):
            return self.network.exact(images)
        if not len(self.precise):
            return self.network.represent(images)
        parts = self.network.exact(images[self.precise]), self.network.represent(images[self.coarse])
        order = torch.argsort(torch.cat([self.precise, self.coarse]))
        return {name: torch.cat([part[name] for part in parts])[order] for name in parts[0]}

    def _transformed(self, images: Tensor) -> Tensor:
        for transform, draws in zip(self.search.transforms, self.draws, strict=True):
            images = transform.apply(images, draws[self.rows["iteration"]])
        return images

    def _note(self, losses: Tensor, size: Tensor, gradient: Tensor) -> None:
        """The course of the loss, and rows that cannot go on: no number, on the way to infinity, or without a slope.

        `size` adds the absolute parts of the loss: a loss that is a difference may begin near 0.
        """
        rows, iteration = self.rows, self.rows["iteration"]
        rows["size"] = torch.where(iteration == 0, size, rows["size"])
        steepness = gradient.flatten(1).abs().amax(1)
        failure = torch.where(steepness == 0, _FLAT, 0)
        failure = torch.where(size > EXPLODED * rows["size"].clamp_min(1e-6), _EXPLODED, failure)
        failure = torch.where(torch.isfinite(losses) & torch.isfinite(steepness), failure, _NOT_FINITE)
        going = ~rows["done"]
        rows["failure"] = torch.where(going & (rows["failure"] == 0), failure, rows["failure"])
        latest = torch.where(going, losses, rows["curve"][:, -1])
        everybody = torch.arange(len(losses), device=losses.device)
        rows["curve"][everybody, torch.where(going, self.place_of[iteration], -1)] = losses
        rows["curve"][:, -1] = latest  # the spare column

    def _true_errors(self, images: Tensor, passed: Tensor) -> tuple[Tensor, Tensor]:
        """Errors of the untransformed images in full precision, and where they are known. `passed` is what the pass says."""
        rows, layer = self.rows, self.network.layer
        told = torch.zeros_like(rows["done"]) if self.search.transforms else rows["precise"]
        if (self.is_exact and not self.search.transforms) or not self._looks:
            return passed, told
        due = self._due(passed) & ~told
        errors = passed.clone()
        if bool(due.any()):
            measured = self.network.exact(images[due])[layer]
            errors[due] = relative_error(measured, rows[f"wanted/{layer}"][due])
        level = rows["levels"][:, -1].clamp_min(self.network.handover)
        rows["precise"] = rows["precise"] | (passed <= level) | (due & (errors <= level))
        return errors, told | due

    def _due(self, passed: Tensor) -> Tensor:
        """Rows whose true error should be measured now: near a level, in their turn, or at their end."""
        rows = self.rows
        unreached = torch.cat([~torch.isfinite(rows["kept_error"]), torch.ones_like(rows["done"]).unsqueeze(1)], 1)
        level = torch.where(unreached, rows["levels"], -torch.inf).amax(1)
        every = self.network.settle_every * math.ceil(self.search.check_every / self.network.settle_every)
        regular = (rows["iteration"] + 1) % every == 0
        return ((passed <= 1.05 * level) | regular | self._at_end()) & ~rows["done"]

    def _at_end(self) -> Tensor:
        """Rows that go no further; each waits where it is until its true error is known."""
        return (self.rows["failure"] > 0) | (self.rows["iteration"] >= self.search.optimizer.steps)

    def _keep(self, images: Tensor, errors: Tensor, known: Tensor) -> None:
        """Keep the iterates that the stop rule asks for, and end rows that are finished."""
        rows = self.rows
        sound = known & ~rows["done"] & torch.isfinite(errors)
        better = _wide(sound & (errors < rows["error"]), images)
        rows["best"] = torch.where(better, images, rows["best"])
        rows["step"] = torch.where(sound & (errors < rows["error"]), rows["iteration"], rows["step"])
        rows["error"] = torch.where(sound & (errors < rows["error"]), errors, rows["error"])
        for level in range(rows["kept_error"].shape[1]):
            reached = sound & (errors <= rows["levels"][:, level]) & ~torch.isfinite(rows["kept_error"][:, level])
            rows["kept"][:, level] = torch.where(_wide(reached, images), images, rows["kept"][:, level])
            rows["kept_error"][:, level] = torch.where(reached, errors, rows["kept_error"][:, level])
            rows["kept_step"][:, level] = torch.where(reached, rows["iteration"], rows["kept_step"][:, level])
        arrived = sound & (errors == 0)
        if self.search.rule == "first":
            arrived = arrived | (sound & (errors <= rows["levels"][:, -1]))
        rows["failure"] = torch.where(arrived, 0, rows["failure"])  # stuck, but where it was to go
        rows["done"] = rows["done"] | arrived | (known & self._at_end())

    def _advance(self, z: Tensor, gradient: Tensor, losses: Tensor) -> None:
        rows = self.rows
        memory = {name[7:]: values for name, values in rows.items() if name.startswith("memory/")}
        proposed, memory = self.search.optimizer.step(z, gradient, losses, memory, rows["iteration"])
        moves = ~(rows["done"] | self._at_end())
        rows["z"] = torch.where(_wide(moves, z), self.search.parameterization.project(proposed), z)
        rows["iteration"] = rows["iteration"] + moves.long()
        rows.update({f"memory/{name}": values for name, values in memory.items()})

    def _retire(self) -> None:
        """Hand out the rows that are finished and close the ranks."""
        rows = self.rows
        finished = rows["done"].nonzero()[:, 0].tolist()
        for i in finished:
            self.found[int(rows["index"][i])] = self._found(i)
        if finished:
            going = (~rows["done"]).nonzero()[:, 0]
            self.rows = {name: values[going] for name, values in rows.items()} if len(going) else {}
        errors = rows["error"][torch.isfinite(rows["error"])]
        self.report(len(self.found), float(errors.mean()))

    def _found(self, i: int) -> Found:
        rows = self.rows
        last = int(rows["iteration"][i])
        losses = rows["curve"][i].tolist()
        curve = [(point, loss) for point, loss in zip(self.points, losses, strict=False) if point <= last]
        if curve[-1][0] < last:
            curve.append((last, losses[-1]))
        snapshots = [
            Snapshot(rows["kept"][i, k].clone(), error, int(rows["kept_step"][i, k])) if math.isfinite(error) else None
            for k, error in enumerate(rows["kept_error"][i].tolist())
        ]
        failure = int(rows["failure"][i])
        return Found(
            image=rows["best"][i].clone(),
            error=float(rows["error"][i]),
            step=int(rows["step"][i]),
            snapshots=tuple(snapshots),
            curve=tuple(curve),
            weights=tuple(rows["weights"][i].tolist()),
            failure=f"{_FAILURES[failure]} at iteration {last}" if failure else None,
        )


def _wide(mask: Tensor, like: Tensor) -> Tensor:
    return mask.view(-1, *[1] * (like.dim() - 1))


def curve_points(steps: int) -> Sequence[int]:
    """About twenty iterations, closer together at the beginning; first and last in."""
    return sorted({0, steps} | {round(steps * (i / 20) ** 2) for i in range(1, 20)})
