"""A recipe: everything that decides the pixels, in one frozen value.

Written as TOML; examples/ has a commented one. `[targets]`, `[[losses]]` and `[[optimizers]]` name a `kind` from their
table, the rest of the entry are that kind's own fields. Paths are relative to the recipe file.
"""

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from generator.errors import GeneratorError
from generator.inversion import Loss, Optimizer
from generator.losses import LOSSES
from generator.optimizers import OPTIMIZERS
from generator.starts import STARTS
from generator.targets import TARGET_SETS, TargetSet

Member = TypeVar("Member")
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]


class ModelEntry(BaseModel):
    """One network under study, and the layers at which images are matched."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Name
    family: str = "torchvision"
    architecture: str
    weights: str | None = None
    checkpoint: Path | None = None
    n_classes: int | None = None
    training: str = "unknown"
    training_run: str = "1"
    layers: Annotated[tuple[str, ...], Field(min_length=1)]


class Recipe(BaseModel):
    """The generator's full input."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)
    name: Name
    rng_seed: int = 0
    tau: Annotated[float, Field(gt=0)] = Field(description="Largest representation error of a valid item.")
    batch_size: Annotated[int, Field(ge=1)] = 32
    one_start_for_all: bool = Field(default=False, description="The paper's preset: one x_0 for all targets.")
    targets: dict[str, Any]
    models: Annotated[tuple[ModelEntry, ...], Field(min_length=1)]
    losses: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)] = ({"kind": "relative_l2"},)
    starts: Annotated[tuple[Literal[*STARTS], ...], Field(min_length=1)] = ("grey-noise",)  # type: ignore[valid-type]
    optimizers: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]

    def target_set(self) -> TargetSet:
        return _member("targets", TARGET_SETS, self.targets)

    def chosen_losses(self) -> dict[str, Loss]:
        """By the label under which results are grouped: kind and the fields that are not at their default."""
        return {_label(entry): _member("losses", LOSSES, entry) for entry in self.losses}

    def chosen_optimizers(self) -> dict[str, Optimizer]:
        return {_label(entry): _member("optimizers", OPTIMIZERS, entry) for entry in self.optimizers}


def read_recipe(path: Path, checkpoints: Path | None = None) -> Recipe:
    """The recipe in a TOML file; `checkpoints` is the folder where relative checkpoint paths start. Raises GeneratorError with one line that names the field and what it accepts."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise GeneratorError(f"recipe {path} cannot be read: {problem.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise GeneratorError(f"recipe {path} is not a TOML file: {problem}") from None
    try:
        recipe = Recipe.model_validate(_beside(data, path.parent, checkpoints or path.parent))
    except ValidationError as problem:
        raise GeneratorError(f"recipe {path}: {_first(problem, Recipe)}") from None
    names = [model.name for model in recipe.models]
    if len(set(names)) < len(names):
        raise GeneratorError(f"recipe {path}: models: two have the same name among {', '.join(names)}")
    try:
        recipe.target_set(), recipe.chosen_losses(), recipe.chosen_optimizers()
    except GeneratorError as problem:
        raise GeneratorError(f"recipe {path}: {problem}") from None
    return recipe


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


def _member(where: str, table: dict[str, type[Member]], entry: dict[str, Any]) -> Member:
    """The frozen value that an entry describes."""
    kind = entry.get("kind")
    if kind not in table:
        raise GeneratorError(f"{where}: kind {kind!r} is unknown; known are {', '.join(table)}")
    member = table[kind]
    settings = {key: value for key, value in entry.items() if key != "kind"}
    known = [field.name for field in fields(member)]  # type: ignore[arg-type]
    for key in settings:
        if key not in known:
            raise GeneratorError(f"{where}: {kind} has no setting {key!r}; known are {', '.join(known) or 'none'}")
    try:
        return TypeAdapter(member).validate_python(settings)
    except ValidationError as problem:
        raise GeneratorError(f"{where}: {kind}: {_first(problem, None)}") from None


def _label(entry: dict[str, Any]) -> str:
    settings = ", ".join(f"{key}={value}" for key, value in sorted(entry.items()) if key != "kind")
    return f"{entry['kind']}({settings})" if settings else str(entry["kind"])


def _first(problem: ValidationError, model: type[BaseModel] | None) -> str:
    first = problem.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    hint = ""
    if first["type"] == "extra_forbidden" and model is not None:
        entry = ModelEntry if first["loc"][0] == "models" else model
        hint = f"; known are {', '.join(entry.model_fields)}"
    return f"{where}: {first['msg']}{hint}"
