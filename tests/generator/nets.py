"""Networks small enough to know the answer for, and recipes for them."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from generator.models.small_resnet import SmallResNet


class Linear(nn.Module):
    """Images of 3 × 2 × 2 to `units` numbers by one matrix."""

    def __init__(self, matrix: torch.Tensor) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.map = nn.Linear(matrix.shape[1], matrix.shape[0], bias=False)
        self.map.weight = nn.Parameter(matrix)
        self.after = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.after(self.map(self.flatten(x)))
        return result


def make_own() -> nn.Module:
    """A network as a researcher may have written it."""
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 5))


class Raising(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise AssertionError("a layer after the chosen one was computed")


def save_checkpoint(path: Path, rng_seed: int = 0, n_classes: int = 4) -> Path:
    torch.manual_seed(rng_seed)
    network = SmallResNet(n_classes)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):  # as after training: activations of about unit size
            module.running_var.fill_(0.5)  # type: ignore[union-attr,operator]
    torch.save(network.state_dict(), path)
    return path


def save_targets(folder: Path, n: int = 6, size: int = 32) -> Path:
    """Smooth random pictures in two classes."""
    rng = np.random.default_rng(3)
    for i in range(n):
        inside = folder / f"class-{i % 2}"
        inside.mkdir(parents=True, exist_ok=True)
        tiles = rng.integers(30, 226, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(tiles).resize((size, size), Image.Resampling.BICUBIC).save(inside / f"{i}.png")
    return folder


RECIPE = """
name = "test"
rng_seed = 5
tau = 0.5
batch_size = 2
starts = ["grey-noise"]
stop = { rule = "first", at = 0.3 }
unit_size = 2

[targets]
kind = "folder"
path = "targets"

[[models]]
name = "net"
family = "small_resnet"
architecture = "small_resnet"
checkpoint = "net.pt"
n_classes = 4
training = "none"
layers = ["layer1"]

[[optimizers]]
kind = "adam"
lr = 0.02
steps = 30
"""


def save_recipe(folder: Path, **changes: str) -> Path:
    """A recipe with its targets and weights; `changes` replace text in it."""
    save_targets(folder / "targets")
    save_checkpoint(folder / "net.pt")
    text = RECIPE
    for old, new in changes.items():
        text = text.replace(old, new)
    path = folder / "recipe.toml"
    path.write_text(text)
    return path
