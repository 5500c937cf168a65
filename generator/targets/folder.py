"""A folder of pictures; folders inside it, if there are any, are classes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from PIL import Image, ImageOps
from pydantic import Field

from generator.errors import GeneratorError
from generator.targets.base import Pixels, Target, Targets

MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}
ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Folder:
    """All pictures must be of one size, which is the size of the IRIs. `limit` takes that many, drawn by `rng_seed`;
    the rest serve the null distribution. Each file is an image cluster of its own. Grey pictures become RGB; those with
    more than 8 bits a value or with transparency are refused, because what people would see is not in the file."""

    path: Path
    limit: Annotated[int, Field(ge=2)] | None = None
    split: Literal["train", "heldout", "unknown"] = "unknown"
    licence: str | None = None
    redistributable: bool | None = None
    name: str | None = None

    def load(self, rng_seed: int) -> Targets:
        if not self.path.is_dir():
            raise GeneratorError(f"targets: {self.path} is not a folder")
        files = sorted(file for file in self.path.rglob("*") if file.suffix.lower() in ENDINGS)
        if len(files) < 2:
            raise GeneratorError(
                f"targets: {self.path} holds {len(files)} pictures ({', '.join(ENDINGS)}); two at least"
            )
        everything = [self._target(file) for file in files]
        shape = everything[0].pixels.shape
        for file, target in zip(files, everything, strict=True):
            if target.pixels.shape != shape:
                raise GeneratorError(
                    f"targets: {file} is {_size(target.pixels)}, but {files[0]} is {_size(everything[0].pixels)}; "
                    f"all must be of one size"
                )
        order = np.random.default_rng(rng_seed).permutation(len(everything))
        chosen = sorted(order[: self.limit])
        others = sorted(order[self.limit :]) if self.limit is not None else []
        return Targets(
            self.name or self.path.name,
            tuple(everything[i] for i in chosen),
            tuple(everything[i] for i in others),
        )

    def _target(self, file: Path) -> Target:
        relative = file.relative_to(self.path)
        return Target(
            target_id=relative.as_posix(),
            pixels=_read(file),
            cluster=relative.as_posix(),
            label=relative.parts[0] if len(relative.parts) > 1 else None,
            split=self.split,
            licence=self.licence,
            redistributable=self.redistributable,
        )


def _read(file: Path) -> Pixels:
    try:
        with Image.open(file) as opened:
            picture = ImageOps.exif_transpose(opened)
            picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
        raise GeneratorError(f"targets: {file} is no readable picture ({problem})") from None
    if picture.mode not in MODES:
        raise GeneratorError(f"targets: {file} has pixels of kind {picture.mode}; expected 8 bits a value")
    if picture.has_transparency_data and np.asarray(picture.convert("RGBA"))[..., 3].min() < 255:
        raise GeneratorError(f"targets: {file} is transparent in places; lay it on a background first")
    return np.asarray(picture.convert("RGB"))


def _size(pixels: Pixels) -> str:
    return f"{pixels.shape[1]}×{pixels.shape[0]}"
