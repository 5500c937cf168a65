"""Measure a stored set again, from its files and the network, and say where a number does not come back."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from generator import stimuli
from generator.errors import GeneratorError
from generator.models import BuiltModel
from generator.plan import FORMAT, build_model
from generator.proof import (
    GATES,
    Display,
    Probe,
    Triple,
    find_classifier,
    measure,
    measure_null,
    observe,
    thresholds,
    yardsticks,
)
from generator.recipe import ModelEntry
from generator.representation import Layers, stages_after
from generator.store import Distribution, Item, StimulusSet, Store
from generator.targets import Target
from generator.work import be_exact

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


def check(store: Store, name: str, device: torch.device, checkpoint: Path | None) -> Iterator[Difference]:
    """Every measure that files and network determine, and the gate's verdict, of every item; a measure that stands only
    in the manifest or only comes out now is NaN on the other side.

    The null distribution is measured again where it is of the targets themselves; pictures outside the set are no part of
    the store, and then the manifest's null is believed. Measures that depend on all targets are left out where a set lacks
    some. Raises GeneratorError, or StoreError for a file that is gone, alternatives' too.
    """
    be_exact()
    identity, found = store.find_set(name)
    told = _told(found)
    built = _rebuild(store, identity, found, device, checkpoint)
    checking = _Checking(store, found, told, built, device)
    yield from (difference for difference in checking.differences() if not difference.is_within_rounding)


class _Checking:
    """A set whose files lie ready."""

    def __init__(
        self, store: Store, found: StimulusSet, told: dict[str, Any], built: BuiltModel, device: torch.device
    ) -> None:
        self._found, self._told, self._null, self._device = found, told, found.null, device
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
        self._probe = _probe(built, found.source.layer, self._targets, device)
        display = told.get("display")
        self._display = None if display is None else Display.model_validate(display)
        self._has_all_targets = not told.get("left_out")

    def differences(self) -> Iterator[Difference]:
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


def _probe(built: BuiltModel, layer: str, targets: Sequence[Target], device: torch.device) -> Probe:
    pixels = [target.pixels for target in targets]
    some = stimuli.to_tensor(pixels[:2], device)
    stages = tuple(stages_after(built.module, built.network, layer, some[:1]))
    represent = Layers(built.module, built.network, [layer, *stages])
    classify = find_classifier(built.module, some) if built.is_classifier else None
    return Probe(represent, layer, stages, observe(represent, pixels, device, AT_ONCE)[1], classify, device)


def _told(found: StimulusSet) -> dict[str, Any]:
    told: dict[str, Any] = dict(found.recipe)
    if told.get("format") != FORMAT:
        raise GeneratorError(
            f"set {found.name} was made by another program or version (format {told.get('format')}); "
            f"this one measures format {FORMAT}"
        )
    return told


def _rebuild(
    store: Store, identity: str, found: StimulusSet, device: torch.device, checkpoint: Path | None
) -> BuiltModel:
    told = _told(found)
    model = dict(told["model"])
    wanted = model.pop("weights_sha256")
    if checkpoint is None:
        files = [run.files["checkpoint"] for run in store.runs(identity) if "checkpoint" in run.files]
        checkpoint = Path(files[-1]) if files else None
    entry = ModelEntry.model_validate({**model, "checkpoint": checkpoint, "layers": [told["layer"]]})
    built = build_model(entry, told["rng_seed"], device)
    if built.weights_sha256 != wanted:
        raise GeneratorError(
            f"set {found.name} was made with weights {str(wanted)[:12]}…, but {checkpoint or entry.weights} has "
            f"{str(built.weights_sha256)[:12]}…; give the right file with --checkpoint"
        )
    return built
