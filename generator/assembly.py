"""From finished units to stimulus sets. Needs no network: any worker that finds all units there can do it."""

from collections.abc import Iterator
from typing import Any

from generator.plan import Condition, Place, Plan, Unit
from generator.store import Distribution, Item, NotInStore, Source, StimulusSet, Store

NULL, YARDSTICKS = "null", "yardsticks"

MOST_ATTEMPTS = 2
"""A unit that has failed so often is left out, not tried for ever."""


def keep_null(store: Store, place: Place, null: dict[str, Distribution]) -> None:
    store.add_unit(place.work, NULL, {name: distribution.model_dump() for name, distribution in null.items()})


def kept_null(store: Store, place: Place) -> dict[str, Distribution] | None:
    value = store.unit(place.work, NULL)
    return None if value is None else {name: Distribution.model_validate(each) for name, each in value.items()}


def keep_yardsticks(store: Store, place: Place, yardsticks: list[dict[str, float]]) -> None:
    store.add_unit(place.work, YARDSTICKS, yardsticks)


def kept_yardsticks(store: Store, place: Place) -> list[dict[str, float]] | None:
    """Of each target, in the order of the plan's targets."""
    value: list[dict[str, float]] | None = store.unit(place.work, YARDSTICKS)
    return value


def keep_unit(store: Store, condition: Condition, unit: Unit, levels: list[list[Item]]) -> None:
    """The items of a unit, level by level."""
    store.add_unit(condition.work, unit.name, [[item.model_dump(mode="json") for item in items] for items in levels])


def kept_unit(store: Store, condition: Condition, unit: Unit) -> list[list[Item]] | None:
    value = store.unit(condition.work, unit.name)
    return None if value is None else [[Item.model_validate(item) for item in items] for items in value]


def has_unit(store: Store, condition: Condition, unit: Unit, images: set[str]) -> bool:
    """Whether a unit and its pictures are there; one whose pictures were lost is to be made again."""
    levels = kept_unit(store, condition, unit)
    return levels is not None and all(image in images for items in levels for item in items for image in _images(item))


def _images(item: Item) -> Iterator[str]:
    yield from (item.target.sha256, item.start.sha256, item.reconstruction.sha256)
    yield from (alternative.image.sha256 for alternative in item.alternatives)


def has_set(store: Store, stimuli: StimulusSet) -> bool:
    try:
        store.get_set(stimuli.id)
    except NotInStore:
        return False
    return True


def assemble(plan: Plan, store: Store, number: int) -> list[StimulusSet] | None:
    """The sets of a condition, one a level; None while a unit is missing that was not given up.

    A unit that was given up is left out and named in the sets' recipes: without its items a set is another set.
    """
    condition = plan.conditions[number]
    units = [Unit(number, i) for i in range(plan.units_per_condition)]
    kept = [kept_unit(store, condition, unit) for unit in units]
    left_out = [unit.name for unit, levels in zip(units, kept, strict=True) if levels is None]
    if any(len(store.failures(condition.work, name)) < MOST_ATTEMPTS for name in left_out):
        return None
    there = [levels for levels in kept if levels is not None]
    null = kept_null(store, condition.place)
    if null is None or not there:
        return None
    return [
        StimulusSet(
            name=f"{plan.recipe.name}/{condition.place.entry.name}",
            source=_source(plan, condition, level),
            recipe={**condition.told_at(level), **({"left_out": list[Any](left_out)} if left_out else {})},
            null=null,
            items=tuple(item for levels in there for item in levels[level]),
        )
        for level in range(len(there[0]))
    ]


def _source(plan: Plan, condition: Condition, level: int) -> Source:
    entry, switches = condition.place.entry, condition.search.switches
    return Source(
        family=entry.family,
        model=entry.name,
        weights_sha256=condition.place.weights_sha256,
        training=entry.training,
        training_run=entry.training_run,
        layer=condition.place.layer,
        loss=condition.loss.label,
        start=condition.start.label,
        optimizer=condition.search.label,
        stop=condition.search.stop.at_level(level).label,
        clamp=switches.clamp,
        relu=switches.relu,
        parameterization=condition.loss.parameterization.label,
        transforms=condition.loss.transforms_label,
        target_set=plan.targets.name,
    )
