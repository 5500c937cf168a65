"""A place made ready: its network, and everything about it that units share."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from generator import assembly, stimuli
from generator.models import BuiltModel
from generator.plan import Place, Plan
from generator.proof import Probe, choose_pool, find_classifier, measure_null, observe, refuse_mute, yardsticks
from generator.representation import Layers, stages_after
from generator.stimuli import Pixels
from generator.store import Distribution, Store

AT_ONCE = 8
"""Images at once while nothing is searched: the representations of early layers are large."""


@dataclass(frozen=True)
class Prepared:
    """`yardsticks` are those of each target of the plan, in its order."""

    place: Place
    built: BuiltModel
    probe: Probe
    null: dict[str, Distribution]
    yardsticks: list[dict[str, float]]


def prepare(plan: Plan, store: Store, place: Place, built: BuiltModel, device: torch.device) -> Prepared:
    """Statistics of the targets, null distributions and yardsticks; the latter two are kept in the store and taken from
    there. Raises GeneratorError where an error at this place would be no number."""
    targets = plan.targets.targets
    pixels = [target.pixels for target in targets]
    stages = stages_after(built.module, built.network, place.layer, stimuli.to_tensor(pixels[:1], device))
    named = sorted({layer for loss in plan.recipe.chosen_losses() for layer in loss.objective.layers})
    names = list(dict.fromkeys([place.layer, *stages, *named]))
    norms, statistics = observe(Layers(built.module, built.network, names), pixels, device, AT_ONCE)
    refuse_mute(norms[place.layer], [target.target_id for target in targets], place.where)
    probe = Probe(
        represent=Layers(built.module, built.network, [place.layer, *stages]),
        layer=place.layer,
        stages=tuple(stages),
        statistics=statistics,
        classify=find_classifier(built.module, stimuli.to_tensor(pixels[:2], device)) if built.is_classifier else None,
        device=device,
    )
    null, told = assembly.kept_null(store, place), assembly.kept_yardsticks(store, place)
    if null is None or told is None:
        null, told = _measure(plan, store, place, probe, pixels)
    return Prepared(place, built, probe, null, told)


def _measure(
    plan: Plan, store: Store, place: Place, probe: Probe, pixels: Sequence[Pixels]
) -> tuple[dict[str, Distribution], list[dict[str, float]]]:
    _, pool = choose_pool(plan.targets)
    mean = probe.statistics[place.layer].mean
    null = measure_null(probe.represent, place.layer, pool, mean, plan.recipe.rng_seed, probe.device)
    told = yardsticks(probe, pixels)
    assembly.keep_yardsticks(store, place, told)
    assembly.keep_null(store, place, null)
    return null, told
