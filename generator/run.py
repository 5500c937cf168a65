"""Recipe → models, targets → inversion → stimuli → store. A killed run goes on from its finished batches."""

import hashlib
import math
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from generator import models, stimuli
from generator.errors import GeneratorError
from generator.inversion import Inverted, Loss, NotFinite, Optimizer, invert
from generator.metrics import SMALLEST_SIDE
from generator.models import BuiltModel
from generator.recipe import Chosen, ModelEntry, Recipe
from generator.representation import Layer
from generator.starts import STARTS
from generator.stimuli import Null, Pixels, Triple
from generator.store import Item, Run, Source, StimulusSet, Store, canonical, sha256
from generator.targets import Target, Targets

FORMAT = 2  # changes whenever the code would give other pixels or measures for the same recipe
_BAR = "{desc} {percentage:3.0f}% |{bar}| {elapsed} gone, {remaining} left{postfix}"
_LIBRARIES = ("torch", "torchvision", "numpy", "pillow", "scikit-image")


def choose_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one. Raises GeneratorError for CUDA where there is none."""
    if name not in {"auto", "cpu", "cuda"}:
        raise GeneratorError(f"device {name!r} is unknown; known are auto, cpu, cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise GeneratorError("device cuda was asked for, but torch finds no CUDA device; use --device cpu or auto")
    chosen = "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"
    return torch.device(chosen)


def be_exact() -> None:
    """The same arithmetic at every run: deterministic kernels where there are any, and no TensorFloat-32, whose ten bits
    would show in the errors that are stored."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.allow_tf32 = False


@dataclass(frozen=True)
class Made:
    """One finished stimulus set. `condition` tells sets of one name apart."""

    set_id: str
    name: str
    condition: str
    n_items: int
    n_valid: int


@dataclass(frozen=True)
class _Place:
    """A layer of a network, where images are matched. `told` is all that decides representations there, by content."""

    entry: ModelEntry
    built: BuiltModel
    represent: Layer
    mean: Tensor
    told: dict[str, Any]


@dataclass(frozen=True)
class _Condition:
    """One (model, layer, loss, start, optimizer): what becomes one stimulus set.

    `told` is its part of the recipe and everything else that decides the pixels. Other models or layers of the recipe are
    no part of it, so that adding one leaves the sets that are there as they are.
    """

    place: _Place
    loss: Chosen[Loss]
    start: str
    optimizer: Chosen[Optimizer]
    told: dict[str, Any]

    @property
    def label(self) -> str:
        return f"{self.place.represent.name} · {self.loss.label} · {self.start} · {self.optimizer.label}"


def run(recipe: Recipe, store: Store, device: torch.device) -> Iterator[Made]:
    """Make every set of the recipe that is not in the store yet; gives each of them as soon as it is there.

    What cannot be used is found before any image is made. Raises GeneratorError or StoreError; what was finished before
    stays and is used by the next run.
    """
    be_exact()
    targets = _load_targets(recipe)
    places = list(_places(recipe, targets, device))
    for condition in _conditions(recipe, places):
        yield _Making(recipe, store, targets, device, condition).finish()


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


def build_model(entry: ModelEntry, rng_seed: int, device: torch.device) -> BuiltModel:
    """The network of an entry, on the device. Random weights, where none are named, are drawn from the recipe's seed."""
    torch.manual_seed(rng_seed)
    built = models.build(entry.family, entry.architecture, entry.weights, entry.checkpoint, entry.n_classes)
    built.module.to(device).to(memory_format=torch.channels_last)
    return built


def _places(recipe: Recipe, targets: Targets, device: torch.device) -> Iterator[_Place]:
    shared = {
        "format": FORMAT,
        "device": device.type if device.type == "cpu" else torch.cuda.get_device_name(device),
        "versions": {name: version(name) for name in _LIBRARIES},
        "rng_seed": recipe.rng_seed,
        "targets": {key: value for key, value in recipe.chosen_targets().settings.items() if key != "path"},
        "targets_sha256": _digest(targets.targets),
        "others_sha256": _digest(targets.others),
    }
    for entry in recipe.models:
        built = build_model(entry, recipe.rng_seed, device)
        model = entry.model_dump(mode="json", exclude={"checkpoint", "layers"})
        model["weights_sha256"] = built.weights_sha256
        for name in dict.fromkeys(entry.layers):
            represent = Layer(built.module, built.network, name)
            mean = _mean(entry, represent, targets.targets, device)
            yield _Place(entry, built, represent, mean, {**shared, "model": model, "layer": name})


def _mean(entry: ModelEntry, represent: Layer, targets: Sequence[Target], device: torch.device) -> Tensor:
    """The targets' mean representation. Raises GeneratorError where a relative error would be no number."""
    norms, mean = stimuli.norms_and_mean(represent, [target.pixels for target in targets], device)
    for target, norm in zip(targets, norms, strict=True):
        if not math.isfinite(norm):
            raise GeneratorError(
                f"the representation of target {target.target_id} is not a number ({_where(entry, represent)}); "
                f"check the weights"
            )
        if norm == 0:
            raise GeneratorError(
                f"target {target.target_id} is represented by zeros ({_where(entry, represent)}), so that no error can be "
                f"relative to it; leave it out, or choose another layer"
            )
    return mean


def _where(entry: ModelEntry, represent: Layer) -> str:
    return f"model {entry.name}, layer {represent.name}"


def _hash(told: dict[str, Any]) -> str:
    return sha256(canonical(told))


def _conditions(recipe: Recipe, places: Sequence[_Place]) -> Iterator[_Condition]:
    for place in places:
        for loss in recipe.chosen_losses():
            for start in dict.fromkeys(recipe.starts):
                for optimizer in recipe.chosen_optimizers():
                    told = {
                        **place.told,
                        **recipe.model_dump(mode="json", include={"name", "tau", "batch_size", "one_start_for_all"}),
                        "loss": loss.settings,
                        "start": start,
                        "optimizer": optimizer.settings,
                    }
                    yield _Condition(place, loss, start, optimizer, told)


def _digest(targets: Sequence[Target]) -> str:
    digest = hashlib.sha256()
    for target in targets:
        digest.update(f"{target.target_id} {target.pixels.shape}\n".encode())
        digest.update(target.pixels.tobytes())
    return digest.hexdigest()


def draw_start(recipe: Recipe, start: str, target: Target) -> tuple[str, Pixels]:
    """(start_id, 8-bit pixels) for a target: a function of the recipe's seed, the start's name and the target's id."""
    key = "all" if recipe.one_start_for_all else target.target_id
    seed = int.from_bytes(hashlib.sha256(f"{recipe.rng_seed}|{start}|{key}".encode()).digest()[:8], "big")
    values = STARTS[start].draw(target.pixels.shape[0], target.pixels.shape[1], np.random.default_rng(seed))
    return f"{start}/{key}", (values.clip(0, 1) * 255).round().astype(np.uint8)


class _Making:
    """The making of one set."""

    def __init__(
        self, recipe: Recipe, store: Store, targets: Targets, device: torch.device, condition: _Condition
    ) -> None:
        self._recipe, self._store, self._targets, self._device = recipe, store, targets, device
        self._condition, self._place = condition, condition.place
        self._work = _hash(condition.told)
        self._worked = False

    def finish(self) -> Made:
        began, clock = datetime.now(UTC), time.perf_counter()
        entry = self._place.entry
        self._null = self._null_distribution()
        items = [item for batch in self._batches() for item in batch]
        finished = StimulusSet(
            name=f"{self._recipe.name}/{entry.name}",
            source=self._source(),
            recipe=self._condition.told,
            null={"relative": self._null.relative, "centred": self._null.centred},
            items=tuple(items),
        )
        if self._worked or not stimuli.has_set(self._store, finished):
            told = self._condition.told
            self._store.add_set(
                finished,
                Run(
                    started_at=began.isoformat(),
                    finished_at=datetime.now(UTC).isoformat(),
                    device=f"{told['device']}, {platform.machine()}",
                    versions={**told["versions"], "python": platform.python_version()},
                    seconds=round(time.perf_counter() - clock, 3),
                    files={} if entry.checkpoint is None else {"checkpoint": str(entry.checkpoint.resolve())},
                ),
            )
        n_valid = sum(item.valid for item in items)
        return Made(finished.id, finished.name, self._condition.label, len(items), n_valid)

    def _source(self) -> Source:
        condition, entry = self._condition, self._place.entry
        return Source(
            family=entry.family,
            model=entry.name,
            weights_sha256=self._place.built.weights_sha256,
            training=entry.training,
            training_run=entry.training_run,
            layer=self._place.represent.name,
            loss=condition.loss.label,
            start=condition.start,
            optimizer=condition.optimizer.label,
            target_set=self._targets.name,
        )

    def _null_distribution(self) -> Null:
        place = _hash(self._place.told)
        kept = stimuli.kept_null(self._store, place, "null")
        if kept is not None:
            return kept
        pool = self._targets.others or self._targets.targets
        rng = np.random.default_rng([self._recipe.rng_seed, 1])
        null = Null.measure(self._place.represent, pool, self._place.mean, rng, self._device)
        stimuli.keep_null(self._store, place, "null", null)
        return null

    def _batches(self) -> Iterator[Sequence[Any]]:
        targets, size = self._targets.targets, self._recipe.batch_size
        label = f"{self._place.entry.name} · {self._condition.label}"
        with tqdm(total=len(targets), desc=label, bar_format=_BAR) as bar:
            for first in range(0, len(targets), size):
                batch = targets[first : first + size]
                unit = f"batch-{first // size:05}"
                items = stimuli.kept_items(self._store, self._work, unit)
                if items is None:
                    items = self._invert(batch, bar)
                    stimuli.keep_items(self._store, self._work, unit, items)
                    self._worked = True
                bar.update(first + len(batch) - bar.n)
                yield items

    def _invert(self, batch: Sequence[Target], bar: "tqdm[Any]") -> tuple[Any, ...]:
        starts = [draw_start(self._recipe, self._condition.start, target) for target in batch]
        optimizer, done = self._condition.optimizer.value, bar.n

        def report(iteration: int, error: float) -> None:
            bar.set_postfix(step=iteration, error=f"{error:.3f}", refresh=False)
            bar.update(done + len(batch) * iteration / (optimizer.steps + 1) - bar.n)

        try:
            inverted = invert(
                self._place.represent,
                self._condition.loss.value,
                optimizer,
                stimuli.to_tensor([target.pixels for target in batch], self._device),
                stimuli.to_tensor([pixels for _, pixels in starts], self._device),
                report,
            )
        except NotFinite as problem:
            raise GeneratorError(
                f"the loss of target {batch[problem.index].target_id} is not a number at iteration {problem.iteration} "
                f"({_where(self._place.entry, self._place.represent)}); check the weights, or use a smaller step"
            ) from None
        except torch.OutOfMemoryError:
            raise GeneratorError(
                f"{self._device} has too little memory for {len(batch)} images at once; use a smaller batch_size"
            ) from None
        return self._items(batch, starts, inverted)

    def _items(
        self, batch: Sequence[Target], starts: Sequence[tuple[str, Pixels]], inverted: Inverted
    ) -> tuple[Any, ...]:
        found = stimuli.to_pixels(inverted.images)
        triples = [
            Triple(target.pixels, start, pixels)
            for target, (_, start), pixels in zip(batch, starts, found, strict=True)
        ]
        measured = stimuli.measure(self._place.represent, triples, self._place.mean, self._null, self._device)
        items = []
        for i, (target, triple) in enumerate(zip(batch, triples, strict=True)):
            measures = {**measured[i], "optimizer_error": stimuli.rounded(float(inverted.errors[i]))}
            reasons = stimuli.gate(measures, self._recipe.tau, self._null)
            items.append(
                Item(
                    target_id=target.target_id,
                    target=stimuli.keep(self._store, triple.target),
                    start=stimuli.keep(self._store, triple.start),
                    reconstruction=stimuli.keep(self._store, triple.reconstruction),
                    cluster=target.cluster,
                    label=target.label,
                    split=target.split,
                    start_id=starts[i][0],
                    measures=measures,
                    valid=not reasons,
                    invalid_reasons=reasons,
                    steps=int(inverted.steps[i]),
                    loss_curve=tuple(stimuli.rounded(value) for value in inverted.curves[i]),
                    licence=target.licence,
                    redistributable=target.redistributable,
                )
            )
        return tuple(items)
