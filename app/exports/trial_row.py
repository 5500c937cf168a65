"""The long trial table (one row an answer): its columns, in order, with what each means."""

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any


def _column(description: str, unit: str | None = None) -> Any:
    return field(metadata={"description": description, "unit": unit})


@dataclass(frozen=True, slots=True)
class TrialRow:
    """Names follow jsPsych's vocabulary where it has one; the columns after `exclusion_reasons` are what a reader needs to
    compute the scores again from this table alone."""

    row_id: str = _column("Unique in the file.")
    study_id: str = _column("Slug of the study.")
    study_version: int = _column("Number of the immutable version that was run.")
    mode: str = _column("preview, pilot, live or simulated.")
    participant_id: str = _column("Pseudonym, random per study; never a recruiter's id.")
    session_id: str = _column("The run.")
    task: str = _column("Task of the study.")
    block_index: int = _column("0 practice, then 1, 2, … between breaks.")
    trial_index: int = _column("0-based over the whole run.")
    trial_type: str = _column("Trial type.")
    trial_role: str = _column("practice, main or catch.")
    condition: str | None = _column("Name of the stimulus set; empty for practice and catch trials.")
    model_id: str | None = _column("The network under study.")
    layer_id: str | None = _column("Layer at which the IRI matches its target.")
    iri_id: str = _column("SHA-256 of the picture shown above.")
    reference_id: str = _column("Name of the target.")
    left_id: str = _column("SHA-256 of the left option.")
    right_id: str = _column("SHA-256 of the right option.")
    target_side: str = _column("left or right.")
    response: int = _column("0 left, 1 right.")
    response_label: str = _column("Role of the chosen option: target, start or foil.")
    chose_target: bool = _column("1 if the target was chosen.")
    correct: bool | None = _column("1 or 0 where there is a truth (practice, catch); empty on main trials.")
    rt: float = _column("From stimulus onset to the response event.", "ms")
    time_elapsed: float = _column("From consent to the end of the trial.", "ms")
    stimulus_onset_ms: float = _column("Onset on the browser's performance clock.", "ms")
    stimulus_offset_ms: float | None = _column("Offset; empty where pictures stay until the answer.", "ms")
    requested_duration_ms: float | None = _column("Exposure asked for; empty: until the answer.", "ms")
    frame_interval_ms: float | None = _column("Measured interval of the display's frames.", "ms")
    response_device: str = _column("mouse, touch, pen or keyboard.")
    focus_lost: int = _column("How often the window lost the focus during the trial.")
    images_ok: bool = _column("1 if every picture was decoded before onset.")
    rendered_px: float = _column("Size of a picture on the page.", "CSS px")
    natural_px: float = _column("Size of the picture's file.", "px")
    device_pixel_ratio: float = _column("Device pixels in a CSS pixel.")
    selection_probability: float | None = _column(
        "Probability of this trial under the rule; empty for least_served, where it depends on who came before."
    )
    allocation_rule: str = _column("How the trial was chosen.")
    presented_at: datetime = _column("Onset by the participant's clock, UTC.")
    received_at: datetime = _column("When the server stored the answer, UTC.")
    excluded: bool = _column("1 if a rule excludes the row from the default score.")
    exclusion_reasons: tuple[str, ...] = _column("Which rules.")
    set_id: str | None = _column("The stimulus set; two sets of one name have two ids.")
    target_id: str = _column("The target: source picture and crop.")
    cluster_id: str = _column("The source picture, on which intervals cluster.")
    start_id: str | None = _column("Which start x_0 the IRI came from.")
    replicate: int = _column("Which of several IRIs for one target and start.")
    training: str | None = _column("How the network was trained.")
    training_run: str | None = _column("Which of several trainings of one kind.")
    loss: str | None = _column("What the generator minimized.")
    start: str | None = _column("Kind of start.")
    optimizer: str | None = _column("The generator's optimizer with its settings.")
    chance: float = _column("What guessing gives.")
    display_kernel: str = _column("How pictures were brought to their size.")
    question_sha256: str = _column("Hash of the question's wording.")
    early_presses: int = _column("Presses before the pictures were there.")
    frames_dropped: int = _column("Frames that came late during the trial.")


COLUMNS = tuple(f.name for f in fields(TrialRow))
