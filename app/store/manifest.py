"""The format in which stimuli travel from the generator to the server.

A stimulus set is one (model, layer, loss, start, optimizer) of a recipe over a list of targets. It is immutable, and
its id is the SHA-256 of its canonical JSON, so a study that names a set can never change its pictures. Only what the
recipe determines stands in it; when and where it was made stands in :class:`Run`.
"""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

NOT_ASSESSED = "not assessed"
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Image(_Frozen):
    """A stored 8-bit RGB PNG, named by the SHA-256 of its bytes."""

    sha256: Sha256
    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]


class Alternative(_Frozen):
    """A wrong option prepared for an item, besides its start: another target, another model's reconstruction …"""

    kind: str
    metric: str | None = None
    image: Image
    target_id: str


class Source(_Frozen):
    """What researchers filter and group by. Everything else about the making stands in the recipe."""

    family: str = Field(description="Model family, e.g. `torchvision`.")
    model: str = Field(description="Name that researchers read, unique within a recipe, e.g. `resnet50-robust`.")
    weights_sha256: Sha256 | None = Field(description="Hash of the weights; null where there are none (controls).")
    training: str = Field(description="How it was trained, e.g. `standard`, `adversarial l2 eps=1`.")
    training_run: str = Field(description="Which of several trainings of one kind; the unit of claims about training.")
    layer: str
    loss: str
    start: str
    optimizer: str
    stop: str = Field(default="", description="When an image is good enough, e.g. `error ≤ 0.1`; empty: not recorded.")
    clamp: str = Field(default="", description="Gradient of values at 0 or 1: `pass` or `block`.")
    relu: str = Field(default="", description="Gradient through the last ReLU: `true` or `identity`.")
    parameterization: str = Field(default="", description="`pixel`, `fourier` …")
    transforms: str = Field(default="", description="Random changes before the network sees an image, or `none`.")
    target_set: str


class Item(_Frozen):
    """One target and the image that the model cannot tell from it."""

    target_id: str = Field(description="Names source picture and crop; shared by all models.")
    target: Image
    start: Image
    reconstruction: Image
    alternatives: tuple[Alternative, ...] = ()
    cluster: str = Field(description="The source picture. Scores cluster on it.")
    label: str | None = Field(default=None, description="Class of the target, where it has one.")
    split: Literal["train", "heldout", "unknown"] = Field(description="Did this model see the picture in training?")
    start_id: str
    replicate: int = 0
    measures: dict[str, float] = Field(description="Taken on the stored 8-bit file, because that is what people see.")
    valid: bool
    invalid_reasons: tuple[str, ...] = ()
    steps: int
    loss_curve: tuple[float, ...] = Field(default=(), description="Loss at some steps, first and last in.")
    loss_steps: tuple[int, ...] = Field(default=(), description="The steps of the curve.")
    licence: str | None = None
    redistributable: bool | None = None


class Distribution(_Frozen):
    """Errors between random pairs of images at this layer: what 'no more alike than chance' looks like."""

    n: Annotated[int, Field(gt=0)]
    quantiles: dict[str, float] = Field(description="By percentile: '0', '1', '5', '25', '50', '75', '95', '100'.")


class StimulusSet(_Frozen):
    """One condition's stimuli. Its id is :meth:`id`."""

    format: Literal["alike-stimuli/1", "alike-stimuli/2"] = Field(
        default="alike-stimuli/2", description="1 knew no stop, clamp, relu, parameterization, transforms, loss steps."
    )
    name: str
    source: Source
    recipe: dict[str, JsonValue] = Field(description="The generator's full input and versions; opaque here.")
    null: dict[str, Distribution]
    items: tuple[Item, ...]

    def encode(self) -> bytes:
        """Canonical JSON: sorted keys, no white space, UTF-8, no NaN. What a format did not know is left out of it."""
        value = self.model_dump(mode="json")
        if self.format == "alike-stimuli/1":
            for name in _NEW_IN_SOURCE:
                del value["source"][name]
            for item in value["items"]:
                del item["loss_steps"]
        return canonical(value)

    @property
    def id(self) -> str:
        """SHA-256 of the canonical JSON, 64 hexadecimal digits."""
        return sha256(self.encode())

    @property
    def is_assessed(self) -> bool:
        """Whether its items went through a validity gate; an imported set's did not, and all of them count as valid."""
        return self.recipe.get("validity") != NOT_ASSESSED

    @property
    def validity_rate(self) -> float:
        """Share of items that pass the gate; 0 for an empty set."""
        return sum(item.valid for item in self.items) / len(self.items) if self.items else 0.0


_NEW_IN_SOURCE = ("stop", "clamp", "relu", "parameterization", "transforms")


class Run(_Frozen):
    """When, where and how a set was made: outside the hash, because a second making of it gives the same set."""

    started_at: str
    finished_at: str
    device: str
    versions: dict[str, str]
    seconds: float
    files: dict[str, str] = Field(default={}, description="Where the weights lay, so that the set can be checked.")


def canonical(value: Any) -> bytes:
    """The one JSON text of a value, so that equal values have equal hashes. Raises ValueError on NaN or infinity."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
