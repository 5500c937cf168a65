"""A recipe: everything that decides the pixels, in one frozen value.

Written as TOML; examples/ has a commented one. `[targets]`, `[[losses]]` and `[[optimizers]]` name a `kind` from their
table, the rest of the entry are that kind's own fields. Paths are relative to the recipe file.
"""

import tomllib
from dataclasses import MISSING, dataclass, fields
from dataclasses import Field as Setting
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from generator.errors import GeneratorError
from generator.inversion import Loss, Optimizer
from generator.losses import LOSSES
from generator.optimizers import OPTIMIZERS
from generator.starts import STARTS
from generator.targets import TARGET_SETS, TargetSet

Member = TypeVar("Member")
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]


@dataclass(frozen=True)
class Chosen(Generic[Member]):
    """A member of a table with its settings. `settings` holds every field, those at their default too, so that a later
    default cannot change what an old recipe meant; `label` names only those that differ, for people."""

    value: Member
    settings: dict[str, Any]
    label: str


class ModelEntry(BaseModel):
    """One network under study, and the layers at which images are matched."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Name
    family: str = "torchvision"
    architecture: str
    weights: str | None = None
    checkpoint: Path | None = None
    n_classes: Annotated[int, Field(ge=1)] | None = None
    training: str = "unknown"
    training_run: str = "1"
    layers: Annotated[tuple[str, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_source_of_weights(self) -> "ModelEntry":
        if self.weights is not None and self.checkpoint is not None:
            raise ValueError(f"model {self.name} names both weights and a checkpoint; give one of them")
        return self


class Recipe(BaseModel):
    """The generator's full input."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Name
    rng_seed: int = 0
    tau: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        description="Largest representation error of a valid item."
    )
    batch_size: Annotated[int, Field(ge=1)] = 32
    one_start_for_all: bool = Field(default=False, description="The paper's preset: one x_0 for all targets.")
    targets: dict[str, Any]
    models: Annotated[tuple[ModelEntry, ...], Field(min_length=1)]
    losses: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)] = ({"kind": "relative_l2"},)
    starts: Annotated[tuple[Literal[*STARTS], ...], Field(min_length=1)] = ("grey-noise",)  # type: ignore[valid-type]
    optimizers: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]

    @field_validator("models")
    @classmethod
    def _names_differ(cls, models: tuple[ModelEntry, ...]) -> tuple[ModelEntry, ...]:
        names = [model.name for model in models]
        if len(set(names)) < len(names):
            raise ValueError(f"two have the same name among {', '.join(names)}")
        return models

    def chosen_targets(self) -> Chosen[TargetSet]:
        return _choose("targets", TARGET_SETS, self.targets)

    def chosen_losses(self) -> list[Chosen[Loss]]:
        return [_choose("losses", LOSSES, entry) for entry in self.losses]

    def chosen_optimizers(self) -> list[Chosen[Optimizer]]:
        return [_choose("optimizers", OPTIMIZERS, entry) for entry in self.optimizers]


def read_recipe(path: Path, checkpoints: Path | None = None) -> Recipe:
    """The recipe in a TOML file; `checkpoints` is the folder where relative checkpoint paths start.

    Raises GeneratorError with one line that names the field and what it accepts.
    """
    data = read_toml(path)
    try:
        recipe = Recipe.model_validate(_beside(data, path.parent, checkpoints or path.parent))
    except ValidationError as problem:
        raise GeneratorError(f"recipe {path}: {_first(problem, Recipe)}") from None
    try:
        recipe.chosen_targets(), recipe.chosen_losses()
        for optimizer in recipe.chosen_optimizers():
            if optimizer.value.stop_at is not None and optimizer.value.stop_at > recipe.tau:
                raise GeneratorError(
                    f"optimizers: {optimizer.label}: stop_at is above tau {recipe.tau:g}, so no item would be valid"
                )
    except GeneratorError as problem:
        raise GeneratorError(f"recipe {path}: {problem}") from None
    return recipe


def read_toml(path: Path) -> dict[str, Any]:
    """Raises GeneratorError for a file that cannot be read or is no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise GeneratorError(f"recipe {path} cannot be read: {problem.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise GeneratorError(f"recipe {path} is not a TOML file: {problem}") from None


def find_model(path: Path, name: str) -> ModelEntry:
    """The model of that name in a recipe. Raises GeneratorError with the names there are."""
    entries = {entry.name: entry for entry in read_recipe(path).models}
    if name not in entries:
        raise GeneratorError(f"recipe {path} has no model {name!r}; known are {', '.join(entries)}")
    return entries[name]


def _beside(data: dict[str, Any], folder: Path, checkpoints: Path) -> dict[str, Any]:
    """Relative paths start at the recipe's own folder; those of checkpoints perhaps elsewhere."""
    targets = data.get("targets")
    if isinstance(targets, dict) and isinstance(targets.get("path"), str):
        data = {**data, "targets": {**targets, "path": str(folder / targets["path"])}}
    models = data.get("models")
    if isinstance(models, list):
        moved = [
            {**m, "checkpoint": str(checkpoints / m["checkpoint"])}
            if isinstance(m, dict) and isinstance(m.get("checkpoint"), str)
            else m
            for m in models
        ]
        data = {**data, "models": moved}
    return data


def _choose(where: str, table: dict[str, type[Member]], entry: dict[str, Any]) -> Chosen[Member]:
    """The frozen value that an entry describes."""
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in table:
        raise GeneratorError(f"{where}: kind {kind!r} is unknown; known are {', '.join(table)}")
    member = table[kind]
    settings = {key: value for key, value in entry.items() if key != "kind"}
    known = fields(member)  # type: ignore[arg-type]
    names = [field.name for field in known]
    for key in settings:
        if key not in names:
            raise GeneratorError(f"{where}: {kind} has no setting {key!r}; known are {', '.join(names) or 'none'}")
    adapter = TypeAdapter(member)
    try:
        value = adapter.validate_python(settings)
    except ValidationError as problem:
        raise GeneratorError(f"{where}: {kind}: {_first(problem, None)}") from None
    return Chosen(value, {"kind": kind, **adapter.dump_python(value, mode="json")}, _label(kind, known, value))


def _label(kind: str, known: "tuple[Setting[Any], ...]", value: object) -> str:
    differing = [
        f"{field.name}={getattr(value, field.name)}"
        for field in known
        if field.default is MISSING or getattr(value, field.name) != field.default
    ]
    return f"{kind}({', '.join(differing)})" if differing else kind


def _first(problem: ValidationError, model: type[BaseModel] | None) -> str:
    first = problem.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    hint = ""
    if first["type"] == "extra_forbidden" and model is not None:
        entry = ModelEntry if first["loc"][0] == "models" else model
        hint = f"; known are {', '.join(entry.model_fields)}"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}{hint}"
