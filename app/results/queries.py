"""Responses with all that is needed to interpret them, as rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session as DbSession

from app.db import tables as t
from app.sessions.states import State

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One stored answer, the trial it answers, and whose it is."""

    participant: str
    session: str
    position: int
    block: int
    role: str
    trial_type: str
    condition_id: int | None
    target_id: str
    cluster: str
    start_id: str | None
    replicate: int
    spec: dict[str, Any]
    layout: dict[str, Any]
    answer: dict[str, Any]
    timing: dict[str, Any]
    received_at: datetime
    allocation_rule: str
    selection_probability: float | None


@dataclass(frozen=True)
class RunRow:
    """One run, for counts and times."""

    participant_id: int
    state: str
    position: int
    consented_at: datetime | None
    finished_at: datetime | None


def answers(db: DbSession, version_id: int, mode: str, *, role: str | None = None) -> Iterator[AnswerRow]:
    """In the order in which they came, a batch at a time: memory does not grow with the study."""
    chosen = _answers().where(t.Session.version_id == version_id, t.Session.mode == mode).order_by(t.Response.id)
    if role is not None:
        chosen = chosen.where(t.TrialSpec.role == role)
    for row in db.execute(chosen.execution_options(yield_per=_BATCH)):
        yield AnswerRow(*row)


def _answers() -> Select[*tuple[Any, ...]]:
    return (
        select(
            t.Participant.pseudonym,
            t.Session.public_id,
            t.Response.position,
            t.AssignedTrial.block,
            t.TrialSpec.role,
            t.TrialSpec.trial_type,
            t.TrialSpec.condition_id,
            t.TrialSpec.target_id,
            t.TrialSpec.cluster,
            t.TrialSpec.start_id,
            t.TrialSpec.replicate,
            t.TrialSpec.spec,
            t.AssignedTrial.layout,
            t.Response.answer,
            t.Response.timing,
            t.Response.received_at,
            t.AssignedTrial.allocation_rule,
            t.AssignedTrial.selection_probability,
        )
        .join(t.Session, t.Session.id == t.Response.session_id)
        .join(t.Participant, t.Participant.id == t.Session.participant_id)
        .join(
            t.AssignedTrial,
            (t.AssignedTrial.session_id == t.Response.session_id) & (t.AssignedTrial.position == t.Response.position),
        )
        .join(t.TrialSpec, t.TrialSpec.id == t.AssignedTrial.spec_id)
    )


def runs(db: DbSession, version_id: int, mode: str) -> Sequence[RunRow]:
    rows = db.execute(
        select(
            t.Session.participant_id,
            t.Session.state,
            t.Session.position,
            t.Session.consented_at,
            t.Session.finished_at,
        ).where(t.Session.version_id == version_id, t.Session.mode == mode)
    )
    return [RunRow(*row) for row in rows]


def sources(db: DbSession, version_id: int, mode: str) -> Sequence[str | None]:
    """Where the participants who answered came from; None for those whom no recruiter named."""
    rows = (
        select(t.RecruiterId.source)
        .select_from(t.Session)
        .outerjoin(t.RecruiterId, t.RecruiterId.participant_id == t.Session.participant_id)
        .where(t.Session.version_id == version_id, t.Session.mode == mode, t.Session.position > 0)
        .distinct()
    )
    return db.scalars(rows).all()


def answers_by_mode(db: DbSession, version_id: int) -> dict[str, int]:
    """mode → number of answers after practice; modes without any are not in it."""
    rows = (
        select(t.Session.mode, func.count(t.Response.id))
        .join(t.Response, t.Response.session_id == t.Session.id)
        .where(t.Session.version_id == version_id, t.Response.position >= t.Session.practice)
        .group_by(t.Session.mode)
    )
    return dict(db.execute(rows).all())


def completed_by_study(db: DbSession, mode: str) -> dict[int, int]:
    """study id → runs completed."""
    rows = (
        select(t.StudyVersion.study_id, func.count())
        .join(t.Session, t.Session.version_id == t.StudyVersion.id)
        .where(t.Session.mode == mode, t.Session.state == State.COMPLETED)
        .group_by(t.StudyVersion.study_id)
    )
    return dict(db.execute(rows).all())


def main_targets(db: DbSession, version_id: int) -> Sequence[str]:
    """Names of the targets that are asked about, in order."""
    targets = select(t.TrialSpec.target_id).where(t.TrialSpec.version_id == version_id, t.TrialSpec.role == "main")
    return db.scalars(targets.distinct().order_by(t.TrialSpec.target_id)).all()


def main_specs(db: DbSession, version_id: int, targets: Sequence[str]) -> Sequence[t.TrialSpec]:
    """The trials about these targets, target by target, the first replicate of each condition first."""
    rows = select(t.TrialSpec).where(
        t.TrialSpec.version_id == version_id, t.TrialSpec.role == "main", t.TrialSpec.target_id.in_(targets)
    )
    return db.scalars(rows.order_by(t.TrialSpec.target_id, t.TrialSpec.replicate, t.TrialSpec.id)).all()


def belongs_to_study(db: DbSession, slug: str, original_sha256: str) -> bool:
    """Is this picture shown in some version of the study?"""
    found = (
        select(t.Rendition.id)
        .join(t.StudyVersion, t.StudyVersion.id == t.Rendition.version_id)
        .join(t.Study, t.Study.id == t.StudyVersion.study_id)
        .where(t.Study.slug == slug, t.Rendition.original_sha256 == original_sha256)
        .limit(1)
    )
    return db.scalar(found) is not None
