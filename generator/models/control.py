"""Controls: functions of the image that are no networks, whose representation anyone can judge by eye.

A study's bounds are known there: a match at `identity` is the target itself, one at `gaussian_blur` or `greyscale` loses
what these take away and nothing else.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from generator.errors import GeneratorError
from generator.models.base import NOMINAL_SIZE, BuiltModel, Family, preprocess
from generator.models.normalization import NORMALIZATIONS, Normalization

LUMA = (0.299, 0.587, 0.114)
"""ITU-R BT.601."""

BLUR = re.compile(r"gaussian_blur\((\d+\.?\d*)\)")


class Blur(nn.Module):
    """Gaussian of standard deviation `sigma` pixels, cut at four of them; beyond its edge an image goes on as at it."""

    kernel: Tensor

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.radius = int(4 * sigma + 0.5)
        places = torch.arange(-self.radius, self.radius + 1, dtype=torch.float64)
        weights = torch.exp(-0.5 * (places / sigma) ** 2)
        self.register_buffer("kernel", (weights / weights.sum()).float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        wide = functional.pad(x, [self.radius] * 4, mode="replicate")
        rows = self.kernel.expand(x.shape[1], 1, 1, -1)
        blurred = functional.conv2d(wide, rows, groups=x.shape[1])
        return functional.conv2d(blurred, rows.transpose(2, 3), groups=x.shape[1])


class Greyscale(nn.Module):
    """Luma, (batch, 1, height, width)."""

    weights: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weights", torch.tensor(LUMA).view(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.weights).sum(1, keepdim=True)


class Control(nn.Module):
    """A function as a network of one layer, `out`."""

    def __init__(self, function: nn.Module) -> None:
        super().__init__()
        self.out = function

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.out(x)
        return result


class ControlFamily(Family):
    """`identity`, `greyscale`, and `gaussian_blur(SIGMA)` with any sigma > 0 in pixels; images are taken as they are, or
    resized first where an input size is given."""

    name = "control"

    def architectures(self) -> Sequence[str]:
        return ("identity", "greyscale", "gaussian_blur(2.0)")

    def knows(self, architecture: str) -> bool:
        return _function(architecture) is not None

    def build(
        self,
        architecture: str,
        weights: str | None,
        checkpoint: Path | None,
        n_classes: int | None,
        *,
        normalization: Normalization | None = None,
        input_size: int | None = None,
    ) -> BuiltModel:
        if weights is not None or checkpoint is not None or n_classes is not None:
            raise GeneratorError(f"{architecture} is a control without weights or classes; leave them out")
        function = _function(architecture)
        assert function is not None
        network = Control(function)
        module = preprocess(network, input_size, normalization or NORMALIZATIONS["none"])
        return BuiltModel(module, network, input_size or NOMINAL_SIZE, None, is_classifier=False)


def _function(architecture: str) -> nn.Module | None:
    if architecture == "identity":
        return nn.Identity()
    if architecture == "greyscale":
        return Greyscale()
    blur = BLUR.fullmatch(architecture)
    return Blur(float(blur[1])) if blur and float(blur[1]) > 0 else None


control = ControlFamily()
