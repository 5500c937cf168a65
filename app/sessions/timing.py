"""What the browser measured while a trial was on the screen. Its twin is the typedef in static/js/participant."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Milliseconds = Annotated[float, Field(ge=0, le=1e10, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]


class Frames(BaseModel):
    """Animation frames between onset and response."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    n: Count
    dropped: Count
    worst_ms: Milliseconds


class Timing(BaseModel):
    """Durations in ms; clock readings in ms of the browser's performance clock. Stored as they came."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    rt: Milliseconds = Field(description="From stimulus onset to the response event's own timestamp.")
    onset: Milliseconds = Field(description="Frame in which the pictures were drawn.")
    onset_paint: Milliseconds | None = Field(default=None, description="The frame after it: when they were on screen.")
    t_event: Milliseconds
    presented_at: AwareDatetime = Field(description="Onset on the wall clock of the participant's computer.")
    time_elapsed: Milliseconds = Field(description="From consent to the end of the trial, also through reloads.")
    source: Literal["mouse", "touch", "pen", "keyboard"]
    early_presses: Count
    frames: Frames
    frame_interval: Milliseconds | None = None
    focus_lost: Count
    visibility_changes: Count
    resizes: Count
    rendered_px: Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
    natural_px: Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
    device_pixel_ratio: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
    images_ok: bool
