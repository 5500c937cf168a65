"""A network as a proof asks it: representations at the layer and at later stages, and the class that it names."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from generator.errors import GeneratorError
from generator.inversion import Represent, Statistics
from generator.stimuli import Pixels, to_tensor

Classify = Callable[[Tensor], Tensor]
"""Images (batch, 3, height, width) in [0, 1] → scores (batch, classes)."""


@dataclass(frozen=True)
class Probe:
    """`represent` gives `layer`, at which images are matched, and every one of `stages`, later layers, in one pass.
    `statistics` are over the targets, of all of these. `classify` is None where the network names no class."""

    represent: Represent
    layer: str
    stages: tuple[str, ...]
    statistics: dict[str, Statistics]
    classify: Classify | None
    device: torch.device

    def see(self, images: Tensor) -> dict[str, Tensor]:
        """Layer → representation (batch, …), without a graph."""
        with torch.no_grad():
            return self.represent(images.to(self.device))

    def name(self, images: Tensor) -> list[int] | None:
        """The class that is named for each image, as its place in the output; None where there are no classes."""
        if self.classify is None:
            return None
        with torch.no_grad():
            return [int(place) for place in self.classify(images.to(self.device)).argmax(1)]


def find_classifier(module: nn.Module, images: Tensor) -> Classify | None:
    """The network itself if its output is (batch, classes) of two classes at least, else None.

    Where such an output is an embedding and no scores (an image tower), the caller knows better and asks nothing here.
    """
    with torch.no_grad():
        output = module(images)
    scores = isinstance(output, Tensor) and output.dim() == 2 and output.shape[1] > 1
    return module if scores else None


def observe(
    represent: Represent, pixels: Sequence[Pixels], device: torch.device, batch_size: int = 32
) -> tuple[dict[str, list[float]], dict[str, Statistics]]:
    """At each layer ‖g‖₂ of each picture, and mean and standard deviation (over n, not n − 1) of each unit over
    pictures, (1, …), accumulated in float64 batch by batch (Chan, Golub and LeVeque 1979)."""
    norms: dict[str, list[float]] = {}
    moments: dict[str, tuple[int, Tensor, Tensor]] = {}
    for images in batches(pixels, device, batch_size):
        with torch.no_grad():
            seen = represent(images)
        for layer, found in seen.items():
            norms.setdefault(layer, []).extend(found.flatten(1).norm(dim=1).tolist())
            moments[layer] = _with(moments.get(layer), found.double())
    return norms, {
        layer: Statistics(mean.float(), (squares / n).sqrt().float()) for layer, (n, mean, squares) in moments.items()
    }


def refuse_mute(norms: Sequence[float], names: Sequence[str], where: str) -> None:
    """Raises GeneratorError for a target to which no error can be relative. `where` names the model and the layer."""
    for norm, name in zip(norms, names, strict=True):
        if not math.isfinite(norm):
            raise GeneratorError(f"the representation of target {name} is not a number ({where}); check the weights")
        if norm == 0:
            raise GeneratorError(
                f"target {name} is represented by zeros ({where}), so that no error can be relative to it; leave it out, "
                f"or choose another layer"
            )


def batches(pixels: Sequence[Pixels], device: torch.device, batch_size: int) -> Iterator[Tensor]:
    for first in range(0, len(pixels), batch_size):
        yield to_tensor(pixels[first : first + batch_size], device)


def _with(before: tuple[int, Tensor, Tensor] | None, batch: Tensor) -> tuple[int, Tensor, Tensor]:
    """Number, mean and sum of squared deviations of what was before and of a batch."""
    n, mean = len(batch), batch.mean(0, keepdim=True)
    squares = ((batch - mean) ** 2).sum(0, keepdim=True)
    if before is None:
        return n, mean, squares
    n_before, mean_before, squares_before = before
    total, step = n_before + n, mean - mean_before
    return total, mean_before + step * n / total, squares_before + squares + step**2 * n_before * n / total
