"""From a recipe to work: which sets it makes, in which units, under which names.

A *place* is a (model, layer), a *condition* a (place, loss, start, search). A condition's items are cut into *units*, each
with a name that only the recipe decides, so that any number of workers can share them and none is done twice.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from generator import models
from generator.alternatives import Foil, choose
from generator.errors import GeneratorError
from generator.metrics import SMALLEST_SIDE
from generator.models import BuiltModel
from generator.objectives import ChosenLoss
from generator.recipe import ROUNDING, ChosenSearch, ModelEntry, Recipe
from generator.representation import Layers
from generator.starts import ChosenStart
from generator.store import canonical, sha256
from generator.targets import Target, Targets

FORMAT = 3  # changes whenever the code would give other pixels or measures for the same recipe
_LIBRARIES = ("torch", "torchvision", "numpy", "pillow", "scikit-image")


@dataclass(frozen=True)
class Place:
    """A layer of a network, where images are matched. `told` is all that decides representations there, by content."""

    entry: ModelEntry
    weights_sha256: str | None
    layer: str
    told: dict[str, Any]

    @cached_property
    def work(self) -> str:
        return sha256(canonical(self.told))

    @property
    def where(self) -> str:
        return f"model {self.entry.name}, layer {self.layer}"


@dataclass(frozen=True)
class Condition:
    """What becomes one stimulus set, and one more for each snapshot.

    `told` is its part of the recipe and everything else that decides the pixels. Other models or layers of the recipe are
    no part of it, so that adding one leaves the sets that are there as they are.
    """

    place: Place
    loss: ChosenLoss
    start: ChosenStart
    search: ChosenSearch
    told: dict[str, Any]

    @cached_property
    def work(self) -> str:
        return sha256(canonical(self.told))

    def told_at(self, level: int) -> dict[str, Any]:
        """The recipe of one level's set."""
        stop = self.search.stop.at_level(level)
        return {**self.told, "stop": stop.model_dump(mode="json"), "rounding": self.rounding}

    @property
    def rounding(self) -> float:
        """A valid item's error may be so many times the level at which its image was found."""
        tau, stop = self.told["tau"], self.search.stop
        return tau / stop.at if tau is not None and stop.at is not None and stop.unit == "relative" else ROUNDING

    def limit(self, level: int, sought: float) -> float:
        """The largest error of a valid item, for an image that was sought at error `sought` of that level."""
        stop = self.search.stop
        if stop.rule == "best" and level == len(stop.snapshots):
            return float(self.told["tau"])
        return sought * self.rounding

    def label(self, level: int) -> str:
        told = (self.loss.label, self.start.label, self.search.label, self.search.stop.at_level(level).label)
        return " · ".join((self.place.layer, *told))


@dataclass(frozen=True)
class Job:
    """One item to make: a target by its number, and which of its starts."""

    target: int
    replicate: int


@dataclass(frozen=True)
class Unit:
    """A unit of work by its numbers in the plan."""

    condition: int
    number: int

    @property
    def name(self) -> str:
        return f"unit-{self.number:05}"


Task = int | Unit
"""A place to prepare, by its number in the plan, or a unit to make."""


@dataclass(frozen=True)
class Plan:
    """All that a recipe asks for. It travels to every worker."""

    recipe: Recipe
    targets: Targets
    foils: tuple[tuple[Foil, ...], ...]
    places: tuple[Place, ...]
    conditions: tuple[Condition, ...]

    def units(self) -> Iterator[Unit]:
        for condition in range(len(self.conditions)):
            for number in range(self.units_per_condition):
                yield Unit(condition, number)

    @property
    def n_units(self) -> int:
        return len(self.conditions) * self.units_per_condition

    @property
    def units_per_condition(self) -> int:
        return math.ceil(len(self.jobs) / self.recipe.images_per_unit)

    @cached_property
    def jobs(self) -> tuple[Job, ...]:
        """Every target with its first start, then every target with its second …"""
        numbers = range(len(self.targets.targets))
        return tuple(Job(target, replicate) for replicate in range(self.recipe.replicates) for target in numbers)

    def jobs_of(self, unit: Unit) -> tuple[Job, ...]:
        size = self.recipe.images_per_unit
        return self.jobs[unit.number * size : (unit.number + 1) * size]


def make_plan(recipe: Recipe, device: torch.device) -> Plan:
    """Read the targets, build each network once for its hash and its layers' names. Raises GeneratorError for whatever
    cannot be used."""
    targets = _load_targets(recipe)
    shared = _shared(recipe, targets, device)
    places = tuple(_places(recipe, shared))
    foils = choose(targets.targets, recipe.alternatives, recipe.rng_seed)
    return Plan(recipe, targets, tuple(foils), places, tuple(_conditions(recipe, places)))


def device_name(device: torch.device) -> str:
    """What decides arithmetic, as far as a recipe tells it: `cpu`, or the GPU's name."""
    return device.type if device.type == "cpu" else str(torch.cuda.get_device_name(device))


def build_model(entry: ModelEntry, rng_seed: int, device: torch.device) -> BuiltModel:
    """The network of an entry, on the device. Random weights, where none are named, are drawn from the recipe's seed."""
    torch.manual_seed(rng_seed)
    built = models.build(
        entry.family,
        entry.architecture,
        entry.weights,
        entry.checkpoint,
        entry.n_classes,
        normalization=entry.normalization,
        input_size=entry.input_size,
    )
    built.module.to(device).to(memory_format=torch.channels_last)
    return built


def _load_targets(recipe: Recipe) -> Targets:
    targets = recipe.chosen_targets().value.load(recipe.rng_seed)
    if len(targets.targets) < 2:
        raise GeneratorError(f"target set {targets.name} has {len(targets.targets)} pictures; two at least")
    height, width, _ = targets.targets[0].pixels.shape
    if min(height, width) < SMALLEST_SIDE:
        raise GeneratorError(
            f"target set {targets.name}: pictures are {width}×{height}; {SMALLEST_SIDE} pixels a side at least"
        )
    return targets


def _families(recipe: Recipe) -> list[str]:
    """Libraries, besides the usual ones, that build networks of the recipe."""
    return sorted(
        {f"{entry.family}_torch" if entry.family == "open_clip" else entry.family for entry in recipe.models}
        & {"timm", "open_clip_torch"}
    )


def _shared(recipe: Recipe, targets: Targets, device: torch.device) -> dict[str, Any]:
    """What decides the pixels of every set."""
    return {
        "format": FORMAT,
        "device": device_name(device),
        "versions": {name: version(name) for name in (*_LIBRARIES, *_families(recipe))},
        "rng_seed": recipe.rng_seed,
        "targets": {
            key: value for key, value in recipe.chosen_targets().settings.items() if key not in {"path", "download"}
        },
        "preprocessing": targets.preprocessing,
        "targets_sha256": _digest(targets.targets),
        "others_sha256": _digest(targets.others),
    }


def _places(recipe: Recipe, shared: dict[str, Any]) -> Iterator[Place]:
    extra = [layer for loss in recipe.chosen_losses() for layer in loss.objective.layers]
    for entry in recipe.models:
        built = build_model(entry, recipe.rng_seed, torch.device("cpu"))
        Layers(built.module, built.network, list(dict.fromkeys([*entry.layers, *extra])))  # names that are unknown
        model = entry.model_dump(mode="json", exclude={"checkpoint", "layers"})
        model["weights_sha256"] = built.weights_sha256
        model["preprocessing"] = preprocessing(built)
        for layer in dict.fromkeys(entry.layers):
            yield Place(entry, built.weights_sha256, layer, {**shared, "model": model, "layer": layer})


def preprocessing(built: BuiltModel) -> dict[str, Any]:
    """What stands before the network: a checkpoint may bring a normalizer that the hash of its weights does not know."""
    buffers = dict(built.module.named_buffers(recurse=False))
    return {"input_size": built.input_size, **{name: buffers[name].flatten().tolist() for name in sorted(buffers)}}


def _conditions(recipe: Recipe, places: Sequence[Place]) -> Iterator[Condition]:
    common = recipe.model_dump(
        mode="json",
        include={
            *("name", "tau", "gate", "batch_size", "unit_size", "precision"),
            *("one_start_for_all", "replicates", "display", "alternatives"),
        },
    )
    for place in places:
        for loss in recipe.chosen_losses():
            for start in recipe.chosen_starts():
                for search in recipe.chosen_searches():
                    told = {
                        **place.told,
                        **common,
                        **search.switches.model_dump(mode="json"),
                        "loss": loss.settings,
                        "start": start.settings,
                        "optimizer": search.settings,
                    }
                    yield Condition(place, loss, start, search, told)


def _digest(targets: Sequence[Target]) -> str:
    digest = hashlib.sha256()
    for target in targets:
        told = {**asdict(target), "pixels": list(target.pixels.shape)}
        digest.update(canonical(told))
        digest.update(np.ascontiguousarray(target.pixels).tobytes())
    return digest.hexdigest()
