"""One database, SQLite or PostgreSQL: its engine, its write lock, and the two ways to open a session."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from anyio import CancelScope, to_thread
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from app.db.lock import FairLock

BUSY_SECONDS = 30  # how long we wait for a writer in another process (a command line beside the server)


class Database:
    """Open it once a process. `writing` and `reading` are the only ways to a session, and `writing` commits."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.lock = FairLock()
        if self.is_sqlite and self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        self.engine = _engine(url, self.is_sqlite)
        # On SQLite a transaction that will write says so at once: one that reads first and writes later fails
        # with SQLITE_BUSY_SNAPSHOT, and no timeout helps.
        self.writer = self.engine.execution_options(alike_begin="BEGIN IMMEDIATE") if self.is_sqlite else self.engine

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction for a thread or a command: committed at the end, rolled back on any error."""
        with self._turn(), Session(self.writer, expire_on_commit=False) as db, db.begin():
            yield db

    @asynccontextmanager
    async def writing_async(self) -> AsyncIterator[Session]:
        """The same for a request: nothing of it keeps a thread while it waits for its turn."""
        if not self.is_sqlite:
            async with _session_async(self.writer) as db:
                yield db
            return
        async with self.lock.hold_async(), _session_async(self.writer) as db:
            yield db

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One snapshot, never committed. On PostgreSQL: REPEATABLE READ, so that a long export is of one moment."""
        with Session(self.engine.execution_options(**self._snapshot), expire_on_commit=False) as db:
            yield db

    @property
    def _snapshot(self) -> dict[str, Any]:
        return {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self.is_sqlite:
            with self.lock.hold():
                yield
        else:
            yield

    def close(self) -> None:
        self.engine.dispose()


@asynccontextmanager
async def _session_async(engine: Engine) -> AsyncIterator[Session]:
    db = Session(engine, expire_on_commit=False)
    try:
        yield db
        await to_thread.run_sync(db.commit)
    finally:
        with CancelScope(shield=True):  # whoever is cancelled still gives the connection back before the lock
            await to_thread.run_sync(db.close)  # rolls back what was not committed


def _engine(url: str, is_sqlite: bool) -> Engine:
    # Parameters stay out of messages, and so out of logs: they hold run tokens and recruiters' ids.
    if not is_sqlite:
        made = create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20, hide_parameters=True)
        keep_durable(made)
        return made
    # Connections without limit: they are cheap here, and slow downloads must not keep answers from being written.
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        pool_size=10,
        max_overflow=-1,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def keep_durable(engine: Engine) -> None:
    """A PostgreSQL that is set up to acknowledge commits before they are on disk does not do so for us."""
    event.listen(engine, "connect", _wait_for_disk)


def _wait_for_disk(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
    cursor.close()
    connection.commit()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own idea of transactions stands in the way of BEGIN IMMEDIATE
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("alike_begin", "BEGIN"))


# What the drivers raise when the database is locked, full or away: the request may be sent again.
UNAVAILABLE: tuple[type[Exception], ...] = (OperationalError, InterfaceError, PoolTimeout)
# What they raise for a value that no column takes, such as a text with a zero byte in PostgreSQL: a request's own fault.
UNSTORABLE: tuple[type[Exception], ...] = (DataError,)
