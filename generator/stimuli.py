"""From tensors to 8-bit files, with every measure taken again on the file.

What people see is a PNG with 8 bits a value. Rounding moves the representation, so the errors that count are measured
on the decoded file, never on the optimizer's floats.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Picture
from torch import Tensor

from generator.errors import GeneratorError
from generator.inversion import Representation, relative_error
from generator.metrics import pixel_l2, ssim
from generator.store import Distribution, Image, Item, NotInStore, StimulusSet, Store, StoreError
from generator.targets import Target

Pixels = NDArray[np.uint8]
QUANTILES = (0, 1, 5, 10, 25, 50, 75, 90, 95, 99, 100)
DIGITS = 6
"""Significant digits of every number in a manifest: more than float32 arithmetic gives back."""


def to_pixels(images: Tensor) -> list[Pixels]:
    """(batch, 3, height, width) in [0, 1] → uint8 arrays, rounded to the nearest of 256 values."""
    scaled = (images.detach().clamp(0, 1) * 255).round().to(torch.uint8)
    return list(scaled.permute(0, 2, 3, 1).cpu().numpy())


def to_tensor(pixels: Sequence[Pixels], device: torch.device) -> Tensor:
    """uint8 arrays → (batch, 3, height, width) float32 in [0, 1]."""
    batch = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255
    return batch.contiguous(memory_format=torch.channels_last).to(device)


def encode(pixels: Pixels) -> bytes:
    """An 8-bit RGB PNG of the pixels and nothing else."""
    buffer = io.BytesIO()
    Picture.fromarray(pixels).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def decode(png: bytes) -> Pixels:
    with Picture.open(io.BytesIO(png)) as picture:
        return np.asarray(picture.convert("RGB"))


def keep(store: Store, pixels: Pixels) -> Image:
    """Store the pixels as a file; returns its name and size."""
    return Image(sha256=store.add_image(encode(pixels)), width=pixels.shape[1], height=pixels.shape[0])


def rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


@dataclass(frozen=True)
class Null:
    """What errors are between pictures that have nothing to do with each other, and the mean representation.

    `relative` is the distribution of ‖g(a) − g(b)‖/‖g(b)‖ over pairs of different clusters, `centred` that of
    ‖g(a) − g(b)‖/‖g(b) − mean‖ (the relative error of any pair is small where representations share a large mean).
    """

    relative: Distribution
    centred: Distribution

    @classmethod
    def measure(
        cls,
        represent: Representation,
        pool: Sequence[Target],
        mean: Tensor,
        rng: np.random.Generator,
        device: torch.device,
        n_pairs: int = 1000,
        batch_size: int = 32,
    ) -> "Null":
        """From random ordered pairs of pictures of the pool from different clusters: `n_pairs`, no pair twice, or all
        there are. A pair whose second picture is represented by zeros has no relative error and is left out.

        The pool should be pictures outside the set (validity of the percentile); where a target set has none, it is the
        targets themselves. Raises GeneratorError where no pair is left.
        """
        pairs = _pairs(pool, n_pairs, rng)
        relative, centred = [], []
        for first in range(0, len(pairs), batch_size):
            chunk = pairs[first : first + batch_size]
            a, b = (represent_pixels(represent, [pool[pair[side]].pixels for pair in chunk], device) for side in (0, 1))
            relative.append(relative_error(a, b))
            centred.append(relative_error(a - mean, b - mean))
        if not pairs or not torch.isfinite(torch.cat(relative)).any():
            raise GeneratorError(
                "a null distribution needs pictures of two clusters at least that the network does not represent by zeros; "
                f"there are {len(pool)} pictures of {len({picture.cluster for picture in pool})}"
            )
        return cls(_distribution(torch.cat(relative)), _distribution(torch.cat(centred)))


def _pairs(pool: Sequence[Target], n: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Pair (a, b) has the number a · size + b; where there are too many to list, many are drawn."""
    clusters = np.unique([picture.cluster for picture in pool], return_inverse=True)[1]
    size = len(pool)
    numbers = np.arange(size**2) if size <= 1000 else np.unique(rng.integers(size**2, size=max(100_000, 8 * n)))
    first, second = np.divmod(numbers, size)
    different = numbers[clusters[first] != clusters[second]]
    return [divmod(int(number), size) for number in rng.permutation(different)[:n]]


def _distribution(errors: Tensor) -> Distribution:
    finite = errors[torch.isfinite(errors)]
    values = np.percentile(finite.cpu().double().numpy(), QUANTILES)
    quantiles = {str(q): rounded(float(v)) for q, v in zip(QUANTILES, values, strict=True)}
    return Distribution(n=len(finite), quantiles=quantiles)


def represent_pixels(represent: Representation, pixels: Sequence[Pixels], device: torch.device) -> Tensor:
    with torch.no_grad():
        return represent(to_tensor(pixels, device))


def norms_and_mean(
    represent: Representation, pixels: Sequence[Pixels], device: torch.device, batch_size: int = 32
) -> tuple[list[float], Tensor]:
    """‖g‖₂ of each picture, and the mean of g over pictures, (1, units)."""
    norms: list[float] = []
    total: Tensor | None = None
    for first in range(0, len(pixels), batch_size):
        found = represent_pixels(represent, pixels[first : first + batch_size], device)
        norms += found.norm(dim=1).tolist()
        part = found.sum(0, keepdim=True, dtype=torch.float64)
        total = part if total is None else total + part
    assert total is not None
    return norms, (total / len(pixels)).float()


@dataclass(frozen=True)
class Triple:
    """The three pictures of an item, as their files hold them."""

    target: Pixels
    start: Pixels
    reconstruction: Pixels


def measure(
    represent: Representation, triples: Sequence[Triple], mean: Tensor, null: Null, device: torch.device
) -> list[dict[str, float]]:
    """All measures of items, taken on files.

    `representation_error` ‖g(x_r) − g(x_t)‖/‖g(x_t)‖ · `representation_error_centred`, over ‖g(x_t) − mean‖ ·
    `null_percentile` of the first, by interpolation in the null's quantiles · `pixel_l2` (root mean square, [0, 1]) and
    `ssim` of x_r and x_t; `…_start` of x_0 and x_t; `…_to_start` of x_r and x_0 · `distance_ratio` ‖x_r − x_t‖/‖x_0 − x_t‖.
    Raises GeneratorError for a measure that is no number.
    """
    found = represent_pixels(represent, [t.reconstruction for t in triples], device)
    wanted = represent_pixels(represent, [t.target for t in triples], device)
    relative = relative_error(found, wanted).tolist()
    centred = relative_error(found - mean, wanted - mean).tolist()
    return [
        {name: _number(name, value) for name, value in _pixel_measures(triple, null, error, centred_error).items()}
        for triple, error, centred_error in zip(triples, relative, centred, strict=True)
    ]


def _number(name: str, value: float) -> float:
    if not math.isfinite(value):
        raise GeneratorError(f"{name} is {value}: its target is represented by zeros, or as the mean of all targets")
    return rounded(value)


def _pixel_measures(triple: Triple, null: Null, error: float, centred_error: float) -> dict[str, float]:
    target, start, reconstruction = triple.target, triple.start, triple.reconstruction
    quantiles = {float(q): value for q, value in null.relative.quantiles.items()}
    from_start = pixel_l2(start, target)
    return {
        "representation_error": error,
        "representation_error_centred": centred_error,
        "null_percentile": float(np.interp(error, sorted(quantiles.values()), sorted(quantiles))),
        "pixel_l2": pixel_l2(reconstruction, target),
        "pixel_l2_start": from_start,
        "pixel_l2_to_start": pixel_l2(reconstruction, start),
        "distance_ratio": pixel_l2(reconstruction, target) / from_start if from_start else 0.0,
        "ssim": ssim(reconstruction, target),
        "ssim_start": ssim(start, target),
        "ssim_to_start": ssim(reconstruction, start),
    }


def gate(measures: dict[str, float], tau: float, null: Null) -> tuple[str, ...]:
    """Why an item is not valid; empty if it is: error ≤ τ and below the 1st percentile of the null."""
    error, first = measures["representation_error"], null.relative.quantiles["1"]
    reasons = []
    if not error <= tau:
        reasons.append(f"representation error {error:.3g} is above tau {tau:g}")
    if not error < first:
        reasons.append(f"representation error {error:.3g} is not below the null's 1st percentile {first:.3g}")
    return tuple(reasons)


def kept_items(store: Store, recipe: str, unit: str) -> tuple[Item, ...] | None:
    """The items of a unit of work that was finished before; None if it is to be made (again)."""
    value = store.unit(recipe, unit)
    if value is None:
        return None
    items = tuple(Item.model_validate(item) for item in value)
    try:
        for item in items:
            for image in (item.target, item.start, item.reconstruction):
                store.image(image.sha256)
    except StoreError:
        return None
    return items


def keep_items(store: Store, recipe: str, unit: str, items: Sequence[Item]) -> None:
    store.add_unit(recipe, unit, [item.model_dump(mode="json") for item in items])


def kept_null(store: Store, recipe: str, unit: str) -> Null | None:
    value = store.unit(recipe, unit)
    if value is None:
        return None
    return Null(Distribution.model_validate(value["relative"]), Distribution.model_validate(value["centred"]))


def keep_null(store: Store, recipe: str, unit: str, null: Null) -> None:
    store.add_unit(recipe, unit, {"relative": null.relative.model_dump(), "centred": null.centred.model_dump()})


def has_set(store: Store, stimuli: StimulusSet) -> bool:
    try:
        store.get_set(stimuli.id)
    except NotInStore:
        return False
    return True
