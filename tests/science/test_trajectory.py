"""The authors' algorithm, restated line by line from the formulas of their paper, goes the same way as the search.

Per image: L = ‖g(x) − g(x_t)‖₂ / ‖g(x_t)‖₂, g the pooled and flattened penultimate layer; x ← clamp(x − η ∇/‖∇‖₂, 0, 1), η = 1.
Images are clamped again inside the graph; the gradient of that clamp at its bounds is 1 in older and 0 in newer versions
of torch. The last ReLU's gradient is the true one, or that of the identity.
"""

from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from generator.inversion import Network, Objective, Search, State, Statistics, Term, invert
from generator.losses.relative_l2 import RelativeL2
from generator.optimizers.paper import Paper
from generator.representation import Layers
from tests.generator.parts import Pixels

STEPS = 50
Clamp = Literal["pass", "block"]
Relu = Literal["true", "identity"]


class SmallNet(nn.Module):
    """As the search meets it: modules with names."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 12, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(12, 24, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(24, 48, 3, padding=1),
            nn.ReLU(inplace=True),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classes = nn.Linear(48, 5)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.classes(self.flatten(self.pool(self.body((x - 0.45) / 0.22))))
        return result


class _Bound(torch.autograd.Function):
    """min(max(x, 0), 1) with a gradient at 0 and 1 that is said, not left to the library."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, at_bounds: float) -> Tensor:
        ctx.save_for_backward(torch.where((x == 0) | (x == 1), at_bounds, ((x > 0) & (x < 1)).float()))
        return x.clamp(0, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * ctx.saved_tensors[0], None


class _FakeRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clamp_min(0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


def penultimate(weights: dict[str, Tensor], x: Tensor, relu: Relu) -> Tensor:
    """g of one image (3, h, w), by the formulas of its operations."""
    x = ((x - 0.45) / 0.22).unsqueeze(0)
    x = functional.conv2d(x, weights["body.0.weight"], weights["body.0.bias"], padding=1)
    x = torch.maximum(x, torch.zeros(()))
    x = functional.conv2d(x, weights["body.2.weight"], weights["body.2.bias"], stride=2, padding=1)
    x = torch.maximum(x, torch.zeros(()))
    x = functional.conv2d(x, weights["body.4.weight"], weights["body.4.bias"], padding=1)
    x = _FakeRelu.apply(x) if relu == "identity" else torch.maximum(x, torch.zeros(()))  # type: ignore[no-untyped-call]
    return x.mean(dim=(2, 3))[0]


def restated(
    weights: dict[str, Tensor], target: Tensor, start: Tensor, clamp: Clamp, relu: Relu
) -> list[tuple[Tensor, float]]:
    """(x, L) at each step, for one image."""
    wanted = penultimate(weights, target, "true")
    x, course = start, []
    for _ in range(STEPS + 1):
        leaf = x.clone().requires_grad_(True)
        inside = _Bound.apply(leaf, 1.0 if clamp == "pass" else 0.0)  # type: ignore[no-untyped-call]
        loss = ((penultimate(weights, inside, relu) - wanted) ** 2).sum().sqrt() / (wanted**2).sum().sqrt()
        loss.backward()
        assert leaf.grad is not None
        course.append((x, loss.item()))
        x = torch.clamp(x - 1.0 * leaf.grad / (leaf.grad**2).sum().sqrt(), 0, 1)
    return course


def searched(net: SmallNet, targets: Tensor, starts: Tensor, clamp: Clamp, relu: Relu) -> list[tuple[Tensor, Tensor]]:
    """(images, errors) at each step of the search."""
    course: list[tuple[Tensor, Tensor]] = []

    class Recording(RelativeL2):
        def __call__(self, state: State) -> Tensor:
            loss = super().__call__(state)
            course.append((state.image.detach().clone(), loss.detach()))
            return loss

    layers = Layers(net, net, ["flatten"], relu)
    statistics = {"flatten": Statistics(torch.zeros(1, 48), torch.ones(1, 48))}
    invert(
        Network(layers, layers, "flatten", statistics),
        Objective((Term(Recording()),)),
        Search(Paper(steps=STEPS), Pixels(), rule="best", clamp=clamp),
        targets,
        starts,
        torch.zeros(len(targets), 1),
        batch_size=len(targets),
    )
    return course


@pytest.fixture(scope="module")
def world() -> tuple[SmallNet, Tensor, Tensor]:
    """A net, smooth targets, and super-noise: two thirds of its values lie at 0 or 1."""
    torch.manual_seed(0)
    net = SmallNet().eval().requires_grad_(False)
    targets = functional.interpolate(torch.rand(3, 3, 4, 4), size=16, mode="bilinear")
    return net, targets, torch.randn(3, 3, 16, 16).clamp(0, 1)


@pytest.mark.parametrize("clamp", ["pass", "block"])
@pytest.mark.parametrize("relu", ["true", "identity"])
def test_the_search_goes_the_way_of_the_formulas(
    world: tuple[SmallNet, Tensor, Tensor], clamp: Clamp, relu: Relu
) -> None:
    net, targets, starts = world
    ours = searched(net, targets, starts, clamp, relu)
    assert len(ours) == STEPS + 1
    for i in range(len(targets)):
        theirs = restated(dict(net.named_parameters()), targets[i], starts[i], clamp, relu)
        for (images, errors), (x, error) in zip(ours, theirs, strict=True):
            assert float(errors[i]) == pytest.approx(error, rel=1e-3)
            assert float((images[i] - x).norm() / x.norm()) <= 1e-3


def test_the_switches_are_not_idle(world: tuple[SmallNet, Tensor, Tensor]) -> None:
    """Each of the four ways ends somewhere else, or the agreement above would say nothing."""
    net, targets, starts = world
    ends = [
        restated(dict(net.named_parameters()), targets[0], starts[0], clamp, relu)[-1][0]
        for clamp in ("pass", "block")
        for relu in ("true", "identity")
    ]
    for i in range(4):
        for j in range(i):
            assert float((ends[i] - ends[j]).norm() / ends[j].norm()) > 0.02
