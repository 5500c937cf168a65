"""Target sets, by the name that recipes use. Each is a frozen value of settings with `load`."""

from generator.targets.base import Target, Targets, TargetSet
from generator.targets.cifar import Cifar10, Cifar100
from generator.targets.csv_file import CsvFile
from generator.targets.folder import Folder
from generator.targets.imagenet import ImageNet
from generator.targets.noise import Noise
from generator.targets.photographs import Photographs

TARGET_SETS: dict[str, type[TargetSet]] = {
    "folder": Folder,
    "csv": CsvFile,
    "cifar10": Cifar10,
    "cifar100": Cifar100,
    "imagenet": ImageNet,
    "photographs": Photographs,
    "noise": Noise,
}

__all__ = ["TARGET_SETS", "Target", "TargetSet", "Targets"]
