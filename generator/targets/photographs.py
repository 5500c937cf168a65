"""Crops of the photographs that scikit-image and scikit-learn ship in their wheels. Nothing is downloaded.

Each photograph is cut in two before anything else happens to it: the left 60 % gives training crops, the right 40 %
held-out ones, so that no pixel, and no pixel blurred by resizing, is on both sides. The class of a crop, and its image
cluster, is its photograph.
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generator.errors import GeneratorError
from generator.targets.base import Pixels, Target, Targets

SIZE = 32
SHORTER_SIDE = 192  # of the photograph after resizing: a crop then shows a part of a thing
TRAIN_SHARE = 0.6
PREPROCESSING = (
    f"8-bit RGB; left {TRAIN_SHARE:.0%} and right rest resized apart, to {SHORTER_SIDE} pixels for the photograph's shorter "
    f"side (Pillow, lanczos); {SIZE}×{SIZE} crops of the right part that do not overlap"
)

# name → (package, file, licence, redistributable); the licences are those that the packages state for their sample data
PHOTOGRAPHS: dict[str, tuple[str, str, str | None, bool | None]] = {
    "astronaut": ("skimage.data", "astronaut.png", "public domain (NASA)", True),
    "brick": ("skimage.data", "brick.png", "CC0", True),
    "camera": ("skimage.data", "camera.png", "CC0", True),
    "cat": ("skimage.data", "chelsea.png", "CC0", True),
    "china": ("sklearn.datasets.images", "china.jpg", "CC BY 2.0", True),
    "coffee": ("skimage.data", "coffee.png", "CC0", True),
    "coins": ("skimage.data", "coins.png", "no known copyright restrictions", True),
    "flower": ("sklearn.datasets.images", "flower.jpg", "CC BY 2.0", True),
    "grass": ("skimage.data", "grass.png", "CC0", True),
    "gravel": ("skimage.data", "gravel.png", "CC0", True),
    "hubble": ("skimage.data", "hubble_deep_field.jpg", "public domain (NASA)", True),
    "motorcycle": ("skimage.data", "motorcycle_left.png", None, None),
    "retina": ("skimage.data", "retina.jpg", "CC0", True),
    "rocket": ("skimage.data", "rocket.jpg", "public domain (SpaceX)", True),
    "tissue": ("skimage.data", "ihc.png", "no known copyright restrictions", True),
}

Side = Literal["train", "heldout"]


@cache
def _part(name: str, side: Side) -> Pixels:
    """One side of a photograph, resized on its own."""
    package, file, _, _ = PHOTOGRAPHS[name]
    try:
        with resources.files(package).joinpath(file).open("rb") as opened, Image.open(opened) as picture:
            rgb = picture.convert("RGB")
    except (ModuleNotFoundError, FileNotFoundError):
        raise GeneratorError(
            f"photograph {name!r} ships with {package.split('.')[0]}, which is not installed; install alike[demo]"
        ) from None
    cut = round(rgb.width * TRAIN_SHARE)
    box = (0, 0, cut, rgb.height) if side == "train" else (cut, 0, rgb.width, rgb.height)
    factor = SHORTER_SIDE / min(rgb.size)
    size = (round((box[2] - box[0]) * factor), round(rgb.height * factor))
    return np.asarray(rgb.crop(box).resize(size, Image.Resampling.LANCZOS))


def training_crops(per_photograph: int, rng_seed: int) -> tuple[Pixels, NDArray[np.int64]]:
    """Random crops of the training sides, half of them mirrored: (n, 32, 32, 3) uint8, and the index of each one's
    photograph."""
    rng = np.random.default_rng(rng_seed)
    crops = np.concatenate([_random_crops(name, "train", per_photograph, rng) for name in PHOTOGRAPHS])
    mirrored = rng.random(len(crops)) < 0.5
    crops[mirrored] = crops[mirrored, :, ::-1]
    return crops, np.repeat(np.arange(len(PHOTOGRAPHS)), per_photograph)


def heldout_crops(per_photograph: int, rng_seed: int) -> tuple[Pixels, NDArray[np.int64]]:
    """Random crops of the held-out sides, for measuring accuracy."""
    rng = np.random.default_rng(rng_seed)
    crops = [_random_crops(name, "heldout", per_photograph, rng) for name in PHOTOGRAPHS]
    return np.concatenate(crops), np.repeat(np.arange(len(PHOTOGRAPHS)), per_photograph)


def _random_crops(name: str, side: Side, n: int, rng: np.random.Generator) -> Pixels:
    part = _part(name, side)
    rows = rng.integers(part.shape[0] - SIZE + 1, size=n)
    columns = rng.integers(part.shape[1] - SIZE + 1, size=n)
    return np.stack([part[r : r + SIZE, c : c + SIZE] for r, c in zip(rows, columns, strict=True)])


def _cells(name: str) -> list[Pixels]:
    """Crops of the held-out side that do not overlap, the richest in contrast first."""
    part = _part(name, "heldout")
    corners = [
        (r, c) for r in range(0, part.shape[0] - SIZE + 1, SIZE) for c in range(0, part.shape[1] - SIZE + 1, SIZE)
    ]
    crops = [part[r : r + SIZE, c : c + SIZE] for r, c in corners]
    return sorted(crops, key=lambda crop: -float(crop.std(axis=(0, 1)).mean()))


@dataclass(frozen=True)
class Photographs:
    """`per_photograph` held-out crops of each photograph that do not overlap, drawn from the richer half of its cells
    (a crop of plain sky tells nobody anything). The cells that are left are the others."""

    per_photograph: int = 6
    name: str = "photographs"

    def load(self, rng_seed: int) -> Targets:
        targets: list[Target] = []
        others: list[Target] = []
        for index, (name, (_, _, licence, redistributable)) in enumerate(PHOTOGRAPHS.items()):
            cells = _cells(name)
            if self.per_photograph >= len(cells):
                raise GeneratorError(
                    f"photograph {name!r} has {len(cells)} held-out crops; per_photograph must be less, not {self.per_photograph}"
                )
            rich = cells[: max(self.per_photograph, len(cells) // 2)]
            rng = np.random.default_rng([rng_seed, index])
            order = rng.permutation(len(rich))
            chosen = [rich[i] for i in order[: self.per_photograph]]
            rest = [rich[i] for i in order[self.per_photograph :]] + cells[len(rich) :]
            for pool, kept in ((targets, chosen), (others, rest)):
                kind = "heldout" if pool is targets else "other"
                pool += [
                    Target(f"{name}/{kind}-{i:02}", crop, name, name, "heldout", licence, redistributable)
                    for i, crop in enumerate(kept)
                ]
        return Targets(self.name, tuple(targets), tuple(others), PREPROCESSING)
