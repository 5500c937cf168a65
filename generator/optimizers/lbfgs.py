"""L-BFGS (Nocedal 1980) for each image of a batch on its own, with bounds: the fewest iterations to small errors."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from generator.inversion import Rows
from generator.optimizers.bounds import free, wide


@dataclass(frozen=True)
class LBFGS:
    """It minimizes ½(f − floor)², whose gradient (f − floor)∇f is smooth where a norm f is not, at f = floor.

    Direction: two-loop recursion over the last `memory` pairs (s, y), over values that are free to move (`bounds.free`).
    Instead of a line search: the first step has Polyak's length (f − floor)/‖∇f‖, later ones the length of the recursion,
    but at most `trust` times Polyak's. Where a step made f worse than `worse` times its value before, the image goes back
    and takes half that step. A pair without curvature (sᵀy ≤ 0) is left out.
    """

    steps: Annotated[int, Field(ge=1)] = 1000
    memory: PositiveInt = 8
    trust: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 2.0
    worse: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1.1
    floor: Annotated[float, Field(allow_inf_nan=False)] = 0.0

    def begin(self, z: Tensor) -> Rows:
        n, size = len(z), z[0].numel()
        return {
            "s": z.new_zeros((n, self.memory, size)),
            "y": z.new_zeros((n, self.memory, size)),
            "curvature": z.new_zeros((n, self.memory)),
            "pairs": z.new_zeros(n, dtype=torch.long),
            "z": z.clone(),
            "gradient": torch.zeros_like(z),
            "direction": torch.zeros_like(z),
            "loss": z.new_full((n,), torch.inf),
        }

    def step(self, z: Tensor, gradient: Tensor, losses: Tensor, memory: Rows, iteration: Tensor) -> tuple[Tensor, Rows]:
        height = (losses - self.floor).clamp_min(0)
        polyak = height / gradient.flatten(1).norm(dim=1).clamp_min(1e-20)
        gradient = wide(height, z) * gradient
        memory = self._remember(z, gradient, memory, iteration)
        free_values = free(z, gradient)
        inward = torch.where(free_values, gradient, 0)
        direction = self._direction(inward, memory)
        direction = torch.where(free_values, direction, 0)
        downhill = (direction * inward).flatten(1).sum(1) < 0
        direction = torch.where(wide(downhill, z), direction, -inward)
        longest = torch.where(memory["pairs"] > 0, self.trust, 1) * polyak
        norms = direction.flatten(1).norm(dim=1).clamp_min(1e-20)
        scale = torch.where(memory["pairs"] > 0, (longest / norms).clamp_max(1), longest / norms)
        direction = wide(scale, z) * direction
        back = (height > self.worse * memory["loss"]) & (iteration > 0)
        kept = {"z": z, "gradient": gradient, "direction": direction, "loss": height}
        kept["direction"] = torch.where(wide(back, z), memory["direction"] / 2, direction)
        for name in ("z", "gradient", "loss"):
            new = kept[name]
            kept[name] = torch.where(wide(back, new) if new.dim() > 1 else back, memory[name], new)
        return kept["z"] + kept["direction"], {**memory, **kept}

    def _remember(self, z: Tensor, gradient: Tensor, memory: Rows, iteration: Tensor) -> Rows:
        """Write the newest pair over the oldest one."""
        s, y = (z - memory["z"]).flatten(1), (gradient - memory["gradient"]).flatten(1)
        curvature = (s * y).sum(1)
        use = (iteration > 0) & (curvature > 1e-8 * s.norm(dim=1) * y.norm(dim=1))
        everybody = torch.arange(len(z), device=z.device)
        slot = memory["pairs"] % self.memory
        for name, new in (("s", s), ("y", y)):
            memory[name][everybody, slot] = torch.where(use[:, None], new, memory[name][everybody, slot])
        memory["curvature"][everybody, slot] = torch.where(use, curvature, memory["curvature"][everybody, slot])
        return {**memory, "pairs": memory["pairs"] + use.long()}

    def _direction(self, gradient: Tensor, memory: Rows) -> Tensor:
        """−H∇ by the two-loop recursion, newest pair first; places without a pair yet have no effect."""
        everybody = torch.arange(len(gradient), device=gradient.device)
        q = gradient.flatten(1).clone()
        pairs = memory["pairs"]
        done = []
        for age in range(self.memory):
            slot = (pairs - 1 - age) % self.memory
            rho = torch.where(pairs > age, 1 / memory["curvature"][everybody, slot], 0)
            s, y = memory["s"][everybody, slot], memory["y"][everybody, slot]
            alpha = rho * (s * q).sum(1)
            q = q - alpha[:, None] * y
            done.append((alpha, rho, s, y))
        newest = done[0][3]
        scale = memory["curvature"][everybody, (pairs - 1) % self.memory] / (newest * newest).sum(1)
        q = q * torch.where(pairs > 0, scale, 1)[:, None]
        for alpha, rho, s, y in reversed(done):
            beta = rho * (y * q).sum(1)
            q = q + (alpha - beta)[:, None] * s
        return -q.view_as(gradient)
