"""The adversary: l2 PGD on pixels in [0, 1]."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from generator.training.recipe import Attack


def perturb(module: nn.Module, images: Tensor, labels: Tensor, attack: Attack, rng: torch.Generator | None) -> Tensor:
    """Images within `attack.epsilon` (l2) of `images`, clamped to [0, 1], that raise the cross-entropy.

    Each step moves by `step_size` along the normalized gradient, then projects. `rng` draws the random start inside the
    ball; None starts at the image itself.
    """
    delta = torch.zeros_like(images) if rng is None else _ball(images, attack.epsilon, rng)
    for _ in range(attack.steps):
        delta.requires_grad_(True)
        loss = functional.cross_entropy(module(images + delta), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, delta)
        with torch.no_grad():
            delta = delta + attack.step_size * gradient / _norms(gradient).clamp_min(1e-12)
            delta = delta * (attack.epsilon / _norms(delta).clamp_min(1e-12)).clamp_max(1.0)
            delta = (images + delta).clamp(0, 1) - images
    return (images + delta).detach()


def _ball(images: Tensor, epsilon: float, rng: torch.Generator) -> Tensor:
    direction = torch.randn(images.shape, generator=rng).to(images.device)
    radius = (torch.rand((len(images), 1, 1, 1), generator=rng) * epsilon).to(images.device)
    delta = direction / _norms(direction) * radius
    return ((images + delta).clamp(0, 1) - images).contiguous(memory_format=torch.channels_last)


def _norms(batch: Tensor) -> Tensor:
    norms: Tensor = batch.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    return norms
