"""Runs, their plans and their answers, as rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session as DbSession
from sqlalchemy.orm import joinedload

from app.db import tables as t
from app.sessions.states import ANSWERING


@dataclass(frozen=True)
class AssignedRow:
    """One assigned trial with the spec that it asks."""

    position: int
    role: str
    trial_type: str
    spec: dict[str, Any]
    layout: dict[str, Any]


def session(db: DbSession, token: str) -> t.Session | None:
    found = select(t.Session).where(t.Session.token == token)
    return db.scalar(found.options(joinedload(t.Session.version).joinedload(t.StudyVersion.study)))


def lock(db: DbSession, token: str) -> None:
    """Keep a run to ourselves until the commit. SQLite has one writer anyhow."""
    db.execute(select(t.Session.id).where(t.Session.token == token).with_for_update())


def recruited(db: DbSession, study_id: int, source: str, external_id: str) -> t.RecruiterId | None:
    """The person of that id, kept to ourselves until the commit: what they do through several tabs comes in turn."""
    return db.scalar(
        select(t.RecruiterId)
        .where(
            t.RecruiterId.study_id == study_id,
            t.RecruiterId.source == source,
            t.RecruiterId.external_id == external_id,
        )
        .with_for_update()
    )


def is_named(db: DbSession, participant_id: int) -> bool:
    named = select(t.RecruiterId.id).where(
        t.RecruiterId.participant_id == participant_id, t.RecruiterId.external_id.is_not(None)
    )
    return db.scalar(named.limit(1)) is not None


def run_of(db: DbSession, study_id: int, participant_id: int, mode: str) -> t.Session | None:
    """The run that this participant has in this study and mode."""
    return db.scalar(
        select(t.Session)
        .join(t.StudyVersion, t.StudyVersion.id == t.Session.version_id)
        .where(t.StudyVersion.study_id == study_id, t.Session.participant_id == participant_id, t.Session.mode == mode)
        .order_by(t.Session.id.desc())
        .limit(1)
    )


def served(db: DbSession, version_id: int, mode: str, alive_since: datetime) -> dict[tuple[int, int], int]:
    """(spec, arrangement) → how often it is taken: answered, or waiting in a run that still lives."""
    waits = and_(t.Session.state.in_(ANSWERING), t.Session.last_seen_at >= alive_since)
    taken = (
        select(t.AssignedTrial.spec_id, t.AssignedTrial.arrangement, func.count())
        .join(t.Session, t.Session.id == t.AssignedTrial.session_id)
        .where(
            t.Session.version_id == version_id,
            t.Session.mode == mode,
            or_(waits, t.AssignedTrial.position < t.Session.position),
        )
        .group_by(t.AssignedTrial.spec_id, t.AssignedTrial.arrangement)
    )
    return {(spec_id, arrangement): n for spec_id, arrangement, n in db.execute(taken)}


def assigned(db: DbSession, session_id: int) -> Sequence[AssignedRow]:
    """A run's trials in order."""
    rows = db.execute(
        select(
            t.AssignedTrial.position, t.TrialSpec.role, t.TrialSpec.trial_type, t.TrialSpec.spec, t.AssignedTrial.layout
        )
        .join(t.TrialSpec, t.TrialSpec.id == t.AssignedTrial.spec_id)
        .where(t.AssignedTrial.session_id == session_id)
        .order_by(t.AssignedTrial.position)
    )
    return [AssignedRow(*row) for row in rows]


def renditions(db: DbSession, version_id: int) -> dict[str, str]:
    """original → rendition, for every picture of a version."""
    rows = select(t.Rendition.original_sha256, t.Rendition.rendition_sha256).where(t.Rendition.version_id == version_id)
    return dict(db.execute(rows).all())
