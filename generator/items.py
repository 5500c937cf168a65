"""From what a search has found to items: 8-bit files in the store, every measure taken on them, and the gate's verdict."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from generator import stimuli
from generator.inversion import Found
from generator.plan import Condition, Job, Plan
from generator.prepared import AT_ONCE, Prepared
from generator.proof import GATES, Triple, measure
from generator.stimuli import Pixels
from generator.store import Alternative, Item, Store


@dataclass(frozen=True)
class Made:
    """What belongs to one job: its start and what the search has found."""

    job: Job
    start_id: str
    start: Pixels
    found: Found


@dataclass(frozen=True)
class _End:
    """The image of one level. `error` is the optimizer's; `problems` say why it is not what was sought."""

    image: Tensor
    error: float
    step: int
    problems: tuple[str, ...]


def make_items(
    plan: Plan, store: Store, condition: Condition, prepared: Prepared, made: Sequence[Made], levels: Tensor
) -> list[list[Item]]:
    """The items of a unit, level by level; `levels` is (jobs, levels), the errors that were sought."""
    return [
        _make_level(plan, store, condition, prepared, made, levels[:, number].tolist(), number)
        for number in range(levels.shape[1])
    ]


def _make_level(
    plan: Plan,
    store: Store,
    condition: Condition,
    prepared: Prepared,
    made: Sequence[Made],
    sought: Sequence[float],
    number: int,
) -> list[Item]:
    ends = [_end(each.found, number, level) for each, level in zip(made, sought, strict=True)]
    pixels = stimuli.to_pixels(torch.stack([end.image for end in ends]))
    triples = [
        Triple(plan.targets.targets[each.job.target].pixels, each.start, found)
        for each, found in zip(made, pixels, strict=True)
    ]
    measured = _measured(plan, prepared, made, triples)
    limits = [condition.limit(number, level) for level in sought]
    return [
        _item(plan, store, prepared, each, end, triple, {**measures, **_told(each.found, end, limit)})
        for each, end, triple, measures, limit in zip(made, ends, triples, measured, limits, strict=True)
    ]


def _measured(
    plan: Plan, prepared: Prepared, made: Sequence[Made], triples: Sequence[Triple]
) -> list[dict[str, float]]:
    told = [prepared.yardsticks[each.job.target] for each in made]
    found: list[dict[str, float]] = []
    for first in range(0, len(triples), AT_ONCE):
        some = slice(first, first + AT_ONCE)
        found += measure(prepared.probe, triples[some], prepared.null, told[some], plan.recipe.display)
    return found


def _end(found: Found, number: int, sought: float) -> _End:
    """The snapshot of a level, or the last image."""
    problems = () if found.failure is None else (found.failure,)
    if number == len(found.snapshots):
        return _End(found.image, found.error, found.step, problems)
    snapshot = found.snapshots[number]
    if snapshot is None:
        return _End(found.image, found.error, found.step, (*problems, f"an error of {sought:.3g} was not reached"))
    return _End(snapshot.image, snapshot.error, snapshot.step, ())


def _told(found: Found, end: _End, limit: float) -> dict[str, float]:
    """What the search says of itself: `optimizer_error`, before rounding to 8 bits; `error_limit`, which the gate takes;
    `loss_weight_1` …, where weights were set by each image."""
    told = {"error_limit": limit, "optimizer_error": end.error}
    if len(found.weights) > 1:
        told.update({f"loss_weight_{i}": weight for i, weight in enumerate(found.weights)})
    return {name: stimuli.rounded(value) for name, value in told.items() if math.isfinite(value)}


def _item(
    plan: Plan,
    store: Store,
    prepared: Prepared,
    made: Made,
    end: _End,
    triple: Triple,
    measures: dict[str, float],
) -> Item:
    target = plan.targets.targets[made.job.target]
    reasons = (*end.problems, *GATES[plan.recipe.gate].judge(measures, measures["error_limit"], prepared.null))
    curve = [(step, loss) for step, loss in made.found.curve if step <= end.step or end.problems]
    return Item(
        target_id=target.target_id,
        target=stimuli.keep(store, triple.target),
        start=stimuli.keep(store, triple.start),
        reconstruction=stimuli.keep(store, triple.reconstruction),
        alternatives=_alternatives(plan, store, made.job),
        cluster=target.cluster,
        label=target.label,
        split=target.split,
        start_id=made.start_id,
        replicate=made.job.replicate,
        measures=measures,
        valid=not reasons,
        invalid_reasons=reasons,
        steps=end.step,
        loss_steps=tuple(step for step, loss in curve if math.isfinite(loss)),
        loss_curve=tuple(stimuli.rounded(loss) for _, loss in curve if math.isfinite(loss)),
        licence=target.licence,
        redistributable=target.redistributable,
    )


def _alternatives(plan: Plan, store: Store, job: Job) -> tuple[Alternative, ...]:
    targets = plan.targets.targets
    return tuple(
        Alternative(
            kind=foil.kind,
            metric=foil.metric,
            image=stimuli.keep(store, targets[foil.target].pixels),
            target_id=targets[foil.target].target_id,
        )
        for foil in plan.foils[job.target]
    )
