"""Target sets, by the name that recipes use. Each is a frozen value of settings with `load`."""

from generator.targets.base import Target, Targets, TargetSet
from generator.targets.folder import Folder
from generator.targets.photographs import Photographs

TARGET_SETS: dict[str, type[TargetSet]] = {
    "folder": Folder,
    "photographs": Photographs,
}

__all__ = ["TARGET_SETS", "Target", "TargetSet", "Targets"]
