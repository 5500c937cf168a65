"""The promise: what was acknowledged is stored, once, as it was first given."""

import asyncio
import sqlite3
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from app.db import tables as t
from app.db.engine import Database
from app.errors import Busy
from app.sessions import service
from app.sessions.entry import read_entry
from app.sessions.recorder import Receipt, Recorder, Submission, open_recorder
from app.store import Store
from tests.factories import TIMING, publish


def submission(token: str, trial: int, choice: int = 0) -> Submission:
    return Submission(token, trial, {"choice": choice}, TIMING, datetime.now(UTC))


def arrive(database: Database, n: int = 1, **changes: Any) -> list[str]:
    """Runs that have consented."""
    tokens = []
    for _ in range(n):
        with database.writing() as db:
            tokens.append(service.arrive(db, slug="study", entry=read_entry([]), mode="live"))
        with database.writing() as db:
            service.consent(db, token=tokens[-1], agreed=True, lease_minutes=60)
    return tokens


async def _with(database: Database, work: Any) -> Any:
    recorder = open_recorder(database)
    await recorder.start()
    try:
        return await work(recorder)
    finally:
        await recorder.close()


def run(database: Database, work: Any) -> Any:
    return asyncio.run(_with(database, work))


def stored(database: Database) -> list[tuple[int, int, Any]]:
    with database.reading() as db:
        rows = db.execute(select(t.Response.session_id, t.Response.position, t.Response.answer))
        return [tuple(row) for row in rows]


def test_what_becomes_of_an_answer(database: Database, store: Store) -> None:
    publish(database, store)
    (token,) = arrive(database)

    async def work(recorder: Recorder) -> list[Receipt]:
        sent = [(0, 1), (0, 1), (0, 0), (2, 0), (1, 0), (99, 0)]
        return [await recorder.submit(submission(token, *one)) for one in sent]

    assert run(database, work) == [
        Receipt("stored", 1),
        Receipt("duplicate", 1),
        Receipt("conflict", 1),  # another choice: the first stays
        Receipt("conflict", 1),  # its turn has not come
        Receipt("stored", 2),
        Receipt("conflict", 2),
    ]
    assert [(position, answer["choice"]) for _, position, answer in stored(database)] == [(0, 1), (1, 0)]


def test_unknown_runs_and_ended_ones(database: Database, store: Store) -> None:
    publish(database, store)
    gone, fresh = arrive(database, 2)
    with database.writing() as db:
        not_yet = service.arrive(db, slug="study", entry=read_entry([]), mode="live")
        service.withdraw(db, token=gone)

    async def work(recorder: Recorder) -> list[str]:
        return [(await recorder.submit(submission(token, 0))).status for token in ("nobody", gone, not_yet, fresh)]

    assert run(database, work) == ["unknown", "gone", "gone", "stored"]


def test_the_last_answer_completes_the_run(database: Database, store: Store) -> None:
    publish(database, store)
    (token,) = arrive(database)
    states = []

    async def work(recorder: Recorder) -> None:
        for trial in range(16):
            await recorder.submit(submission(token, trial))
            with database.reading() as db:
                states.append(service.find_run(db, token=token).state)
        assert (await recorder.submit(submission(token, 15))).status == "duplicate"
        assert (await recorder.submit(submission(token, 16))).status == "gone"

    run(database, work)
    assert Counter(states) == {"practising": 1, "active": 14, "completed": 1}
    with database.reading() as db:
        assert service.find_run(db, token=token).finished_at is not None


def test_fifty_people_at_once_each_answer_sent_twice_some_with_another_choice(database: Database, store: Store) -> None:
    publish(database, store)
    tokens = arrive(database, 50)

    async def person(recorder: Recorder, token: str, number: int) -> Counter[str]:
        seen: Counter[str] = Counter()
        for trial in range(16):
            choices = (trial % 2, trial % 2 if number % 2 else 1 - trial % 2)
            receipts = await asyncio.gather(*(recorder.submit(submission(token, trial, c)) for c in choices))
            seen.update(receipt.status for receipt in receipts)
        return seen

    async def work(recorder: Recorder) -> Counter[str]:
        return sum(await asyncio.gather(*(person(recorder, tk, i) for i, tk in enumerate(tokens))), Counter())

    assert run(database, work) == {"stored": 50 * 16, "duplicate": 25 * 16, "conflict": 25 * 16}
    assert len({(session, position) for session, position, _ in stored(database)}) == len(stored(database)) == 800
    with database.reading() as db:
        assert db.scalar(select(func.count()).where(t.Session.state == "completed")) == 50


def test_a_bad_answer_does_not_fail_its_neighbours(sqlite_url: str, store: Store) -> None:
    """Two runs in one batch; the assigned trial of one is not there, so its foreign key fails."""
    database = Database(sqlite_url)
    publish(database, store)
    broken, whole = arrive(database, 2)
    with database.writing() as db:
        run_id = service.find_run(db, token=broken).id
        db.execute(t.AssignedTrial.__table__.delete().where(t.AssignedTrial.session_id == run_id))

    async def work(recorder: Recorder) -> list[Any]:
        both = (recorder.submit(submission(broken, 0)), recorder.submit(submission(whole, 0)))
        return await asyncio.gather(*both, return_exceptions=True)

    failed, fine = run(database, work)
    assert isinstance(failed, Busy)
    assert fine == Receipt("stored", 1)
    database.close()


def test_a_locked_database_is_busy_and_then_takes_the_same_answer(
    sqlite_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.db.engine.BUSY_SECONDS", 0.2)
    database = Database(sqlite_url)
    publish(database, store)
    (token,) = arrive(database)

    async def work(recorder: Recorder) -> Receipt:
        other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy):
            await recorder.submit(submission(token, 0))
        other.execute("ROLLBACK")
        other.close()
        return await recorder.submit(submission(token, 0))

    assert run(database, work) == Receipt("stored", 1)
    database.close()


def test_answers_that_wait_are_written_before_it_closes(database: Database, store: Store) -> None:
    publish(database, store)
    tokens = arrive(database, 20)

    async def work(recorder: Recorder) -> list[Receipt]:
        waiting = [asyncio.ensure_future(recorder.submit(submission(token, 0))) for token in tokens]
        await asyncio.sleep(0)
        return list(await asyncio.gather(*waiting))

    assert {receipt.status for receipt in run(database, work)} == {"stored"}
    assert len(stored(database)) == 20
