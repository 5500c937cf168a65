"""Measure a stored set again, from its files and the network, and say where a number does not come back."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from generator import stimuli
from generator.errors import GeneratorError
from generator.models import BuiltModel
from generator.recipe import ModelEntry
from generator.representation import Layer
from generator.run import FORMAT, be_exact, build_model
from generator.stimuli import Null, Triple
from generator.store import StimulusSet, Store

RELATIVE_TOLERANCE = 1e-3
ABSOLUTE_TOLERANCE = 1e-5
"""The same machine with the same number of threads gives the same six digits; another one sums in another order."""


@dataclass(frozen=True)
class Difference:
    """A number of the manifest that the files do not give back; `valid` counts as 0 or 1."""

    target_id: str
    measure: str
    stored: float
    measured: float


def check(store: Store, name: str, device: torch.device, checkpoint: Path | None) -> Iterator[Difference]:
    """Every measure that files and network determine, and the gate's verdict, of every item.

    The null distribution is taken from the manifest: its pictures are not part of the set. Raises GeneratorError or
    StoreError.
    """
    be_exact()
    identity, found = store.find_set(name)
    told = _told(found)
    built = _rebuild(store, identity, found, device, checkpoint)
    represent = Layer(built.module, built.network, found.source.layer)
    null = Null(found.null["relative"], found.null["centred"])
    triples = [
        Triple(*(stimuli.decode(store.image(image.sha256)) for image in (item.target, item.start, item.reconstruction)))
        for item in found.items
    ]
    _, mean = stimuli.norms_and_mean(represent, [triple.target for triple in triples], device)
    size = told["batch_size"]
    for first in range(0, len(triples), size):
        measured = stimuli.measure(represent, triples[first : first + size], mean, null, device)
        for item, measures in zip(found.items[first : first + size], measured, strict=True):
            for measure, value in measures.items():
                stored = item.measures.get(measure, math.nan)
                if not abs(value - stored) <= ABSOLUTE_TOLERANCE + RELATIVE_TOLERANCE * abs(stored):
                    yield Difference(item.target_id, measure, stored, value)
            if item.valid != (valid := not stimuli.gate(item.measures, told["tau"], null)):
                yield Difference(item.target_id, "valid", float(item.valid), float(valid))


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
