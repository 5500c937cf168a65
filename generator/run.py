"""Recipe → models, targets → inversion → stimuli → store. A killed run goes on from its finished batches."""

import hashlib
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from generator import models, stimuli
from generator.errors import GeneratorError
from generator.inversion import Inverted, Loss, NotFinite, Optimizer, Representation, invert
from generator.models import BuiltModel
from generator.recipe import ModelEntry, Recipe
from generator.representation import Layer
from generator.starts import STARTS
from generator.stimuli import Null, Pixels, Store, Triple
from generator.targets import Target, Targets

FORMAT = 1  # changes whenever the code would give other pixels for the same recipe
_LIBRARIES = ("torch", "torchvision", "numpy", "pillow", "scikit-image")


def choose_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one. Raises GeneratorError for CUDA where there is none."""
    if name not in {"auto", "cpu", "cuda"}:
        raise GeneratorError(f"device {name!r} is unknown; known are auto, cpu, cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise GeneratorError("device cuda was asked for, but torch finds no CUDA device; use --device cpu or auto")
    chosen = "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"
    return torch.device(chosen)


@dataclass(frozen=True)
class Made:
    """One finished stimulus set."""

    set_id: str
    name: str
    n_items: int
    n_valid: int


@dataclass(frozen=True)
class _Condition:
    """One (model, layer, loss, start, optimizer): what becomes one stimulus set."""

    entry: ModelEntry
    built: BuiltModel
    layer: str
    loss_name: str
    loss: Loss
    start: str
    optimizer_name: str
    optimizer: Optimizer

    @property
    def key(self) -> str:
        """A name for files, the same whenever the recipe is."""
        told = "|".join((self.entry.name, self.layer, self.loss_name, self.start, self.optimizer_name))
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def run(recipe: Recipe, store: Store, device: torch.device) -> list[Made]:
    """Make every set of the recipe that is not in the store yet; returns all of them.

    Raises GeneratorError or StoreError; what was finished before stays and is used by the next run.
    """
    torch.use_deterministic_algorithms(True, warn_only=True)
    targets = recipe.target_set().load(recipe.rng_seed)
    built = {entry.name: _build(recipe, entry, device) for entry in recipe.models}
    layers = {
        (e.name, name): Layer(built[e.name].module, built[e.name].network, name)
        for e in recipe.models
        for name in e.layers
    }
    for (name, _), layer in layers.items():  # what cannot be used is found before any work is done
        if not torch.isfinite(stimuli.represent_pixels(layer, [targets.targets[0].pixels], device)).all():
            raise GeneratorError(
                f"model {name}, layer {layer.name}: the representation of target {targets.targets[0].target_id} is not a "
                f"number; check the weights"
            )
    provenance = _provenance(recipe, targets, built, device)
    made = []
    for condition in _conditions(recipe, built):
        represent = layers[condition.entry.name, condition.layer]
        made.append(_Making(recipe, provenance, store, targets, device, condition, represent).finish())
    return made


def _build(recipe: Recipe, entry: ModelEntry, device: torch.device) -> BuiltModel:
    torch.manual_seed(recipe.rng_seed)  # random weights, where none are given, come from the recipe too
    built = models.build(entry.family, entry.architecture, entry.weights, entry.checkpoint, entry.n_classes)
    built.module.to(device).to(memory_format=torch.channels_last)
    return built


def _conditions(recipe: Recipe, built: dict[str, BuiltModel]) -> Iterator[_Condition]:
    for entry in recipe.models:
        for layer in entry.layers:
            for loss_name, loss in recipe.chosen_losses().items():
                for start in recipe.starts:
                    for optimizer_name, optimizer in recipe.chosen_optimizers().items():
                        yield _Condition(
                            entry, built[entry.name], layer, loss_name, loss, start, optimizer_name, optimizer
                        )


def _provenance(recipe: Recipe, targets: Targets, built: dict[str, BuiltModel], device: torch.device) -> dict[str, Any]:
    """All that decides the pixels: inputs by content, never by path."""
    told = recipe.model_dump(mode="json", exclude={"targets": {"path"}, "models": {"__all__": {"checkpoint"}}})
    for entry in told["models"]:
        entry["weights_sha256"] = built[entry["name"]].weights_sha256
    return {
        **told,
        "format": FORMAT,
        "device": device.type if device.type == "cpu" else torch.cuda.get_device_name(device),
        "versions": {name: version(name) for name in _LIBRARIES},
        "targets_sha256": _digest(targets.targets),
        "others_sha256": _digest(targets.others),
    }


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
        self,
        recipe: Recipe,
        provenance: dict[str, Any],
        store: Store,
        targets: Targets,
        device: torch.device,
        condition: _Condition,
        represent: Representation,
    ) -> None:
        self._recipe, self._provenance, self._store, self._targets = recipe, provenance, store, targets
        self._device, self._condition, self._represent = device, condition, represent
        self._work = stimuli.sha256(stimuli.canonical(provenance))
        self._worked = False

    def finish(self) -> Made:
        began, clock = datetime.now(UTC), time.perf_counter()
        entry = self._condition.entry
        pixels = [target.pixels for target in self._targets.targets]
        self._mean = stimuli.mean_representation(self._represent, pixels, self._device)
        self._null = self._null_distribution()
        items = [item for batch in self._batches() for item in batch]
        finished = stimuli.StimulusSet(
            name=f"{self._recipe.name}/{entry.name}",
            source=self._source(),
            recipe=self._provenance,
            null={"relative": self._null.relative, "centred": self._null.centred},
            items=tuple(items),
        )
        if self._worked or not stimuli.has_set(self._store, finished):
            self._store.add_set(
                finished,
                stimuli.Run(
                    started_at=began.isoformat(),
                    finished_at=datetime.now(UTC).isoformat(),
                    device=f"{self._provenance['device']}, {platform.machine()}",
                    versions={**self._provenance["versions"], "python": platform.python_version()},
                    seconds=round(time.perf_counter() - clock, 3),
                    files={} if entry.checkpoint is None else {"checkpoint": str(entry.checkpoint.resolve())},
                ),
            )
        return Made(finished.id, finished.name, len(items), sum(item.valid for item in items))

    def _source(self) -> stimuli.Source:
        condition, entry = self._condition, self._condition.entry
        return stimuli.Source(
            family=entry.family,
            model=entry.name,
            weights_sha256=condition.built.weights_sha256,
            training=entry.training,
            training_run=entry.training_run,
            layer=condition.layer,
            loss=condition.loss_name,
            start=condition.start,
            optimizer=condition.optimizer_name,
            target_set=self._targets.name,
        )

    def _null_distribution(self) -> Null:
        unit = hashlib.sha256(f"{self._condition.entry.name}|{self._condition.layer}".encode()).hexdigest()[:16]
        kept = stimuli.kept_null(self._store, self._work, f"{unit}.null")
        if kept is not None:
            return kept
        pool = self._targets.others or self._targets.targets
        if len({target.cluster for target in pool}) < 2:
            raise GeneratorError(f"target set {self._targets.name} has pictures of one cluster only; two at least")
        rng = np.random.default_rng([self._recipe.rng_seed, 1])
        null = Null.measure(self._represent, pool, self._mean, rng, self._device)
        stimuli.keep_null(self._store, self._work, f"{unit}.null", null)
        return null

    def _batches(self) -> Iterator[Sequence[Any]]:
        targets, size = self._targets.targets, self._recipe.batch_size
        label = f"{self._condition.entry.name} · {self._condition.layer} · {self._condition.start}"
        with tqdm(total=len(targets), desc=label, unit="image") as bar:
            for first in range(0, len(targets), size):
                batch = targets[first : first + size]
                unit = f"{self._condition.key}-{first // size:05}"
                items = stimuli.kept_items(self._store, self._work, unit)
                if items is None:
                    items = self._invert(batch, bar)
                    stimuli.keep_items(self._store, self._work, unit, items)
                    self._worked = True
                bar.update(len(batch))
                yield items

    def _invert(self, batch: Sequence[Target], bar: "tqdm[Any]") -> tuple[Any, ...]:
        starts = [draw_start(self._recipe, self._condition.start, target) for target in batch]

        def report(iteration: int, error: float) -> None:
            bar.set_postfix(step=iteration, error=f"{error:.3f}", refresh=iteration % 20 == 0)

        try:
            inverted = invert(
                self._represent,
                self._condition.loss,
                self._condition.optimizer,
                stimuli.to_tensor([target.pixels for target in batch], self._device),
                stimuli.to_tensor([pixels for _, pixels in starts], self._device),
                report,
            )
        except NotFinite as problem:
            entry = self._condition.entry
            raise GeneratorError(
                f"the loss of target {batch[problem.index].target_id} is not a number at iteration {problem.iteration} "
                f"(model {entry.name}, layer {self._condition.layer}); check the weights, or use a smaller step"
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
        measured = stimuli.measure(self._represent, triples, self._mean, self._null, self._device)
        items = []
        for i, (target, triple) in enumerate(zip(batch, triples, strict=True)):
            measures = {**measured[i], "optimizer_error": stimuli.rounded(float(inverted.errors[i]))}
            reasons = stimuli.gate(measures, self._recipe.tau, self._null)
            items.append(
                stimuli.Item(
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
