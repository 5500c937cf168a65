"""The perceptual distance to the target or to the start: what makes a loss adversarial."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor

from generator.inversion import State
from generator.metrics.lpips import load_lpips


@dataclass(frozen=True)
class Lpips:
    """d_LPIPS(x, x_t) or d_LPIPS(x, x_0), one number an image. With a negative weight images are driven away.

    `backbone` and `heads` are files of weights; without them torchvision's published ones and those of the lpips package.
    Raises GeneratorError where weights are missing.
    """

    toward: Literal["target", "start"] = "target"
    net: Literal["alex", "vgg", "squeeze"] = "alex"
    backbone: Path | None = None
    heads: Path | None = None

    def __call__(self, state: State) -> Tensor:
        network, _ = load_lpips(self.net, self.backbone, self.heads, state.image.device)
        distance: Tensor = network(state.image, state.target if self.toward == "target" else state.start)
        return distance

    def provenance(self) -> dict[str, str]:
        """SHA-256 of the weights."""
        return load_lpips(self.net, self.backbone, self.heads)[1]
