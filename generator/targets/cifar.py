"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009), as torchvision reads them: 32 × 32 pixels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from generator.errors import GeneratorError
from generator.targets.base import Target, Targets
from generator.targets.sampling import Sampling, assemble


@dataclass(frozen=True)
class Cifar10(Sampling):
    """`path` is the folder in which the unpacked dataset lies; with `download`, torchvision puts it there. Files are taken
    only if their checksums are the published ones (they are pickles, which could run code). Pictures of the dataset's
    `split` test are held out, those of train are training data; classes are the dataset's, by name."""

    path: Path
    split: Literal["test", "train"] = "test"
    download: bool = False

    reader: ClassVar[str] = "CIFAR10"
    title: ClassVar[str] = "CIFAR-10"

    def load(self, rng_seed: int) -> Targets:
        data = self._open()
        ids = [f"{self.reader.lower()}/{self.split}/{i:05}" for i in range(len(data.data))]
        labels = [data.classes[number] for number in data.targets]

        def describe(i: int) -> Target:
            return Target(
                target_id=ids[i],
                pixels=np.ascontiguousarray(data.data[i]),
                cluster=ids[i],
                label=labels[i],
                split="heldout" if self.split == "test" else "train",
                licence="none stated",
            )

        return assemble(f"{self.title} {self.split}", describe, self.draw(ids, labels, rng_seed), "none: as published")

    def _open(self) -> Any:
        # Here, because only a recipe that names the dataset shall wait for torchvision.
        from torchvision import datasets

        dataset = getattr(datasets, self.reader)
        try:
            return dataset(str(self.path), train=self.split == "train", download=self.download)
        except (RuntimeError, OSError) as problem:
            if self.download:
                raise GeneratorError(f"targets: {self.title} cannot be downloaded to {self.path}: {problem}") from None
            raise GeneratorError(
                f"targets: no intact {self.title} in {self.path}; unpack {dataset.filename} there, so that "
                f"{self.path / dataset.base_folder / dataset.test_list[0][0]} exists, or set download = true"
            ) from None


@dataclass(frozen=True)
class Cifar100(Cifar10):
    """As Cifar10; classes are the hundred fine ones."""

    reader: ClassVar[str] = "CIFAR100"
    title: ClassVar[str] = "CIFAR-100"
