"""From an entry of `losses` to what is minimized: terms with weights, transforms and a parameterization."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.choosing import Chosen, Place, choose
from generator.errors import BadField
from generator.inversion import Loss, Objective, Parameterization, Term, Transform
from generator.losses import LOSSES
from generator.losses.presets import PRESETS
from generator.parameterizations import PARAMETERIZATIONS
from generator.transforms import TRANSFORMS


@dataclass(frozen=True)
class ChosenLoss:
    """An objective, and the transforms and parameterization under which it is minimized."""

    objective: Objective
    transforms: tuple[Chosen[Transform], ...]
    parameterization: Chosen[Parameterization]
    settings: dict[str, Any]
    label: str

    @property
    def transforms_label(self) -> str:
        return " → ".join(transform.label for transform in self.transforms) or "none"


def choose_loss(place: Place, entry: Mapping[str, Any]) -> ChosenLoss:
    """An entry of `losses`: one kind with its settings, a sum of terms, or a preset (which may be changed in part).

    Raises BadField.
    """
    entry = _as_sum(place, entry)
    terms = [_term((*place, "terms"), term) for term in _tables(place, "terms", entry["terms"])]
    if not terms:
        raise BadField((*place, "terms"), 'there is no term; one at least, as in terms = [{ kind = "relative_l2" }]')
    transforms = tuple(
        choose((*place, "transforms"), TRANSFORMS, each)
        for each in _tables(place, "transforms", entry.get("transforms", []))
    )
    (pixel_or_other,) = _tables(place, "parameterization", [entry.get("parameterization", {"kind": "pixel"})])
    parameterization = choose((*place, "parameterization"), PARAMETERIZATIONS, pixel_or_other)
    settings = {
        "terms": [{**chosen.settings, "weight": term.weight, "auto": term.auto} for term, chosen in terms],
        "transforms": [transform.settings for transform in transforms],
        "parameterization": parameterization.settings,
    }
    label = str(entry.get("name") or _sum_label(terms))
    return ChosenLoss(Objective(tuple(term for term, _ in terms)), transforms, parameterization, settings, label)


_OF_A_SUM = ("name", "terms", "transforms", "parameterization")


def _as_sum(place: Place, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Every way of writing a loss down as {name?, terms, transforms?, parameterization?}."""
    if "preset" in entry:
        preset = entry["preset"]
        if not isinstance(preset, str) or preset not in PRESETS:
            raise BadField((*place, "preset"), f"preset {preset!r} is unknown; known are {', '.join(PRESETS)}")
        changes = {key: value for key, value in entry.items() if key != "preset"}
        # A preset with other terms is no longer that preset, and is not called so.
        entry = {**({} if "terms" in changes else {"name": preset}), **PRESETS[preset], **changes}
    elif "terms" not in entry:
        term = {key: value for key, value in entry.items() if key not in _OF_A_SUM}
        entry = {"terms": [term], **{key: entry[key] for key in _OF_A_SUM if key in entry}}
    for key in entry:
        if key not in _OF_A_SUM:
            raise BadField((*place, key), f"beside terms there is no setting {key!r}; known are {', '.join(_OF_A_SUM)}")
    return entry


def _sum_label(terms: "Sequence[tuple[Term, Chosen[Loss]]]") -> str:
    return " + ".join(
        chosen.label if term.weight == 1 and not term.auto else f"{term.weight:g}{'×auto' * term.auto}·{chosen.label}"
        for term, chosen in terms
    )


def _tables(place: Place, key: str, value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, dict) for each in value):
        raise BadField((*place, key), f'{value!r} is no list of tables like {{ kind = "…" }}')
    return list(value)


def _term(place: Place, entry: Mapping[str, Any]) -> tuple[Term, Chosen[Loss]]:
    weight, auto = entry.get("weight", 1.0), entry.get("auto", False)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not abs(weight) < 1e300:
        raise BadField(place, f"weight {weight!r} of {entry.get('kind')} is no finite number")
    if not isinstance(auto, bool):
        raise BadField(place, f"auto {auto!r} of {entry.get('kind')} is neither true nor false")
    if auto and entry.get("toward") == "start":
        raise BadField(place, "auto divides by the term's value at the start, which is 0 for a distance to the start")
    chosen = choose(place, LOSSES, {key: value for key, value in entry.items() if key not in {"weight", "auto"}})
    return Term(chosen.value, float(weight), auto), chosen
