"""ImageNet (ILSVRC 2012) in the layout that torchvision reads: `val/<wnid>/*.JPEG`, `train/<wnid>/*.JPEG`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from generator.errors import GeneratorError
from generator.targets.base import Target, Targets
from generator.targets.picture import UPRIGHT, Kernel, describe_fit, fit, read_picture
from generator.targets.sampling import Sampling, assemble

FIT: tuple[int, int, Kernel] = (256, 224, "bilinear")
"""Shorter side, crop and kernel with which torchvision evaluates its networks."""


@dataclass(frozen=True)
class ImageNet(Sampling):
    """`path` holds the folders val and train; the devkit is not needed. Classes are WordNet ids. Pictures of the dataset's
    `split` val are held out, those of train are training data."""

    path: Path
    split: Literal["val", "train"] = "val"

    def load(self, rng_seed: int) -> Targets:
        folder = self.path / self.split
        found = self._list(folder)
        ids = [f"{self.split}/{Path(file).relative_to(folder).as_posix()}" for file, _ in found]
        labels = [label for _, label in found]

        def describe(i: int) -> Target:
            return Target(
                target_id=ids[i],
                pixels=np.asarray(fit(read_picture(self.path / ids[i]), *FIT)),
                cluster=ids[i],
                label=labels[i],
                split="heldout" if self.split == "val" else "train",
                licence="ImageNet terms of access: non-commercial research and education",
                redistributable=False,
            )

        words = f"{UPRIGHT}; {describe_fit(*FIT)}"
        return assemble(f"ImageNet {self.split}", describe, self.draw(ids, labels, rng_seed), words)

    def _list(self, folder: Path) -> list[tuple[str, str]]:
        """Every file with its WordNet id; none is opened."""
        # Here, because only a recipe that names the dataset shall wait for torchvision.
        from torchvision.datasets import ImageFolder

        try:
            data = ImageFolder(str(folder), allow_empty=True)
        except OSError:
            data = None
        if data is None or len(data.samples) < 2:
            raise GeneratorError(
                f"targets: no ImageNet in {folder}; put its pictures there in one folder a class, as in "
                f"{folder / 'n01440764' / 'ILSVRC2012_val_00000293.JPEG'} (its terms do not let it be downloaded for you)"
            )
        return [(file, data.classes[number]) for file, number in data.samples]
