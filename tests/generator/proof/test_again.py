"""Every number of a set comes back from its files, and one that was changed does not."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from app.store import Alternative, Item, NotInStore, StimulusSet, Store
from generator import stimuli
from generator.proof import (
    GATES,
    Display,
    Probe,
    Triple,
    differences,
    measure,
    measure_null,
    thresholds,
    yardsticks,
)
from tests.factories import source
from tests.generator.proof.worlds import CPU, as_targets, pictures, probe

NO_PICTURES = hashlib.sha256(b"").hexdigest()


def make_probe(pixels: Sequence[np.ndarray]) -> Probe:
    return probe(list(pixels))


def make_set(store: Store, **told: Any) -> StimulusSet:
    """Five targets, each with a noisy image of itself; two start twice."""
    recipe: dict[str, Any] = {
        "gate": "paper", "tau": None, "rounding": 1.05, "stop": {"unit": "files", "at": 0.2}, "rng_seed": 3,
        "display": {"size": 64, "kernel": "lanczos"}, "others_sha256": NO_PICTURES, **told,
    }  # fmt: skip
    targets = as_targets(pictures(5, 7), ["a", "a", "b", "b", "b"])
    asked = make_probe([target.pixels for target in targets])
    null = measure_null(asked.represent, "pixels", targets, asked.statistics["pixels"].mean, 3, CPU)
    rng = np.random.default_rng(0)
    items = []
    for i, target in enumerate([*targets, *targets[:2]]):
        noisy = (target.pixels + rng.normal(0, 2 + 4 * i, target.pixels.shape)).clip(0, 255).astype(np.uint8)
        triple = Triple(target.pixels, pictures(1, 50 + i)[0], noisy)
        lengths = yardsticks(asked, [target.pixels])
        (measures,) = measure(asked, [triple], null, lengths, Display(size=64, kernel="lanczos"))
        stop = recipe["stop"]
        limit = float(recipe["tau"] or 1.05 * thresholds(stop["unit"], stop["at"], null, lengths, ["t"])[0])
        measures = {**measures, "error_limit": stimuli.rounded(limit), "optimizer_error": 0.001, "loss_weight_1": 2.0}
        reasons = GATES[recipe["gate"]].judge(measures, measures["error_limit"], null)
        kept = [stimuli.keep(store, pixels) for pixels in (triple.target, triple.start, triple.reconstruction)]
        items.append(
            Item(
                target_id=target.target_id, target=kept[0], start=kept[1], reconstruction=kept[2], cluster=target.cluster,
                label=target.label, split="heldout", start_id=str(i), measures=measures, valid=not reasons,
                invalid_reasons=reasons, steps=1,
            )
        )  # fmt: skip
    return StimulusSet(name="x", source=source("m", layer="pixels"), recipe=recipe, null=null, items=tuple(items))


def changed(found: StimulusSet, i: int, **changes: Any) -> StimulusSet:
    items = list(found.items)
    items[i] = items[i].model_copy(update=changes)
    return found.model_copy(update={"items": tuple(items)})


def told(store: Store, found: StimulusSet) -> list[tuple[str, str]]:
    return [(difference.target_id, difference.measure) for difference in differences(store, found, make_probe, CPU)]


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize(
    "stop", [{"unit": "files", "at": 0.2}, {"unit": "null", "at": 1}, {"unit": "relative", "at": None}]
)
def test_every_number_comes_back(store: Store, gate: str, stop: dict[str, Any]) -> None:
    found = make_set(store, gate=gate, stop=stop, tau=0.2 if stop["at"] is None else None)
    assert told(store, found) == []


def test_both_verdicts_occur(store: Store) -> None:
    assert {item.valid for item in make_set(store).items} == {True, False}


@pytest.mark.parametrize(
    "name", ["pearson", "snr_db@colour", "spearman_displayed", "error_over_shift1", "class_kept", "ssim", "error_limit"]
)
def test_a_changed_number_is_found(store: Store, name: str) -> None:
    found = make_set(store)
    lied = changed(found, 1, measures={**found.items[1].measures, name: 0.123})
    assert (found.items[1].target_id, name) in told(store, lied)


def test_a_measure_too_many_or_too_few_is_found(store: Store) -> None:
    found = make_set(store)
    measures = dict(found.items[0].measures)
    del measures["pearson"]
    assert told(store, changed(found, 0, measures=measures)) == [("0", "pearson")]
    assert told(store, changed(found, 0, measures={**found.items[0].measures, "charm": 1.0})) == [("0", "charm")]


def test_a_changed_verdict_is_found_and_a_failure_of_the_search_is_no_lie(store: Store) -> None:
    found = make_set(store)
    valid = next(i for i, item in enumerate(found.items) if item.valid)
    failed = next(i for i, item in enumerate(found.items) if not item.valid)
    assert told(store, changed(found, valid, valid=False)) == [(found.items[valid].target_id, "valid")]
    assert told(store, changed(found, failed, valid=True, invalid_reasons=())) == [
        (found.items[failed].target_id, "valid")
    ]
    assert told(store, changed(found, valid, valid=False, invalid_reasons=("the loss has no slope",))) == []


def test_another_null_is_found_where_the_pool_is_the_set(store: Store) -> None:
    found = make_set(store)
    spread = found.null["pearson"]
    other = {**found.null, "pearson": spread.model_copy(update={"quantiles": {**spread.quantiles, "50": 0.9}})}
    lied = found.model_copy(update={"null": other})
    assert told(store, lied) == [("null", "pearson: percentile 50")]
    elsewhere = lied.model_copy(update={"recipe": {**found.recipe, "others_sha256": "1" * 64}})
    assert told(store, elsewhere) == []


def test_a_set_that_lacks_targets_is_measured_but_for_what_needs_them(store: Store) -> None:
    found = make_set(store)
    part = found.model_copy(update={"items": found.items[:3], "recipe": {**found.recipe, "left_out": ["unit-00001"]}})
    assert told(store, part) == []
    complete = part.model_copy(update={"recipe": found.recipe})
    assert {name.split("@")[0].split("_displayed")[0] for where, name in told(store, complete) if where != "null"} == {
        "representation_error_centred"
    }


def test_an_alternative_whose_file_is_gone_is_named(store: Store) -> None:
    found = make_set(store)
    gone = found.items[0].target.model_copy(update={"sha256": "9" * 64})
    alternative = Alternative(kind="same_class", image=gone, target_id="1")
    with pytest.raises(NotInStore):
        told(store, changed(found, 0, alternatives=(alternative,)))
