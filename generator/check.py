"""Measure a stored set again, from its files and the network, and say where a number does not come back."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from generator import stimuli
from generator.errors import GeneratorError
from generator.models import BuiltModel
from generator.plan import FORMAT, build_model, preprocessing
from generator.prepared import AT_ONCE
from generator.proof import Difference, Probe, differences, find_classifier, observe
from generator.recipe import ModelEntry
from generator.representation import Layers, stages_after
from generator.stimuli import Pixels
from generator.store import StimulusSet, Store
from generator.work import be_exact


def check(store: Store, name: str, device: torch.device, checkpoint: Path | None) -> Iterator[Difference]:
    """Every number that files and network determine and that the set does not tell (see `generator.proof.differences`).

    `checkpoint` is the weights' file where it has moved. Raises GeneratorError, or StoreError for a file that is gone.
    """
    be_exact()
    identity, found = store.find_set(name)
    built = _rebuild(store, identity, found, device, checkpoint)

    def make_probe(targets: Sequence[Pixels]) -> Probe:
        return _probe(built, found.source.layer, targets, device)

    yield from differences(store, found, make_probe, device)


def _probe(built: BuiltModel, layer: str, pixels: Sequence[Pixels], device: torch.device) -> Probe:
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
    wanted, before = model.pop("weights_sha256"), model.pop("preprocessing")
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
    if preprocessing(built) != before:
        raise GeneratorError(
            f"set {found.name} was made with another normalization or input size than this checkpoint has"
        )
    return built
