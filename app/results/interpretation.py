"""What one stored answer means: typed by its trial type, judged by it, and told as a row of the long table."""

from datetime import datetime
from typing import Any

from app.db import tables as t
from app.exports import TrialRow
from app.results.queries import AnswerRow
from app.studies.protocol import Protocol
from app.trials import TRIAL_TYPES, Outcome


def judge(row: AnswerRow) -> Outcome:
    """What the answer of this row counts as, by its trial type."""
    return TRIAL_TYPES[row.trial_type].judge(*_parts(row))


def _parts(row: AnswerRow) -> tuple[Any, Any, Any]:
    kind = TRIAL_TYPES[row.trial_type]
    return (
        kind.spec_type.model_validate(row.spec),
        kind.layout_type.model_validate(row.layout),
        kind.answer_type.model_validate(row.answer),
    )


def trial_row(
    row: AnswerRow, version: t.StudyVersion, protocol: Protocol, mode: str, condition: t.Condition | None
) -> TrialRow:
    """One answer as a row of the long table; `condition` is None where the trial has none (catch trials)."""
    kind = TRIAL_TYPES[row.trial_type]
    spec, layout, answer = _parts(row)
    outcome = kind.judge(spec, layout, answer)
    slots = dict(kind.view(spec, layout).slots)
    source = condition.source if condition else {}
    timing = row.timing
    return TrialRow(
        row_id=f"{row.session}-{row.position}",
        study_id=protocol.slug,
        study_version=version.number,
        mode=mode,
        participant_id=row.participant,
        session_id=row.session,
        task=protocol.trial_type,
        block_index=row.block,
        trial_index=row.position,
        trial_type=row.trial_type,
        trial_role=row.role,
        condition=condition.name if condition else None,
        model_id=source.get("model"),
        layer_id=source.get("layer"),
        iri_id=slots["query"],
        reference_id=row.target_id,
        left_id=slots["option-0"],
        right_id=slots["option-1"],
        target_side=row.layout["target_side"],
        response=row.answer["choice"],
        response_label=kind.label(spec, layout, answer),
        chose_target=outcome.matched,
        correct=None if row.role == "main" else outcome.matched,
        rt=timing["rt"],
        time_elapsed=timing["time_elapsed"],
        stimulus_onset_ms=timing["onset"],
        stimulus_offset_ms=None,
        requested_duration_ms=None,
        frame_interval_ms=timing["frame_interval"],
        response_device=timing["source"],
        focus_lost=timing["focus_lost"],
        images_ok=timing["images_ok"],
        rendered_px=timing["rendered_px"],
        natural_px=timing["natural_px"],
        device_pixel_ratio=timing["device_pixel_ratio"],
        selection_probability=row.selection_probability,
        allocation_rule=row.allocation_rule,
        presented_at=datetime.fromisoformat(timing["presented_at"]),
        received_at=row.received_at,
        excluded=False,
        exclusion_reasons=(),
        set_id=condition.set_id if condition else None,
        target_id=row.target_id,
        cluster_id=row.cluster,
        start_id=row.start_id,
        replicate=row.replicate,
        training=source.get("training"),
        training_run=source.get("training_run"),
        loss=source.get("loss"),
        start=source.get("start"),
        optimizer=source.get("optimizer"),
        chance=outcome.chance,
        display_kernel=protocol.display.kernel,
        question_sha256=version.question_sha256,
        early_presses=timing["early_presses"],
        frames_dropped=timing["frames"]["dropped"],
    )
