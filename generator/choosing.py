"""From an entry of a recipe to a member of a table with its settings."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from dataclasses import Field as Setting
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError

from generator.errors import BadField

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
            raise BadField((*place, key), f"{kind} has no setting {key!r}; known are {', '.join(names) or 'none'}")
    adapter = TypeAdapter(member)
    try:
        value = adapter.validate_python(settings)
    except ValidationError as problem:
        first = problem.errors()[0]
        raise BadField((*place, *first["loc"][:1]), f"{kind}: {first['msg'].removeprefix('Value error, ')}") from None
    told = {"kind": kind, **adapter.dump_python(value, mode="json"), **_files(value)}
    return Chosen(value, told, _label(kind, known, value))


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
    if first["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        hint = f"; known are {', '.join(_fields_at(model, place[:-1]))}"
    return BadField(place, f"{first['msg'].removeprefix('Value error, ')}{hint}")


def _fields_at(model: type, place: Place) -> list[str]:
    """The fields of the part of a recipe that stands there."""
    for part in place:
        found = [field for field in _annotations(model).items() if field[0] == part]
        model = (_inside(found[0][1]) if found else None) or model
    return list(_annotations(model))


def _annotations(model: type) -> dict[str, Any]:
    if issubclass(model, BaseModel):
        return {name: field.annotation for name, field in model.model_fields.items()}
    return {setting.name: setting.type for setting in fields(model)}  # type: ignore[arg-type]


def _inside(annotation: Any) -> type | None:
    """The model in an annotation such as `tuple[ModelEntry, ...]` or `Stop | None`."""
    if isinstance(annotation, type) and (issubclass(annotation, BaseModel) or is_dataclass(annotation)):
        return annotation
    return next((found for part in get_args(annotation) if (found := _inside(part))), None)
