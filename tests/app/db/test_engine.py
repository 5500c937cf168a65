"""What every transaction of the server relies on."""

import asyncio
import threading
from contextlib import ExitStack, suppress

import anyio
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError, InternalError, OperationalError, ProgrammingError, StatementError
from sqlalchemy.orm import Session

from app.db import tables as t
from app.db.engine import Database
from app.db.types import now
from app.sessions.recorder import PostgresRecorder

PATIENCE = 20


def person(name: str) -> t.Participant:
    return t.Participant(pseudonym=name)


def add_and_fail(db: Session) -> None:
    db.add(person("b"))
    db.flush()
    raise KeyError


async def write_and_fail(database: Database, problem: type[Exception]) -> None:
    async with database.writing_async() as db:
        if problem is KeyError:
            add_and_fail(db)
        db.add(person("a"))


def names(database: Database) -> list[str]:
    with database.reading() as db:
        return list(db.scalars(select(t.Participant.pseudonym).order_by(t.Participant.pseudonym)))


def test_writing_commits_and_an_error_takes_all_of_it_back(database: Database) -> None:
    with database.writing() as db:
        db.add(person("a"))
    with pytest.raises(KeyError), database.writing() as db:
        add_and_fail(db)
    assert names(database) == ["a"]


def test_writing_from_a_coroutine_is_the_same(database: Database) -> None:
    async def main() -> None:
        async with database.writing_async() as db:
            db.add(person("a"))
        for problem in (KeyError, IntegrityError):  # the second is found at the commit
            with pytest.raises(problem):
                await write_and_fail(database, problem)
        async with database.writing_async() as db:  # the connection and the lock are free again
            db.add(person("c"))

    asyncio.run(main())
    assert names(database) == ["a", "c"]


def test_a_cancelled_request_leaves_nothing_open(database: Database) -> None:
    async def main() -> None:
        with anyio.CancelScope() as scope:
            async with database.writing_async() as db:
                db.add(person("a"))
                db.flush()
                scope.cancel()
                await anyio.sleep_forever()

    asyncio.run(main())
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    with database.writing() as db:
        db.add(person("b"))
    assert names(database) == ["b"]


def test_postgresql_waits_for_the_disk_whatever_it_is_set_up_to(postgres_url: str) -> None:
    careless = Database(postgres_url)
    with careless.engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {careless.url.database} SET synchronous_commit = off")
    careless.close()

    async def of_recorder() -> str:
        recorder = PostgresRecorder(Database(postgres_url))
        await recorder.start()
        async with recorder._engine.connect() as connection:
            shown = (await connection.exec_driver_sql("SHOW synchronous_commit")).scalar_one()
        await recorder.close()
        return str(shown)

    database = Database(postgres_url)
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
    database.close()
    assert asyncio.run(of_recorder()) == "on"


def test_reading_is_of_one_moment(database: Database) -> None:
    with database.writing() as db:
        db.add(person("a"))
    with database.reading() as db:
        before = db.scalar(select(func.count(t.Participant.id)))
        with database.writing() as other:
            other.add(person("b"))
        assert db.scalar(select(func.count(t.Participant.id))) == before == 1
    assert names(database) == ["a", "b"]


def test_nothing_written_while_reading_is_kept(database: Database) -> None:
    """PostgreSQL refuses it at once; SQLite takes it back at the end."""
    with suppress(InternalError), database.reading() as db:
        db.add(person("a"))
        db.flush()
    assert names(database) == []


def test_slow_readers_keep_nobody_from_writing(sqlite_url: str) -> None:
    """Downloads that nobody fetches hold their connections; on SQLite, answers need one of the same pool."""
    database = Database(sqlite_url)
    with ExitStack() as downloads:
        for _ in range(40):
            downloads.enter_context(database.reading()).execute(select(t.Participant.id))
        finished = threading.Thread(target=lambda: write(database, "a"), daemon=True)
        finished.start()
        finished.join(PATIENCE)
        assert not finished.is_alive()
    assert names(database) == ["a"]
    database.close()


def write(database: Database, name: str) -> None:
    with database.writing() as db:
        db.add(person(name))


def write_ten(database: Database, writer: int) -> None:
    for i in range(10):
        write(database, f"{writer}-{i}")


def test_many_writers_at_once_all_succeed(database: Database) -> None:
    threads = [threading.Thread(target=write_ten, args=(database, i), daemon=True) for i in range(20)]
    for started in threads:
        started.start()
    for started in threads:
        started.join()
    assert len(names(database)) == 200


def test_messages_hold_no_parameters(database: Database) -> None:
    """They end in logs, and a parameter may be a run's token or a recruiter's id."""
    write(database, "very-secret")
    with pytest.raises(IntegrityError) as refused:
        write(database, "very-secret")
    assert "hide_parameters" in str(refused.value)
    with database.reading() as db, pytest.raises((OperationalError, ProgrammingError)) as missing:
        db.execute(text("SELECT 1 FROM no_such_table WHERE x = :x"), {"x": "very-secret"})
    assert "very-secret" not in str(missing.value)


def test_sqlite_survives_a_power_cut_and_checks_references(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with database.reading() as db:
        settings = {name: db.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")}
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}  # 2: FULL
    with pytest.raises(IntegrityError), database.writing() as db:
        db.add(t.Login(researcher_id=77, token_sha256="x", expires_at=now()))
    database.close()


def test_moments_come_back_in_utc(database: Database) -> None:
    moment = now()
    with database.writing() as db:
        db.add(t.Participant(pseudonym="a", created_at=moment))
    with database.reading() as db:
        found = db.scalars(select(t.Participant.created_at)).one()
    assert found == moment
    assert found.utcoffset() is not None
    with pytest.raises(StatementError, match="without a time zone"), database.writing() as db:
        db.add(t.Participant(pseudonym="b", created_at=moment.replace(tzinfo=None)))
