"""What is measured on: networks, photographs and starts that anybody has."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from generator.acceleration import accelerate
from generator.inversion import Found, Network, Objective, Optimizer, Search, Statistics, Term, invert
from generator.losses.relative_l2 import RelativeL2
from generator.models import BuiltModel, build
from generator.parameterizations import PARAMETERIZATIONS
from generator.targets.photographs import PHOTOGRAPHS, Photographs
from generator.training.recipe import read_train_recipe
from generator.training.train import train

TUNED_ON = ("astronaut", "cat")
"""The photographs on which the optimizers' settings were tried: results are reported on others."""

HELDOUT = ("coffee", "rocket", "china", "motorcycle", "flower", "retina", "hubble", "brick")


@dataclass(frozen=True)
class World:
    """A network, a layer, targets and starts."""

    name: str
    built: BuiltModel
    layer: str
    targets: Tensor
    starts: Tensor

    def take(self, n: int) -> "World":
        return World(self.name, self.built, self.layer, self.targets[:n], self.starts[:n])

    def network(self, dtype: torch.dtype, backend: str | None = None) -> Network:
        """For the search: what a recipe of that precision uses."""
        exact = accelerate(self.built, [self.layer])
        fast = exact if dtype == torch.float32 else accelerate(self.built, [self.layer], "true", dtype, backend=backend)
        nothing = Statistics(torch.zeros(1), torch.ones(1))
        settle = 8 if self.targets.is_cuda else 1
        return Network(fast, exact, self.layer, {self.layer: nothing}, settle_every=settle)

    def search(
        self,
        network: Network,
        optimizer: Optimizer,
        *levels: float,
        parameterization: str = "pixel",
        batch_size: int | None = None,
    ) -> list[Found]:
        """`levels` none: all steps, best iterate."""
        return invert(
            network,
            Objective((Term(RelativeL2()),)),
            Search(optimizer, PARAMETERIZATIONS[parameterization](), rule="first" if levels else "best"),
            self.targets,
            self.starts,
            torch.tensor([levels or (0.0,)], device=self.targets.device).repeat(len(self.targets), 1),
            batch_size or len(self.targets),
        )


def torchvision_world(name: str, layer: str, n: int, size: int = 224, device: str = "cpu") -> World:
    """A random-init network whose batch norms have seen photographs once, on photographs the settings were not tried on."""
    torch.manual_seed(0)
    built = build("torchvision", name)
    built.module.to(device).to(memory_format=torch.channels_last)
    calibrate(built, photographs(tuple(PHOTOGRAPHS), size).to(device))
    targets = photographs(HELDOUT, size).repeat(-(-n // len(HELDOUT)), 1, 1, 1)[:n].to(device)
    return World(name, built, layer, targets, super_noise(targets))


def robust_world(folder: Path | None, n: int, scratch: Path) -> World:
    """The demo's adversarially trained network, from `folder` (ROBUST.pt) or trained here."""
    if folder is None:
        recipe = read_train_recipe(Path("examples/demo/train.toml"))
        networks = tuple(network for network in recipe.networks if network.name == "robust")
        train(recipe.model_copy(update={"networks": networks}), scratch, torch.device("cpu"))
        folder = scratch
    built = build("small_resnet", "small_resnet", checkpoint=folder / "robust.pt")
    built.module.to(memory_format=torch.channels_last)
    crops = Photographs(per_photograph=2).load(0).targets[1::2][:n]
    targets = torch.from_numpy(np.stack([crop.pixels for crop in crops])).permute(0, 3, 1, 2).float().div(255)
    return World("robust", built, "flatten", targets, super_noise(targets))


def photographs(names: tuple[str, ...], size: int) -> Tensor:
    """Centre squares, (n, 3, size, size) in [0, 1]."""
    squares = []
    for name in names:
        package, file, _, _ = PHOTOGRAPHS[name]
        with resources.files(package).joinpath(file).open("rb") as opened, Image.open(opened) as picture:
            rgb = picture.convert("RGB")
        side = min(rgb.size)
        left, top = (rgb.width - side) // 2, (rgb.height - side) // 2
        square = rgb.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.LANCZOS)
        squares.append(torch.from_numpy(np.array(square)).permute(2, 0, 1).float() / 255)
    return torch.stack(squares)


def super_noise(targets: Tensor, *, grey: bool = False) -> Tensor:
    """N(0, 1), clamped: the paper's default start. `grey`: 0.5 + N(0, 1)/20, the start of metamers."""
    noise = torch.randn(targets.shape, generator=torch.Generator().manual_seed(1))
    return (0.5 + noise / 20 if grey else noise).clamp(0, 1).to(targets.device)


def calibrate(built: BuiltModel, images: Tensor) -> None:
    """Batch norms' statistics from one pass over images."""
    norms = [module for module in built.network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the mean over all passes
        norm.train()
    with torch.no_grad():
        built.module(images)
    for norm in norms:
        norm.eval()
