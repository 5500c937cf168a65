"""From an entry of a recipe to a member of a table with its settings."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from dataclasses import Field as Setting
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError

from generator.errors import BadField
from generator.inversion import Loss, Objective, Parameterization, Term, Transform
from generator.losses import LOSSES
from generator.losses.presets import PRESETS
from generator.parameterizations import PARAMETERIZATIONS
from generator.transforms import TRANSFORMS

Member = TypeVar("Member")
Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Chosen(Generic[Member]):
    """A member of a table with its settings. `settings` holds every field, those at their default too, so that a later
    default cannot change what an old recipe meant; files stand in it by their hash. `label` names only the settings that
    differ from their default, for people."""

    value: Member
    settings: dict[str, Any]
    label: str


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


def choose(place: Place, table: Mapping[str, type[Member]], entry: Mapping[str, Any]) -> Chosen[Member]:
    """The frozen value that an entry describes. Raises BadField, naming what would be accepted."""
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in table:
        raise BadField((*place, "kind"), f"kind {kind!r} is unknown; known are {', '.join(table)}")
    member = table[kind]
    settings = {key: value for key, value in entry.items() if key != "kind"}
    known = fields(member)  # type: ignore[arg-type]
    names = [setting.name for setting in known]
    for key in settings:
        if key not in names:
            raise BadField(
                (*place, key), f"{kind} has no setting {key!r}; known are {', '.join(names) or 'none'}"
            )
    adapter = TypeAdapter(member)
    try:
        value = adapter.validate_python(settings)
    except ValidationError as problem:
        raise BadField((*place, str(problem.errors()[0]["loc"][0])), f"{kind}: {problem.errors()[0]['msg']}") from None
    told = {"kind": kind, **adapter.dump_python(value, mode="json"), **_files(value)}
    return Chosen(value, told, _label(kind, known, value))


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
        if preset not in PRESETS:
            raise BadField((*place, "preset"), f"preset {preset!r} is unknown; known are {', '.join(PRESETS)}")
        entry = {"name": preset, **PRESETS[preset], **{key: value for key, value in entry.items() if key != "preset"}}
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
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not abs(weight) < float("inf"):
        raise BadField(place, f"weight {weight!r} of {entry.get('kind')} is no finite number")
    if not isinstance(auto, bool):
        raise BadField(place, f"auto {auto!r} of {entry.get('kind')} is neither true nor false")
    chosen = choose(place, LOSSES, {key: value for key, value in entry.items() if key not in {"weight", "auto"}})
    return Term(chosen.value, float(weight), auto), chosen


def _files(value: object) -> dict[str, Any]:
    """What was loaded from files is part of a recipe by its hash; where it lay is not."""
    provenance = getattr(value, "provenance", None)
    names = [name for name, held in vars(value).items() if isinstance(held, Path)]
    hashes = {"files": provenance()} if provenance is not None else {}
    return {**dict.fromkeys(names), **hashes}


def _label(kind: str, known: "tuple[Setting[Any], ...]", value: object) -> str:
    differing = [
        f"{setting.name}={_shown(getattr(value, setting.name))}"
        for setting in known
        if setting.default is MISSING or getattr(value, setting.name) != setting.default
    ]
    return f"{kind}({', '.join(differing)})" if differing else kind


def _shown(value: object) -> object:
    return value.name if isinstance(value, Path) else value


def first_fault(problem: ValidationError, model: type[BaseModel]) -> BadField:
    """The first fault of a validation as one line; of a misspelt field, the names there are."""
    first = problem.errors()[0]
    place = tuple(first["loc"])
    hint = ""
    if first["type"] == "extra_forbidden":
        hint = f"; known are {', '.join(_model_at(model, place[:-1]).model_fields)}"
    return BadField(place, f"{first['msg'].removeprefix('Value error, ')}{hint}")


def _model_at(model: type[BaseModel], place: Place) -> type[BaseModel]:
    """The model of the part of a recipe that stands there."""
    for part in place:
        if isinstance(part, str) and part in model.model_fields:
            model = _inside(model.model_fields[part].annotation) or model
    return model


def _inside(annotation: Any) -> type[BaseModel] | None:
    """The model in an annotation such as `tuple[ModelEntry, ...]` or `Stop | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _inside(part))), None)
