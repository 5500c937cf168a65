"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "participants",
        sa.Column("pseudonym", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_participants")),
        sa.UniqueConstraint("pseudonym", name=op.f("uq_participants_pseudonym")),
    )
    op.create_table(
        "researchers",
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_researchers")),
        sa.UniqueConstraint("email", name=op.f("uq_researchers_email")),
    )
    op.create_table(
        "studies",
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("draft", JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studies")),
        sa.UniqueConstraint("slug", name=op.f("uq_studies_slug")),
    )
    op.create_table(
        "logins",
        sa.Column("researcher_id", sa.Integer(), nullable=False),
        sa.Column("token_sha256", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["researcher_id"], ["researchers.id"], name=op.f("fk_logins_researcher_id_researchers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logins")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_logins_token_sha256")),
    )
    with op.batch_alter_table("logins", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_logins_researcher_id"), ["researcher_id"], unique=False)

    op.create_table(
        "recruiter_ids",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("arrivals", JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participants.id"], name=op.f("fk_recruiter_ids_participant_id_participants")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_recruiter_ids_study_id_studies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recruiter_ids")),
        sa.UniqueConstraint(
            "study_id", "source", "external_id", name=op.f("uq_recruiter_ids_study_id_source_external_id")
        ),
    )
    with op.batch_alter_table("recruiter_ids", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recruiter_ids_participant_id"), ["participant_id"], unique=False)

    op.create_table(
        "study_versions",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("protocol", JSON, nullable=False),
        sa.Column("protocol_sha256", sa.String(), nullable=False),
        sa.Column("question_sha256", sa.String(), nullable=False),
        sa.Column("report", JSON, nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_study_versions_study_id_studies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study_versions")),
        sa.UniqueConstraint("study_id", "number", name=op.f("uq_study_versions_study_id_number")),
    )
    op.create_table(
        "conditions",
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("set_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("source", JSON, nullable=False),
        sa.Column("n_items", sa.Integer(), nullable=False),
        sa.Column("n_valid", sa.Integer(), nullable=False),
        sa.Column("measures", JSON, nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["study_versions.id"], name=op.f("fk_conditions_version_id_study_versions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conditions")),
        sa.UniqueConstraint("version_id", "set_id", name=op.f("uq_conditions_version_id_set_id")),
    )
    op.create_table(
        "renditions",
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("original_sha256", sa.String(), nullable=False),
        sa.Column("rendition_sha256", sa.String(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["study_versions.id"], name=op.f("fk_renditions_version_id_study_versions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_renditions")),
        sa.UniqueConstraint("version_id", "original_sha256", name=op.f("uq_renditions_version_id_original_sha256")),
    )
    op.create_table(
        "sessions",
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("public_id", sa.String(), nullable=False),
        sa.Column("image_key", sa.String(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("rng_seed", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("practice", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("consent_version", sa.String(), nullable=True),
        sa.Column("consent_sha256", sa.String(), nullable=True),
        sa.Column("consent_locale", sa.String(), nullable=True),
        sa.Column("completion_code", sa.String(), nullable=True),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consented_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.CheckConstraint("mode IN ('preview', 'pilot', 'live', 'simulated')", name=op.f("ck_sessions_mode")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participants.id"], name=op.f("fk_sessions_participant_id_participants")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["study_versions.id"], name=op.f("fk_sessions_version_id_study_versions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("public_id", name=op.f("uq_sessions_public_id")),
        sa.UniqueConstraint("token", name=op.f("uq_sessions_token")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sessions_participant_id"), ["participant_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_sessions_version_id_mode"), ["version_id", "mode"], unique=False)

    op.create_table(
        "trial_specs",
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("condition_id", sa.Integer(), nullable=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("trial_type", sa.String(), nullable=False),
        sa.Column("spec", JSON, nullable=False),
        sa.Column("target_id", sa.String(), nullable=False),
        sa.Column("cluster", sa.String(), nullable=False),
        sa.Column("start_id", sa.String(), nullable=True),
        sa.Column("replicate", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.CheckConstraint("role IN ('main', 'practice', 'catch')", name=op.f("ck_trial_specs_role")),
        sa.ForeignKeyConstraint(
            ["condition_id"], ["conditions.id"], name=op.f("fk_trial_specs_condition_id_conditions")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["study_versions.id"], name=op.f("fk_trial_specs_version_id_study_versions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trial_specs")),
    )
    with op.batch_alter_table("trial_specs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_trial_specs_version_id"), ["version_id"], unique=False)

    op.create_table(
        "assigned_trials",
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("spec_id", sa.Integer(), nullable=False),
        sa.Column("arrangement", sa.Integer(), nullable=False),
        sa.Column("layout", JSON, nullable=False),
        sa.Column("allocation_rule", sa.String(), nullable=False),
        sa.Column("selection_probability", sa.Double(), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_assigned_trials_session_id_sessions")),
        sa.ForeignKeyConstraint(["spec_id"], ["trial_specs.id"], name=op.f("fk_assigned_trials_spec_id_trial_specs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assigned_trials")),
        sa.UniqueConstraint("session_id", "position", name=op.f("uq_assigned_trials_session_id_position")),
    )
    with op.batch_alter_table("assigned_trials", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_assigned_trials_spec_id"), ["spec_id"], unique=False)

    op.create_table(
        "responses",
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("answer", JSON, nullable=False),
        sa.Column("timing", JSON, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id", "position"],
            ["assigned_trials.session_id", "assigned_trials.position"],
            name=op.f("fk_responses_session_id_position_assigned_trials"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_responses")),
        sa.UniqueConstraint("session_id", "position", name=op.f("uq_responses_session_id_position")),
    )


def downgrade() -> None:
    op.drop_table("responses")
    with op.batch_alter_table("assigned_trials", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_assigned_trials_spec_id"))

    op.drop_table("assigned_trials")
    with op.batch_alter_table("trial_specs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_trial_specs_version_id"))

    op.drop_table("trial_specs")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sessions_version_id_mode"))
        batch_op.drop_index(batch_op.f("ix_sessions_participant_id"))

    op.drop_table("sessions")
    op.drop_table("renditions")
    op.drop_table("conditions")
    op.drop_table("study_versions")
    with op.batch_alter_table("recruiter_ids", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_recruiter_ids_participant_id"))

    op.drop_table("recruiter_ids")
    with op.batch_alter_table("logins", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_logins_researcher_id"))

    op.drop_table("logins")
    op.drop_table("studies")
    op.drop_table("researchers")
    op.drop_table("participants")
