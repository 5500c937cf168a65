"""Pictures for trials that have a right answer: a photograph, changed a little or a great deal.

Practice and catch trials are made from these and never from IRIs, because feedback on an IRI would teach the answer.
"""

import numpy as np
from PIL import Image, ImageFilter

_NOISE_SD = {"mild": 14.0, "strong": 110.0}  # of 255
_BLUR_SHARE = {"mild": 0.02, "strong": 0.22}  # of the longer side
_SHIFT = {"mild": 18, "strong": 120}  # of 255
_BLOCKS = 4


def derive(picture: Image.Image, kind: str, level: str, rng: np.random.Generator) -> Image.Image:
    """`picture` (RGB) changed by one of `FOILS`; `level` is `mild` or `strong`."""
    return FOILS[kind](picture, level, rng)


def _noise(picture: Image.Image, level: str, rng: np.random.Generator) -> Image.Image:
    values = np.asarray(picture, dtype=float)
    return _image(values + rng.normal(0, _NOISE_SD[level], values.shape))


def _blur(picture: Image.Image, level: str, rng: np.random.Generator) -> Image.Image:  # noqa: ARG001
    return picture.filter(ImageFilter.GaussianBlur(_BLUR_SHARE[level] * max(picture.size)))


def _colour(picture: Image.Image, level: str, rng: np.random.Generator) -> Image.Image:
    direction = np.array([1, -1, 0])[rng.permutation(3)] * _SHIFT[level]
    return _image(np.asarray(picture, dtype=float) + direction)


def _scramble(picture: Image.Image, level: str, rng: np.random.Generator) -> Image.Image:  # noqa: ARG001
    """Blocks of the picture in another order: its colours stay, what it shows does not."""
    side = min(picture.size) // _BLOCKS
    boxes = [(x * side, y * side, (x + 1) * side, (y + 1) * side) for y in range(_BLOCKS) for x in range(_BLOCKS)]
    scrambled = picture.copy()
    for box, source in zip(boxes, rng.permutation(len(boxes)), strict=True):
        scrambled.paste(picture.crop(boxes[source]), box)
    return scrambled


def _image(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values.round().clip(0, 255).astype(np.uint8))


FOILS = {"noise": _noise, "colour": _colour, "blur": _blur, "scramble": _scramble}
