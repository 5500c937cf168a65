"""Researchers and their logins, as rows."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import tables as t


def researcher(db: Session, email: str) -> t.Researcher | None:
    return db.scalar(select(t.Researcher).where(t.Researcher.email == email))


def login(db: Session, token_sha256: str) -> t.Login | None:
    return db.scalar(select(t.Login).where(t.Login.token_sha256 == token_sha256))


def open_logins(db: Session, researcher_id: int) -> Sequence[t.Login]:
    return db.scalars(select(t.Login).where(t.Login.researcher_id == researcher_id, t.Login.revoked_at.is_(None))).all()
