"""Measure a stored set again, from its files and the network, and say where a number does not come back."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from generator import models, stimuli
from generator.errors import GeneratorError
from generator.models import BuiltModel
from generator.recipe import ModelEntry
from generator.representation import Layer
from generator.stimuli import Null, StimulusSet, Store, Triple

RELATIVE_TOLERANCE = 1e-3
ABSOLUTE_TOLERANCE = 1e-5
"""The same machine gives the same six digits; another processor sums in another order."""


@dataclass(frozen=True)
class Difference:
    """A number of the manifest that the files do not give back."""

    target_id: str
    measure: str
    stored: float
    measured: float


def check(store: Store, name: str, device: torch.device, checkpoint: Path | None) -> Iterator[Difference]:
    """Every measure that files and network determine, of every item. Raises GeneratorError or StoreError.

    The null distribution is taken from the manifest: its pictures are not part of the set.
    """
    identity, found = store.find_set(name)
    built, layer = _rebuild(store, identity, found, device, checkpoint)
    represent = Layer(built.module, built.network, layer)
    null = Null(found.null["relative"], found.null["centred"])
    triples = [
        Triple(*(stimuli.decode(store.image(image.sha256)) for image in (item.target, item.start, item.reconstruction)))
        for item in found.items
    ]
    mean = stimuli.mean_representation(represent, [triple.target for triple in triples], device)
    size = found.recipe["batch_size"]
    assert isinstance(size, int)
    for first in range(0, len(triples), size):
        measured = stimuli.measure(represent, triples[first : first + size], mean, null, device)
        for item, measures in zip(found.items[first : first + size], measured, strict=True):
            for measure, value in measures.items():
                stored = item.measures[measure]
                if abs(value - stored) > ABSOLUTE_TOLERANCE + RELATIVE_TOLERANCE * abs(stored):
                    yield Difference(item.target_id, measure, stored, value)


def _rebuild(
    store: Store, identity: str, found: StimulusSet, device: torch.device, checkpoint: Path | None
) -> tuple[BuiltModel, str]:
    recipe: dict[str, Any] = dict(found.recipe)
    told = dict(next(model for model in recipe["models"] if model["name"] == found.source.model))
    wanted = told.pop("weights_sha256")
    entry = ModelEntry.model_validate(told)
    if checkpoint is None:
        files = [run.files["checkpoint"] for run in store.runs(identity) if "checkpoint" in run.files]
        checkpoint = Path(files[-1]) if files else None
    torch.manual_seed(recipe["rng_seed"])
    built = models.build(entry.family, entry.architecture, entry.weights, checkpoint, entry.n_classes)
    if built.weights_sha256 != wanted:
        raise GeneratorError(
            f"set {found.name} was made with weights {str(wanted)[:12]}…, but {checkpoint or entry.weights} has "
            f"{str(built.weights_sha256)[:12]}…; give the right file with --checkpoint"
        )
    built.module.to(device).to(memory_format=torch.channels_last)
    return built, found.source.layer
