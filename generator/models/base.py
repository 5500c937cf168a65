"""What a model family is: names that can be built into networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from generator.models.normalization import Normalization

NOMINAL_SIZE = 224
"""`BuiltModel.input_size` of a network that takes images of any size, as they are."""


@dataclass(frozen=True)
class BuiltModel:
    """A network in evaluation mode with frozen parameters.

    `module` takes images in [0, 1], NCHW, of any size that its family documents: resizing and normalization are inside
    it and differentiable, so every model sees the same target pixels. `network` is the bare network, whose module names
    are the names of layers. `is_classifier`: its output is (batch, classes), scores of classes, and no embedding.
    """

    module: nn.Module
    network: nn.Module
    input_size: int
    weights_sha256: str | None
    is_classifier: bool = True


class Family(Protocol):
    """A family of networks. `build` raises GeneratorError for names or weights that it does not know."""

    @property
    def name(self) -> str: ...

    def architectures(self) -> Sequence[str]:
        """Names to choose from; examples of them where any number can be built."""
        ...

    def knows(self, architecture: str) -> bool:
        return architecture in self.architectures()

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
        """`weights` is a name that the family knows, `checkpoint` a local file; with neither, random weights drawn from
        torch's current seed. `normalization` and `input_size` (pixels a side) stand in for the family's own."""
        ...


class Preprocessed(nn.Module):
    """A network with its own preprocessing in front: resize to what it expects (None: take images as they are), then
    normalize.

    Nothing here clamps: since torch 2.15 clamp has no gradient at its bounds, where pixels of IRIs often lie.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, input_size: int | None, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.input_size = input_size
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        if self.input_size is not None and images.shape[-2:] != (self.input_size, self.input_size):
            size = (self.input_size, self.input_size)
            images = functional.interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)
        result: Tensor = self.network((images - self.mean) / self.std)
        return result


def preprocess(network: nn.Module, input_size: int | None, normalization: Normalization) -> Preprocessed:
    """The network with its preprocessing in front, in evaluation mode, no gradients for parameters."""
    module = Preprocessed(network, input_size, normalization.mean, normalization.std)
    freeze(module)
    return module


def freeze(module: nn.Module) -> nn.Module:
    """Evaluation mode, no gradients for parameters."""
    return module.eval().requires_grad_(False)
