"""The whole database on one page.

::

    researchers ─< logins
    studies ─< study_versions ─< conditions ─< trial_specs >─ (role: main | practice | catch)
                     │     └─< renditions            (original picture → the file that browsers get)
                     └─< sessions ─< assigned_trials ─ responses
    participants ─< sessions
    participants ─< recruiter_ids                    (who they are outside; kept apart, never exported by default)

A version and what hangs below it is immutable once published; so is every assigned trial and every response.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, MetaData, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from app.db.types import Json, Utc, now

MODES = ("preview", "pilot", "live", "simulated")
ROLES = ("main", "practice", "catch")


class Table(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {dict[str, Any]: Json, list[Any]: Json, datetime: Utc, str: String}  # noqa: RUF012
    id: Mapped[int] = mapped_column(primary_key=True)


class Researcher(Table):
    __tablename__ = "researchers"
    email: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Login(Table):
    """One signed-in browser. The cookie holds a signed random token, the table only its hash; a row can be revoked."""

    __tablename__ = "logins"
    researcher_id: Mapped[int] = mapped_column(ForeignKey("researchers.id"), index=True)
    token_sha256: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Study(Table):
    __tablename__ = "studies"
    slug: Mapped[str] = mapped_column(unique=True)
    draft: Mapped[dict[str, Any]]  # a studies.protocol.Protocol
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)


class StudyVersion(Table):
    __tablename__ = "study_versions"
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    number: Mapped[int]
    protocol: Mapped[dict[str, Any]]
    protocol_sha256: Mapped[str]
    question_sha256: Mapped[str]
    report: Mapped[dict[str, Any]]  # a studies.publishing.Report: what was dropped, and why
    published_at: Mapped[datetime] = mapped_column(default=now)
    study: Mapped[Study] = relationship(lazy="raise")
    __table_args__ = (UniqueConstraint("study_id", "number"),)


class Condition(Table):
    """One stimulus set within a study version; its labels are copied so that the database alone can be scored again."""

    __tablename__ = "conditions"
    version_id: Mapped[int] = mapped_column(ForeignKey("study_versions.id"))
    set_id: Mapped[str]
    name: Mapped[str]
    source: Mapped[dict[str, Any]]  # a store.Source
    n_items: Mapped[int]
    n_valid: Mapped[int]
    measures: Mapped[dict[str, Any]]  # mean of each measure over the items that are shown
    __table_args__ = (UniqueConstraint("version_id", "set_id"),)


class TrialSpec(Table):
    """One question of a version, before anybody is asked it."""

    __tablename__ = "trial_specs"
    version_id: Mapped[int] = mapped_column(ForeignKey("study_versions.id"), index=True)
    condition_id: Mapped[int | None] = mapped_column(ForeignKey("conditions.id"))  # null: practice and catch trials
    role: Mapped[str]
    trial_type: Mapped[str]
    spec: Mapped[dict[str, Any]]  # typed by the trial type's own Spec
    target_id: Mapped[str]
    cluster: Mapped[str]
    start_id: Mapped[str | None]
    replicate: Mapped[int] = mapped_column(default=0)
    __table_args__ = (CheckConstraint(f"role IN {ROLES}", name="role"),)


class Rendition(Table):
    """The file that browsers get for a stored picture: scaled, padded to one length a version."""

    __tablename__ = "renditions"
    version_id: Mapped[int] = mapped_column(ForeignKey("study_versions.id"))
    original_sha256: Mapped[str]
    rendition_sha256: Mapped[str]
    __table_args__ = (UniqueConstraint("version_id", "original_sha256"),)


class Participant(Table):
    __tablename__ = "participants"
    pseudonym: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class RecruiterId(Table):
    """Who a participant is outside, and all that their entry links said. Erasable without touching an answer."""

    __tablename__ = "recruiter_ids"
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    participant_id: Mapped[int] = mapped_column(ForeignKey("participants.id"), index=True)
    source: Mapped[str]
    external_id: Mapped[str | None]  # null: the link said something, but not who they are
    arrivals: Mapped[list[Any]]  # the parameters of each entry link by which they came, in order
    created_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (UniqueConstraint("study_id", "source", "external_id"),)


class Session(Table):
    """One participant's one run of one study version. `position` is the number of answers stored."""

    __tablename__ = "sessions"
    token: Mapped[str] = mapped_column(unique=True)  # secret: it is all that names a run from outside
    public_id: Mapped[str] = mapped_column(unique=True)  # what exports call it
    image_key: Mapped[str]
    version_id: Mapped[int] = mapped_column(ForeignKey("study_versions.id"))
    participant_id: Mapped[int] = mapped_column(ForeignKey("participants.id"), index=True)
    mode: Mapped[str]
    state: Mapped[str]
    rng_seed: Mapped[int]
    position: Mapped[int] = mapped_column(default=0)
    practice: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    consent_version: Mapped[str | None]
    consent_sha256: Mapped[str | None]
    consent_locale: Mapped[str | None]
    completion_code: Mapped[str | None]
    arrived_at: Mapped[datetime] = mapped_column(default=now)
    consented_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime] = mapped_column(default=now)
    version: Mapped[StudyVersion] = relationship(lazy="raise")
    __table_args__ = (
        CheckConstraint(f"mode IN {MODES}", name="mode"),
        Index(None, "version_id", "mode"),
    )


class AssignedTrial(Table):
    """One question dealt to one run. `arrangement` numbers the layout, so that sides can be counted in SQL."""

    __tablename__ = "assigned_trials"
    session_id: Mapped[int] = mapped_column(ForeignKey("sessions.id"))
    position: Mapped[int]
    block: Mapped[int]
    spec_id: Mapped[int] = mapped_column(ForeignKey("trial_specs.id"), index=True)
    arrangement: Mapped[int]
    layout: Mapped[dict[str, Any]]  # typed by the trial type's own Layout
    allocation_rule: Mapped[str]
    selection_probability: Mapped[float | None]  # null where the rule is deterministic given who came before
    __table_args__ = (UniqueConstraint("session_id", "position"),)


class Response(Table):
    """One answer, as it was given. Never updated, never deleted."""

    __tablename__ = "responses"
    session_id: Mapped[int]
    position: Mapped[int]
    answer: Mapped[dict[str, Any]]  # typed by the trial type's own Answer
    timing: Mapped[dict[str, Any]]  # a sessions.timing.Timing
    received_at: Mapped[datetime]
    __table_args__ = (
        UniqueConstraint("session_id", "position"),
        ForeignKeyConstraint(["session_id", "position"], ["assigned_trials.session_id", "assigned_trials.position"]),
    )
