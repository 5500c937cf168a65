"""A study's settings: what a researcher writes down before anybody is asked anything.

The same model reads the researcher's TOML file, is kept as the draft, and is frozen into a version when the study is
published. Its fields, with their descriptions, are the documentation.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import Invalid
from app.trials import TRIAL_TYPES

Text = Annotated[str, Field(min_length=1, max_length=20_000)]

# Sets that differ in one of these were not made alike, so a difference in score would not be the model's.
Factor = Literal["loss", "transforms", "parameterization", "start", "optimizer", "stop", "clamp", "relu", "target_set"]
MAKING: tuple[Factor, ...] = get_args(Factor)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Texts(_Part):
    """What participants read: plain text, paragraphs parted by blank lines."""

    consent: Text = Field(description="What taking part means. Shown before anything else.")
    instructions: Text = Field(description="How to answer.")
    debrief: Text = Field(default="Thank you. Your answers have been saved.", description="Shown at the end.")


class Consent(_Part):
    """Names the consent text, so that each run can say to which words its person agreed."""

    version: Annotated[str, Field(min_length=1, max_length=40)] = "1"
    locale: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$")] = "en"


class Display(_Part):
    """How large pictures are shown, and how they are brought to that size. Both are labels of the study."""

    size: Annotated[int, Field(ge=16, le=1024)] = Field(
        default=160, description="Longer side in CSS pixels; with kernel nearest a whole multiple of the picture's own."
    )
    kernel: Literal["nearest", "bicubic", "lanczos"] = Field(
        default="nearest", description="nearest shows the model's own pixels; the others filter out noise a model saw."
    )


class Protocol(_Part):
    """Everything that decides what participants see. A published version is never changed."""

    slug: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] = Field(description="Name in addresses.")
    title: Annotated[str, Field(min_length=1, max_length=200)]
    sets: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        description="Stimulus sets, each by name, id or id prefix; publishing writes the full ids."
    )
    compared: tuple[Factor, ...] = Field(
        default=(), description="What the sets may differ in besides model and layer, because it is what is compared."
    )
    not_assessed: bool = Field(
        default=False, description="Allow imported sets, whose images went through no validity gate."
    )
    trial_type: str = "two_afc"
    question: Annotated[str, Field(min_length=1, max_length=300)] = "Which image is more like the one at the top?"
    trials: Annotated[int, Field(ge=1, le=2000)] = Field(description="Trials a person, without practice and catch.")
    practice: Annotated[int, Field(ge=0, le=32)] = Field(
        default=4, description="Practice trials a person, with feedback, on pictures that are not in the study."
    )
    catch: Annotated[int, Field(ge=0, le=100)] = Field(
        default=8, description="Trials a person with an obvious answer (one option is the very same picture)."
    )
    break_every: Annotated[int, Field(ge=1)] = Field(default=50, description="Trials between two breaks.")
    repeated_pictures: bool = Field(
        default=False,
        description="Allow one start for all targets (the paper's preset).",
    )
    texts: Texts
    consent: Consent = Consent()
    display: Display = Display()


def read_protocol(path: Path) -> Protocol:
    """The protocol in a TOML file. Raises Invalid with one line that names the field and what it accepts."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise Invalid(f"{path} cannot be read: {problem.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise Invalid(f"{path} is not a TOML file: {problem}") from None
    try:
        protocol = Protocol.model_validate(data)
    except ValidationError as problem:
        raise Invalid(f"{path}: {_line(problem)}") from None
    if protocol.trial_type not in TRIAL_TYPES:
        raise Invalid(f"{path}: trial_type {protocol.trial_type!r} is unknown; known are {', '.join(TRIAL_TYPES)}")
    return protocol


def _line(problem: ValidationError) -> str:
    """The first fault; a misspelt name before the name that is missing because of it."""
    faults = problem.errors()
    first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return f"{where}: {first['msg']}"
    model: type[BaseModel] = Protocol
    for part in first["loc"][:-1]:
        model = Protocol.model_fields[str(part)].annotation  # type: ignore[assignment]
    return f"{where} is no setting; known are {', '.join(model.model_fields)}"
