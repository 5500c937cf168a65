"""Migrations that are yet to be written meet databases full of answers."""

import shutil
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, inspect, select, text

from app.db import migrate
from app.db import tables as t
from app.db.engine import Database
from app.errors import Conflict, Invalid
from app.resources import folder
from app.store import Store
from tests.factories import publish
from tests.visitor import Visitor

LATER = """
import sqlalchemy as sa
from alembic import op

revision = "later"
down_revision = "0001"


def upgrade():
    {upgrade}


def downgrade():
    pass
"""
REBUILD = """with op.batch_alter_table("study_versions", recreate="auto") as batch:
        batch.alter_column("number", type_=sa.BigInteger())
        batch.add_column(sa.Column("note", sa.String(), nullable=True))"""
FAIL_HALFWAY = """op.add_column("studies", sa.Column("note", sa.String(), nullable=True))
    op.execute("this is no SQL")"""
ORPHAN = 'op.execute("DELETE FROM studies")'


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Our migrations, to which a test adds one."""
    copied = shutil.copytree(folder("migrations"), tmp_path / "migrations")
    monkeypatch.setattr(migrate, "folder", lambda name: tmp_path / name)
    return copied / "versions" / "later.py"


@pytest.fixture
def answered(client: TestClient, database: Database, store: Store) -> None:
    publish(database, store)
    Visitor(client).consent().answer_all()


@pytest.mark.usefixtures("answered")
def test_a_table_that_others_refer_to_can_be_changed(database: Database, later: Path) -> None:
    with database.reading() as db:
        before = [db.scalar(select(func.count(table.c.id))) for table in t.Table.metadata.sorted_tables]
    later.write_text(LATER.format(upgrade=REBUILD))
    migrate.upgrade(database.engine)
    assert "note" in {column["name"] for column in inspect(database.engine).get_columns("study_versions")}
    with database.reading() as db:
        assert [db.scalar(select(func.count(table.c.id))) for table in t.Table.metadata.sorted_tables] == before
    if database.is_sqlite:
        with database.reading() as db:
            assert db.execute(text("PRAGMA foreign_key_check")).all() == []
            assert db.scalar(text("PRAGMA foreign_keys")) == 1


@pytest.mark.usefixtures("answered")
@pytest.mark.parametrize("upgrade", [FAIL_HALFWAY, ORPHAN])
def test_a_migration_that_fails_changes_nothing(database: Database, later: Path, upgrade: str) -> None:
    later.write_text(LATER.format(upgrade=upgrade))
    with pytest.raises(Exception, match=r"no SQL|near|syntax|break references|violates foreign key"):
        migrate.upgrade(database.engine)
    assert "note" not in {column["name"] for column in inspect(database.engine).get_columns("studies")}
    with database.reading() as db:
        assert db.scalar(select(func.count(t.Study.id))) == 1
        assert db.scalar(text("SELECT version_num FROM alembic_version")) == "0001"


def test_a_database_of_another_revision_is_told_apart(database: Database, later: Path) -> None:
    migrate.check_current(database.engine)
    later.write_text(LATER.format(upgrade="pass"))
    with pytest.raises(Conflict, match="is at revision 0001, this program needs later; run `alike db upgrade`"):
        migrate.check_current(database.engine)
    migrate.upgrade(database.engine)
    later.unlink()
    with pytest.raises(Conflict, match="is at revision later"):
        migrate.check_current(database.engine)
    with pytest.raises(Invalid, match="later"):  # an older program meets a newer database
        migrate.upgrade(database.engine)
