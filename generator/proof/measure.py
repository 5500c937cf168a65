"""Every measure of an item, taken on its files."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generator.errors import GeneratorError
from generator.metrics import pixel_l2, ssim
from generator.proof.agreement import agreement
from generator.proof.display import Display
from generator.proof.probe import Probe
from generator.proof.threshold import percentile_of
from generator.proof.yardstick import ratios
from generator.stimuli import Pixels, rounded, to_tensor
from generator.store import Distribution


@dataclass(frozen=True)
class Triple:
    """The three pictures of an item, as their files hold them."""

    target: Pixels
    start: Pixels
    reconstruction: Pixels


def measure(
    probe: Probe,
    triples: Sequence[Triple],
    null: Mapping[str, Distribution],
    yardsticks: Sequence[Mapping[str, float]],
    display: Display | None = None,
) -> list[dict[str, float]]:
    """All measures of items, `DIGITS` significant digits; what has no finite value is left out.

    - `representation_error`, `representation_error_centred`, `pearson`, `spearman`, `snr_db` (see `agreement`) at the
      layer; the same at each later stage, as in `pearson@layer4`.
    - `predicted_class`, `predicted_class_target` and `class_kept` (0 or 1) where the network names classes.
    - `null_percentile` of `representation_error`, by interpolation in the null's quantiles; `…_same_class` and
      `…_different_class` where the null has them.
    - `error_jpeg90`, `error_shift1`, `error_8bit`: the target's `yardsticks`; `error_over_…`: the error over each.
    - With a display: `representation_error_displayed`, `pearson_displayed@layer4`, `class_kept_displayed`, …, of both
      pictures as they are displayed, brought back to model size.
    - `pixel_l2` (root mean square, [0, 1]) and `ssim` of x_r and x_t; `…_start` of x_0 and x_t; `…_to_start` of x_r and
      x_0; `distance_ratio` ‖x_r − x_t‖/‖x_0 − x_t‖.

    Raises GeneratorError for a target that is represented by zeros, or as the mean of all targets.
    """
    views = {"": [to_tensor(pictures, probe.device) for pictures in _sides(triples)]}
    if display is not None:
        views["_displayed"] = [_displayed(display, pictures) for pictures in _sides(triples)]
    measures: list[dict[str, float]] = [{} for _ in triples]
    for suffix, (found, wanted) in views.items():
        seen, sought = probe.see(found), probe.see(wanted)
        if not suffix:
            _refuse_mute(probe, sought[probe.layer])
        _add_agreements(measures, probe, seen, sought, suffix)
        _add_classes(measures, probe.name(found), probe.name(wanted), suffix)
    for numbers, triple, yardstick in zip(measures, triples, yardsticks, strict=True):
        numbers.update(_against_others(numbers.get("representation_error"), null, yardstick))
        numbers.update(_pixel_measures(triple))
    return [{name: rounded(value) for name, value in numbers.items()} for numbers in measures]


def _sides(triples: Sequence[Triple]) -> tuple[list[Pixels], list[Pixels]]:
    return [triple.reconstruction for triple in triples], [triple.target for triple in triples]


def _refuse_mute(probe: Probe, targets: Tensor) -> None:
    """An image whose representation is no number has failed, and the gate says so; a target like that is no target."""
    mean = probe.statistics[probe.layer].mean
    for target in targets.double():
        scales = {"by zeros": target.norm(), "as the mean of all targets": (target - mean).norm()}
        for what, scale in scales.items():
            if not (math.isfinite(scale) and scale > 0):
                raise GeneratorError(
                    f"the error at {probe.layer} is no number: a target is represented {what}, or by what is no number; "
                    f"leave it out, or choose another layer"
                )


def _add_agreements(
    measures: list[dict[str, float]], probe: Probe, seen: dict[str, Tensor], sought: dict[str, Tensor], suffix: str
) -> None:
    for layer in (probe.layer, *probe.stages):
        place = suffix if layer == probe.layer else f"{suffix}@{layer}"
        mean = probe.statistics[layer].mean
        for numbers, a, b in zip(measures, seen[layer], sought[layer], strict=True):
            numbers.update({f"{name}{place}": value for name, value in agreement(a, b, mean).items()})


def _add_classes(
    measures: list[dict[str, float]], found: list[int] | None, wanted: list[int] | None, suffix: str
) -> None:
    if found is None or wanted is None:
        return
    for numbers, a, b in zip(measures, found, wanted, strict=True):
        numbers[f"predicted_class{suffix}"] = a
        numbers[f"predicted_class_target{suffix}"] = b
        numbers[f"class_kept{suffix}"] = float(a == b)


def _displayed(display: Display, pictures: Sequence[Pixels]) -> Tensor:
    seen: list[NDArray[np.float32]] = [display.seen(picture) for picture in pictures]
    return torch.from_numpy(np.stack(seen)).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def _against_others(
    error: float | None, null: Mapping[str, Distribution], yardstick: Mapping[str, float]
) -> dict[str, float]:
    if error is None:
        return dict(yardstick)
    percentiles = {
        f"null_percentile{suffix}": percentile_of(null[name], error)
        for suffix, name in (
            ("", "relative"),
            ("_same_class", "same_class/relative"),
            ("_different_class", "different_class/relative"),
        )
        if name in null
    }
    return {**percentiles, **yardstick, **ratios(error, yardstick)}


def _pixel_measures(triple: Triple) -> dict[str, float]:
    target, start, reconstruction = triple.target, triple.start, triple.reconstruction
    from_start = pixel_l2(start, target)
    return {
        "pixel_l2": pixel_l2(reconstruction, target),
        "pixel_l2_start": from_start,
        "pixel_l2_to_start": pixel_l2(reconstruction, start),
        "distance_ratio": pixel_l2(reconstruction, target) / from_start if from_start else 0.0,
        "ssim": ssim(reconstruction, target),
        "ssim_start": ssim(start, target),
        "ssim_to_start": ssim(reconstruction, start),
    }
