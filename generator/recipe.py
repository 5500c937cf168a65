"""A recipe: everything that decides the pixels, in one frozen value.

Written as TOML; examples/ has commented ones. `[targets]`, `[[losses]]`, `[[optimizers]]`, transforms and parameterizations
name a `kind` from their table, the rest of an entry are that kind's own fields. Paths are relative to the recipe file.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from generator.alternatives import Wanted
from generator.choosing import Chosen, Place, choose, first_fault
from generator.errors import BadField, GeneratorError
from generator.objectives import ChosenLoss, choose_loss
from generator.optimizers import OPTIMIZERS
from generator.proof import GATES, Display
from generator.starts import ChosenStart, choose_start
from generator.targets import TARGET_SETS, TargetSet
from generator.toml_lines import find_line

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]
Level = Annotated[float, Field(gt=0, allow_inf_nan=False)]

ROUNDING = 1.05
"""Rounding to 8 bits adds some error: an image found at error e is valid up to so many times e, if no tau is given."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelEntry(_Part):
    """One network under study, and the layers at which images are matched."""

    name: Name
    family: str = "torchvision"
    architecture: str
    weights: str | None = None
    checkpoint: Path | None = None
    n_classes: Annotated[int, Field(ge=1)] | None = None
    normalization: str | None = None
    input_size: Annotated[int, Field(ge=1)] | None = None
    training: str = "unknown"
    training_run: str = "1"
    layers: Annotated[tuple[str, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_source_of_weights(self) -> "ModelEntry":
        if self.weights is not None and self.checkpoint is not None:
            raise ValueError(f"model {self.name} names both weights and a checkpoint; give one of them")
        return self


class Stop(_Part):
    """When an image is good enough, and where snapshots of it are kept on the way.

    `first`: the first iterate with error ≤ `at`. `best`: all steps, and the iterate of least error. Units: `relative`, the
    error itself · `null`, the error at that percentile of the null distribution · `files`, multiples of the error of the
    target's own JPEG.
    """

    rule: Literal["first", "best"] = "first"
    at: Level | None = None
    unit: Literal["relative", "null", "files"] = "relative"
    snapshots: tuple[Level, ...] = Field(default=(), description="In the same unit; each makes a set of its own.")

    @model_validator(mode="after")
    def _levels_fall(self) -> "Stop":
        if self.rule == "first" and self.at is None:
            raise ValueError("rule first needs at, the error at which an image is good enough")
        if self.rule == "best" and self.at is not None:
            raise ValueError("rule best takes all steps; leave at out")
        if self.unit == "null" and max(self.levels) > 100:
            raise ValueError(f"unit null counts in percentiles, from 0 to 100, not {max(self.levels):g}")
        if list(self.levels) != sorted(set(self.levels), reverse=True):
            raise ValueError(f"snapshots fall from large to small and lie above at, not {list(self.levels)}")
        return self

    @property
    def levels(self) -> tuple[float, ...]:
        """Every level at which an image is kept; the last is 0 for rule `best`."""
        return (*self.snapshots, 0.0 if self.at is None else self.at)

    def at_level(self, number: int) -> "Stop":
        """The stop rule of one level's set: a snapshot is what rule `first` gives at that level."""
        if number == len(self.snapshots):
            return self.model_copy(update={"snapshots": ()})
        return Stop(rule="first", at=self.snapshots[number], unit=self.unit)

    @property
    def label(self) -> str:
        if self.at is None:
            return "best iterate"
        told = {
            "relative": f"error ≤ {self.at:g}",
            "null": f"error ≤ percentile {self.at:g} of the null",
            "files": f"error ≤ {self.at:g} × JPEG-90's",
        }
        return told[self.unit]


class Switches(_Part):
    """What besides the optimizer decides a search; an entry of `optimizers` may say otherwise for itself."""

    stop: Stop | None = None
    clamp: Literal["pass", "block"] = "pass"
    relu: Literal["true", "identity"] = "true"
    check_every: Annotated[int, Field(ge=1)] = 10


class ChosenSearch(_Part):
    """An optimizer with its switches. `settings` holds every field; `label` names the optimizer's that are not usual."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)
    optimizer: Any
    switches: Switches
    settings: dict[str, Any]
    label: str

    @property
    def stop(self) -> Stop:
        assert self.switches.stop is not None
        return self.switches.stop


class Recipe(Switches):
    """The generator's full input."""

    name: Name
    rng_seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    tau: Level | None = Field(
        default=None,
        description=f"Largest representation error of a valid item; without it {ROUNDING} × its stop level.",
    )
    gate: Literal[*GATES] = "paper"  # type: ignore[valid-type]
    batch_size: Annotated[int, Field(ge=1)] | Literal["auto"] = 32
    unit_size: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Images of a unit of work: what a killed run loses at most. Default: four batches."
    )
    precision: Literal["fp32", "bf16"] = "fp32"
    one_start_for_all: bool = Field(default=False, description="The paper's preset: one x_0 for all targets.")
    replicates: Annotated[int, Field(ge=1)] = Field(default=1, description="Starts a target.")
    display: Display | None = None
    targets: dict[str, Any]
    alternatives: tuple[Wanted, ...] = ()
    models: Annotated[tuple[ModelEntry, ...], Field(min_length=1)]
    losses: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)] = ({"preset": "regularizer_free"},)
    starts: Annotated[tuple[str | dict[str, Any], ...], Field(min_length=1)] = ("grey-noise",)
    optimizers: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]

    @field_validator("models")
    @classmethod
    def _names_differ(cls, models: tuple[ModelEntry, ...]) -> tuple[ModelEntry, ...]:
        names = [model.name for model in models]
        if len(set(names)) < len(names):
            raise ValueError(f"two have the same name among {', '.join(names)}")
        return models

    @property
    def images_per_unit(self) -> int:
        if self.unit_size is not None:
            return self.unit_size
        return 4 * (64 if self.batch_size == "auto" else self.batch_size)

    def chosen_targets(self) -> Chosen[TargetSet]:
        return choose(("targets",), TARGET_SETS, self.targets)

    def chosen_losses(self) -> list[ChosenLoss]:
        return [choose_loss(("losses", i), entry) for i, entry in enumerate(self.losses)]

    def chosen_starts(self) -> list[ChosenStart]:
        chosen = [choose_start(("starts", i), entry) for i, entry in enumerate(self.starts)]
        for i, start in enumerate(chosen):
            if self.replicates > 1 and not start.is_drawn:
                raise BadField(("starts", i), f"{start.label} is the same picture each time, so replicates must be 1")
            if self.one_start_for_all and start.depends_on_target:
                raise BadField(("starts", i), f"{start.label} depends on the target; one_start_for_all cannot be true")
        return chosen

    def chosen_searches(self) -> list[ChosenSearch]:
        return [self._search(("optimizers", i), entry) for i, entry in enumerate(self.optimizers)]

    def _search(self, place: Place, entry: dict[str, Any]) -> ChosenSearch:
        """An optimizer with the recipe's switches, and those that its entry says for itself."""
        own = {key: value for key, value in entry.items() if key in Switches.model_fields}
        chosen = choose(place, OPTIMIZERS, {key: value for key, value in entry.items() if key not in own})
        common = self.model_dump(include=set(Switches.model_fields))
        try:
            switches = Switches.model_validate({**common, **own})
        except ValidationError as problem:
            fault = first_fault(problem, Switches)
            raise BadField((*place, *fault.place), str(fault)) from None
        if switches.stop is None:
            raise BadField(
                place,
                f'{chosen.label} has no stop; write stop = {{ rule = "first", at = 0.05 }} or stop = {{ rule = "best" }}, '
                f"here or for the whole recipe",
            )
        self._refuse_unreachable(place, chosen.label, switches.stop)
        label = chosen.label if self.precision == "fp32" else f"{chosen.label}, {self.precision}"
        return ChosenSearch(optimizer=chosen.value, switches=switches, settings=chosen.settings, label=label)

    def _refuse_unreachable(self, place: Place, label: str, stop: Stop) -> None:
        if self.tau is None and stop.rule == "best":
            raise BadField(place, f"{label}: with stop rule best the recipe needs tau")
        if self.tau is not None and stop.at is not None and stop.unit != "relative":
            raise BadField(
                place,
                f"{label}: it stops in unit {stop.unit}, but tau is a relative error; leave tau out, valid is then "
                f"up to {ROUNDING} × the error at which an image was found",
            )
        if self.tau is not None and stop.unit == "relative" and stop.at is not None and stop.at > self.tau:
            raise BadField(
                place, f"{label}: it stops at {stop.at:g}, above tau {self.tau:g}, so that no item would be valid"
            )


def read_recipe(path: Path, checkpoints: Path | None = None) -> Recipe:
    """The recipe in a TOML file; `checkpoints` is the folder where relative checkpoint paths start.

    Raises GeneratorError with one line that names the file's line and field, and what would be accepted.
    """
    data = read_toml(path)
    try:
        try:
            recipe = Recipe.model_validate(_beside(data, path.parent, checkpoints or path.parent))
        except ValidationError as problem:
            raise first_fault(problem, Recipe) from None
        recipe.chosen_targets(), recipe.chosen_losses(), recipe.chosen_starts(), recipe.chosen_searches()
    except BadField as fault:
        line = find_line(path.read_text(encoding="utf-8"), fault.place)
        raise GeneratorError(f"recipe {path}{f', line {line}' if line else ''}: {fault}") from None
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


PATHS = ("path", "backbone", "heads")
"""Fields of a recipe that name files beside it."""


def _beside(data: Any, folder: Path, checkpoints: Path) -> Any:
    """Relative paths start at the recipe's own folder; those of checkpoints perhaps elsewhere."""
    if isinstance(data, list):
        return [_beside(each, folder, checkpoints) for each in data]
    if not isinstance(data, dict):
        return data
    moved = {key: _beside(value, folder, checkpoints) for key, value in data.items()}
    for key in PATHS:
        if isinstance(moved.get(key), str):
            moved[key] = str(folder / moved[key])
    if isinstance(moved.get("checkpoint"), str):
        moved["checkpoint"] = str(checkpoints / moved["checkpoint"])
    return moved
