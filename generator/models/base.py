"""What a model family is: names that can be built into networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from generator.errors import GeneratorError


@dataclass(frozen=True)
class BuiltModel:
    """A network in evaluation mode with frozen parameters.

    `module` takes images in [0, 1], NCHW, of any size that its family documents: resizing and normalization are inside
    it and differentiable, so every model sees the same target pixels. `network` is the bare network, whose module names
    are the names of layers.
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

    def architectures(self) -> Sequence[str]: ...

    def build(
        self, architecture: str, weights: str | None, checkpoint: Path | None, n_classes: int | None
    ) -> BuiltModel:
        """`weights` is a name that the family knows, `checkpoint` a local file; with neither, random weights drawn from
        torch's current seed."""
        ...


class Preprocessed(nn.Module):
    """A network with its own preprocessing in front: resize to what it expects, then normalize.

    Nothing here clamps: since torch 2.15 clamp has no gradient at its bounds, where pixels of IRIs often lie.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, input_size: int, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.input_size = input_size
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[-2:] != (self.input_size, self.input_size):
            size = (self.input_size, self.input_size)
            images = functional.interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)
        result: Tensor = self.network((images - self.mean) / self.std)
        return result


def freeze(module: nn.Module) -> nn.Module:
    """Evaluation mode, no gradients for parameters."""
    return module.eval().requires_grad_(False)


def load_checkpoint(network: nn.Module, path: Path) -> None:
    """Load a state dict (or a file that holds one under `state_dict` or `model`) strictly.

    Nothing in the file is executed (`weights_only`). Raises GeneratorError with the first difference.
    """
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise GeneratorError(f"checkpoint {path} does not exist") from None
    except Exception as problem:
        reason = str(problem).splitlines()[0][:120] if str(problem) else type(problem).__name__
        raise GeneratorError(
            f"checkpoint {path} cannot be read ({reason}); expected a file by torch.save of a state dict"
        ) from None
    for key in ("state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict):
        raise GeneratorError(f"checkpoint {path} holds a {type(loaded).__name__}; expected a state dict")
    wanted = network.state_dict()
    missing = [key for key in wanted if key not in loaded]
    unknown = [key for key in loaded if key not in wanted]
    wrong = [key for key in wanted if key in loaded and getattr(loaded[key], "shape", None) != wanted[key].shape]
    for what, keys in (("lacks", missing), ("has unknown", unknown), ("has another shape for", wrong)):
        if keys:
            raise GeneratorError(
                f"checkpoint {path} does not fit: it {what} {keys[0]!r} and {len(keys) - 1} more of {len(wanted)} entries"
            )
    network.load_state_dict(loaded)
