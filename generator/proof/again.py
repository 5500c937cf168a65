"""Every number of a stored set once more, from its files."""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from generator import stimuli
from generator.proof.display import Display
from generator.proof.gates import GATES
from generator.proof.measure import Triple, measure
from generator.proof.null import measure_null
from generator.proof.probe import Probe
from generator.proof.threshold import thresholds
from generator.proof.yardstick import yardsticks
from generator.stimuli import Pixels
from generator.store import Distribution, Item, StimulusSet, Store
from generator.targets import Target

AT_ONCE = 8
RELATIVE_TOLERANCE = 1e-3
ABSOLUTE_TOLERANCE = 1e-5
"""The same machine with the same number of threads gives the same six digits; another one sums in another order."""

NO_PICTURES = hashlib.sha256().hexdigest()
NEED_ALL_TARGETS = "centred"
"""Measures so named depend on the mean over all targets, which a set that lacks some does not give back."""


@dataclass(frozen=True)
class Difference:
    """A number of the manifest that the files do not give back; `valid` counts as 0 or 1. For the null distribution
    `target_id` is `null`."""

    target_id: str
    measure: str
    stored: float
    measured: float

    @property
    def is_within_rounding(self) -> bool:
        if math.isnan(self.stored) or math.isnan(self.measured):
            return False
        return abs(self.measured - self.stored) <= ABSOLUTE_TOLERANCE + RELATIVE_TOLERANCE * abs(self.stored)


def differences(
    store: Store, found: StimulusSet, make_probe: Callable[[Sequence[Pixels]], Probe], device: torch.device
) -> Iterator[Difference]:
    """Where a set's numbers are not what its files give. `make_probe` makes the network's probe for targets.

    Every measure that files and network determine, the limit and the gate's verdict, of every item; a measure that stands
    only in the manifest or only comes out now is NaN on the other side. The null distribution is measured again where it
    is of the targets themselves; pictures outside the set are no part of the store, and then the manifest's is believed.
    Measures that depend on all targets are passed over where a set lacks some. Raises StoreError for a file that is gone,
    alternatives' too, or GeneratorError.
    """
    again = _Again(store, found, make_probe, device)
    yield from (difference for difference in again.numbers() if not difference.is_within_rounding)


class _Again:
    """A set whose files lie ready."""

    def __init__(
        self, store: Store, found: StimulusSet, make_probe: Callable[[Sequence[Pixels]], Probe], device: torch.device
    ) -> None:
        self._found, self._null, self._device = found, found.null, device
        self._told: dict[str, Any] = dict(found.recipe)
        self._triples = [
            Triple(*(stimuli.decode(store.image(i.sha256)) for i in (item.target, item.start, item.reconstruction)))
            for item in found.items
        ]
        for item in found.items:
            for alternative in item.alternatives:
                store.image(alternative.image.sha256)
        distinct = {
            item.target_id: Target(item.target_id, triple.target, item.cluster, item.label)
            for item, triple in zip(found.items, self._triples, strict=True)
        }
        self._targets = list(distinct.values())
        self._probe = make_probe([target.pixels for target in self._targets])
        display = self._told.get("display")
        self._display = None if display is None else Display.model_validate(display)
        self._has_all_targets = not self._told.get("left_out")

    def numbers(self) -> Iterator[Difference]:
        """Every number, beside its like."""
        if self._told["others_sha256"] == NO_PICTURES and self._has_all_targets:
            yield from self._differences_of_null()
        lengths = dict(
            zip(
                (target.target_id for target in self._targets),
                yardsticks(self._probe, [target.pixels for target in self._targets]),
                strict=True,
            )
        )
        for first in range(0, len(self._triples), AT_ONCE):
            items = self._found.items[first : first + AT_ONCE]
            triples = self._triples[first : first + AT_ONCE]
            chosen = [lengths[item.target_id] for item in items]
            measured = measure(self._probe, triples, self._null, chosen, self._display)
            for item, numbers, limit in zip(items, measured, self._limits(items, chosen), strict=True):
                yield from self._differences_of_item(item, {**numbers, "error_limit": limit})

    def _differences_of_item(self, item: Item, measured: dict[str, float]) -> Iterator[Difference]:
        # What the search says of itself stands in no file.
        stored = {
            name: value
            for name, value in item.measures.items()
            if name != "optimizer_error" and not name.startswith("loss_weight")
        }
        for name in sorted({*stored, *measured}):
            if self._has_all_targets or NEED_ALL_TARGETS not in name:
                yield Difference(item.target_id, name, stored.get(name, math.nan), measured.get(name, math.nan))
        judged = GATES[self._told["gate"]].judge(item.measures, item.measures["error_limit"], self._null)
        failures = set(item.invalid_reasons) - set(judged)
        yield Difference(item.target_id, "valid", float(item.valid), float(not judged and not failures))

    def _limits(self, items: Sequence[Item], lengths: Sequence[dict[str, float]]) -> list[float]:
        """The largest error of a valid item."""
        stop = self._told["stop"]
        if stop["at"] is None:
            return [float(self._told["tau"])] * len(items)
        names = [item.target_id for item in items]
        levels = thresholds(stop["unit"], stop["at"], self._null, lengths, names)
        return [level * self._told["rounding"] for level in levels.tolist()]

    def _differences_of_null(self) -> Iterator[Difference]:
        layer, mean = self._probe.layer, self._probe.statistics[self._probe.layer].mean
        rng_seed = self._told["rng_seed"]
        again = measure_null(self._probe.represent, layer, self._targets, mean, rng_seed, self._device)
        stored, measured = _numbers_of(self._null), _numbers_of(again)
        for name in sorted({*stored, *measured}):
            yield Difference("null", name, stored.get(name, math.nan), measured.get(name, math.nan))


def _numbers_of(null: dict[str, Distribution]) -> dict[str, float]:
    numbers = {f"{name}: pairs": float(distribution.n) for name, distribution in null.items()}
    for name, distribution in null.items():
        numbers.update({f"{name}: percentile {q}": value for q, value in distribution.quantiles.items()})
    return numbers
