"""Everything that decides the weights of a training, in one frozen value with one hash."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from generator.errors import GeneratorError
from generator.recipe import read_toml


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Data(_Part):
    """Random crops of the photographs' training sides; many, seen a few times each, train better than few seen often."""

    crops_per_photograph: Annotated[int, Field(ge=1)] = 1000
    heldout_per_photograph: Annotated[int, Field(ge=1)] = Field(
        default=40, description="Random crops of the held-out sides, on which accuracy is measured."
    )
    rng_seed: int = 0


class Attack(_Part):
    """Projected gradient descent in an l2 ball around each picture, pixels in [0, 1] (Madry et al. 2018), from a random
    start; one step is nearly as good as many (Wong et al. 2020) and costs as little as plain training again."""

    epsilon: Annotated[float, Field(gt=0)]
    steps: Annotated[int, Field(ge=1)] = 1
    step_size: Annotated[float, Field(gt=0)]


class TrainedNetwork(_Part):
    """One network to train; without `attack` by the standard loss."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    epochs: Annotated[int, Field(ge=1)]
    attack: Attack | None = None


class TrainRecipe(_Part):
    """Networks of one architecture, from the same initial weights, on the same data in the same order."""

    architecture: Literal["small_resnet"] = "small_resnet"
    rng_seed: int = 0
    batch_size: Annotated[int, Field(ge=2)] = 128
    learning_rate: Annotated[float, Field(gt=0)] = 0.1
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    robust_epsilon: Annotated[float, Field(gt=0)] = Field(
        default=1.0, description="Radius (l2, pixels in [0, 1]) at which robust accuracy is reported."
    )
    data: Data = Data()
    networks: Annotated[tuple[TrainedNetwork, ...], Field(min_length=1)]

    @field_validator("networks")
    @classmethod
    def _names_differ(cls, networks: tuple[TrainedNetwork, ...]) -> tuple[TrainedNetwork, ...]:
        names = [network.name for network in networks]
        if len(set(names)) < len(names):
            raise ValueError(f"two have the same name among {', '.join(names)}")
        return networks


def read_train_recipe(path: Path) -> TrainRecipe:
    """Raises GeneratorError with one line that names the field."""
    data = read_toml(path)
    try:
        return TrainRecipe.model_validate(data)
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise GeneratorError(f"recipe {path}: {where}: {first['msg']}") from None
