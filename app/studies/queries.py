"""Studies and their versions, as rows."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import tables as t


def study(db: Session, slug: str) -> t.Study | None:
    return db.scalar(select(t.Study).where(t.Study.slug == slug))


def studies(db: Session) -> Sequence[t.Study]:
    return db.scalars(select(t.Study).order_by(t.Study.slug)).all()


def version(db: Session, slug: str, number: int | None = None) -> t.StudyVersion | None:
    """That version of a study; the latest for None."""
    found = select(t.StudyVersion).join(t.Study, t.Study.id == t.StudyVersion.study_id).where(t.Study.slug == slug)
    if number is not None:
        found = found.where(t.StudyVersion.number == number)
    return db.scalar(found.order_by(t.StudyVersion.number.desc()).limit(1))


def latest_numbers(db: Session) -> dict[int, int]:
    """study id → number of its latest version; a study that was never published is not in it."""
    numbers = select(t.StudyVersion.study_id, func.max(t.StudyVersion.number)).group_by(t.StudyVersion.study_id)
    return dict(db.execute(numbers).all())


def version_numbers(db: Session, study_id: int) -> Sequence[int]:
    numbers = select(t.StudyVersion.number).where(t.StudyVersion.study_id == study_id).order_by(t.StudyVersion.number)
    return db.scalars(numbers).all()


def conditions(db: Session, version_id: int) -> Sequence[t.Condition]:
    return db.scalars(select(t.Condition).where(t.Condition.version_id == version_id).order_by(t.Condition.id)).all()


def specs(db: Session, version_id: int) -> Sequence[t.TrialSpec]:
    return db.scalars(select(t.TrialSpec).where(t.TrialSpec.version_id == version_id).order_by(t.TrialSpec.id)).all()
