"""Picture files, read as people will see them and brought to one size."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from PIL import Image, ImageOps
from pydantic import Field

from generator.errors import GeneratorError
from generator.targets.base import Pixels

MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}
UPRIGHT = "8-bit RGB, turned upright as EXIF says"

Kernel = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """Without `size`, pictures keep their own size, which must be one. With it, the shorter side is resized to `size`
    pixels by `kernel` (Pillow's, widened when it reduces) and the middle `size` × `size` kept."""

    size: Annotated[int, Field(ge=1)] | None = None
    kernel: Kernel = "bilinear"

    @property
    def preprocessing(self) -> str:
        return f"{UPRIGHT}; own size" if self.size is None else f"{UPRIGHT}; {describe_fit(*self._fit(self.size))}"

    def read(self, file: Path, where: str = "targets") -> Pixels:
        """(height, width, 3) uint8. Raises GeneratorError, which begins with `where`."""
        picture = read_picture(file, where)
        return np.asarray(picture if self.size is None else fit(picture, *self._fit(self.size)))

    def _fit(self, size: int) -> tuple[int, int, Kernel]:
        return size, size, self.kernel


def read_picture(file: Path, where: str = "targets") -> Image.Image:
    """RGB with 8 bits a value, upright. What has more bits or transparency is refused, because what people would see is
    not in the file. Raises GeneratorError."""
    try:
        with Image.open(file) as opened:
            picture = ImageOps.exif_transpose(opened)
            picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
        raise GeneratorError(f"{where}: {file} is no readable picture ({problem})") from None
    if picture.mode not in MODES:
        raise GeneratorError(f"{where}: {file} has pixels of kind {picture.mode}; expected 8 bits a value")
    if picture.has_transparency_data and np.asarray(picture.convert("RGBA"))[..., 3].min() < 255:
        raise GeneratorError(f"{where}: {file} is transparent in places; lay it on a background first")
    return picture.convert("RGB")


def fit(picture: Image.Image, shorter_side: int, crop: int, kernel: Kernel) -> Image.Image:
    """The shorter side resized, the longer one in proportion (rounded down), and the middle crop × crop of it: what
    torchvision's Resize and CenterCrop do, `crop` ≤ `shorter_side`."""
    shorter, (width, height) = min(picture.size), picture.size
    size = (shorter_side * width // shorter, shorter_side * height // shorter)
    resized = picture.resize(size, Image.Resampling[kernel.upper()])
    left, top = round((size[0] - crop) / 2), round((size[1] - crop) / 2)
    return resized.crop((left, top, left + crop, top + crop))


def describe_fit(shorter_side: int, crop: int, kernel: Kernel) -> str:
    """What `fit` does, in words that are kept with the targets."""
    return (
        f"shorter side resized to {shorter_side} pixels (Pillow, {kernel}; longer side in proportion, rounded down), "
        f"centre crop {crop}×{crop}"
    )
