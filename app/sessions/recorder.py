"""Recording an answer: the one hot path, and the one place where an answer could be lost.

`submit` answers only after COMMIT. Whatever is sent again, sent twice at once or sent out of order is recognized, and
the first answer stays. Two engines behind one interface, because the two databases want opposite things:

* SQLite has one writer at a time. One thread gathers all answers that wait, writes them in one transaction with a
  savepoint each, and answers them all after one fsync.
* PostgreSQL wants few round trips. One statement checks the run, inserts the answer and moves the run on.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from sqlalchemy import (
    Connection,
    Integer,
    Select,
    Table,
    and_,
    bindparam,
    case,
    exists,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.db import tables as t
from app.db.engine import UNAVAILABLE, Database, keep_durable
from app.db.types import Json, Utc
from app.errors import Busy
from app.sessions.states import ANSWERING, State, after_answer

LARGEST_BATCH = 256
LONGEST_QUEUE = 4096
_STOP = None
_log = logging.getLogger(__name__)

Status = Literal["stored", "duplicate", "conflict", "gone", "unknown"]


@dataclass(frozen=True)
class Submission:
    """An answer as it reached us, already checked against its trial type."""

    token: str
    trial: int
    answer: dict[str, Any]
    timing: dict[str, Any]
    received_at: datetime


@dataclass(frozen=True)
class Receipt:
    """What became of it, and where the run stands now (the number of its answers).

    `conflict`: another answer to this trial stands already, or its turn has not come. `gone`: the run has ended.
    `unknown`: there is no such run.
    """

    status: Status
    position: int


class Recorder(Protocol):
    """Started and closed on the event loop that submits."""

    async def start(self) -> None: ...
    async def close(self) -> None: ...

    async def submit(self, submission: Submission) -> Receipt:
        """Raises Busy when storage cannot take it now; the same submission may be sent again."""
        ...


def open_recorder(database: Database) -> Recorder:
    return SqliteRecorder(database) if database.is_sqlite else PostgresRecorder(database)


# --- SQLite


@dataclass(frozen=True)
class _Waiting:
    submission: Submission
    receipt: "asyncio.Future[Receipt]"


class SqliteRecorder:
    """One writer thread with group commit. It takes the database's lock as every other writer does."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(LONGEST_QUEUE)
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._loop: asyncio.AbstractEventLoop

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def close(self) -> None:
        """Writes what still waits, then stops."""
        await asyncio.to_thread(self._queue.put, _STOP)
        await asyncio.to_thread(self._thread.join)

    async def submit(self, submission: Submission) -> Receipt:
        waiting = _Waiting(submission, self._loop.create_future())
        try:
            self._queue.put_nowait(waiting)
        except queue.Full:
            raise Busy("too many answers are waiting to be written") from None
        return await waiting.receipt

    def _run(self) -> None:
        stopping = False
        while not stopping:
            batch = [self._queue.get()]
            while len(batch) < LARGEST_BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            stopping = _STOP in batch
            self._answer([waiting for waiting in batch if waiting is not None])

    def _answer(self, batch: Sequence[_Waiting]) -> None:
        """Whatever happens, everybody who waits is answered, and nobody before the commit."""
        outcomes: list[Receipt | Busy]
        try:
            outcomes = self._write([waiting.submission for waiting in batch])
        except Exception:
            _log.exception("a batch of %d answers could not be written; they will be sent again", len(batch))
            outcomes = [Busy("the database cannot be written at this moment") for _ in batch]
        self._loop.call_soon_threadsafe(_settle, [waiting.receipt for waiting in batch], outcomes)

    def _write(self, submissions: Sequence[Submission]) -> list[Receipt | Busy]:
        with self._database.lock.hold(), self._database.writer.begin() as connection:
            return [_write_one(connection, submission) for submission in submissions]


def _settle(receipts: Sequence["asyncio.Future[Receipt]"], outcomes: Sequence[Receipt | Busy]) -> None:
    for receipt, outcome in zip(receipts, outcomes, strict=True):
        if receipt.done():  # whoever asked has gone; the answer stays
            continue
        if isinstance(outcome, Busy):
            receipt.set_exception(outcome)
        else:
            receipt.set_result(outcome)


def _write_one(connection: Connection, submission: Submission) -> Receipt | Busy:
    """One answer within the batch's transaction. A savepoint keeps a bad one from failing its neighbours.

    OperationalError (locked, disk full) is everybody's trouble and fails the batch.
    """
    savepoint = connection.begin_nested()
    try:
        receipt = _judge_and_store(connection, submission)
    except IntegrityError as problem:
        savepoint.rollback()
        _log.warning("an answer was refused by the database: %s", problem.orig)
        return Busy("the answer could not be stored")
    savepoint.commit()
    return receipt


def _judge_and_store(connection: Connection, submission: Submission) -> Receipt:
    run = connection.execute(_RUN, {"run_token": submission.token}).one_or_none()
    if run is None:
        return Receipt("unknown", 0)
    if submission.trial < run.position:
        stored = connection.scalar(_STORED, {"of_run": run.id, "at_trial": submission.trial})
        return _recognize(stored, submission, run.position)
    if run.state not in ANSWERING:
        return Receipt("gone", run.position)
    if submission.trial > run.position or submission.trial >= run.total:
        return Receipt("conflict", run.position)
    connection.execute(insert(t.Response), {"session_id": run.id, **_content(submission)})
    position = run.position + 1
    moved: dict[str, Any] = {
        "position": position,
        "state": after_answer(position, practice=run.practice, total=run.total),
        "last_seen_at": submission.received_at,
    }
    if position == run.total:
        moved["finished_at"] = submission.received_at
    connection.execute(update(_runs).where(_runs.c.id == run.id).values(moved))
    return Receipt("stored", position)


def _content(submission: Submission) -> dict[str, Any]:
    return {
        "position": submission.trial,
        "answer": submission.answer,
        "timing": submission.timing,
        "received_at": submission.received_at,
    }


def _recognize(stored: dict[str, Any] | None, submission: Submission, position: int) -> Receipt:
    """The first answer stays: the same again is a duplicate, another one a conflict."""
    return Receipt("duplicate" if stored == submission.answer else "conflict", position)


# --- PostgreSQL


class PostgresRecorder:
    """One statement an answer, which itself checks the run's state: one round trip, one transaction."""

    def __init__(self, database: Database) -> None:
        self._url = database.url
        self._engine: AsyncEngine

    async def start(self) -> None:
        self._engine = create_async_engine(
            self._url, pool_size=10, max_overflow=20, pool_pre_ping=True, hide_parameters=True
        )
        keep_durable(self._engine.sync_engine)

    async def close(self) -> None:
        await self._engine.dispose()

    async def submit(self, submission: Submission) -> Receipt:
        # Not the names of columns: an UPDATE sets every column that a parameter is named after.
        parameters = {f"new_{name}": value for name, value in _content(submission).items()}
        parameters |= {"run_token": submission.token, "at_trial": submission.trial}
        try:
            async with self._engine.begin() as connection:
                found = (await connection.execute(_SUBMIT, parameters)).one_or_none()
                if found is None:
                    return Receipt("unknown", 0)
                if found.stored:
                    return Receipt("stored", found.position + 1)
                if submission.trial < found.position:
                    # A statement of its own: a twin that was committed while we waited for the row is not in the
                    # snapshot of the first one.
                    again = {"of_run": found.id, "at_trial": submission.trial}
                    return _recognize(await connection.scalar(_STORED, again), submission, found.position)
        except UNAVAILABLE as problem:
            _log.warning("an answer could not be written, it will be sent again: %s", problem)
            raise Busy("the database cannot be written at this moment") from None
        return Receipt("conflict" if found.state in ANSWERING else "gone", found.position)


# --- statements

_runs: Table = t.Session.__table__  # type: ignore[assignment]
_RUN = select(_runs.c.id, _runs.c.state, _runs.c.position, _runs.c.practice, _runs.c.total).where(
    _runs.c.token == bindparam("run_token")
)
_STORED = select(t.Response.answer).where(
    t.Response.session_id == bindparam("of_run"), t.Response.position == bindparam("at_trial")
)


def _postgres_statement() -> Select[Any]:
    """Lock the run, insert the answer if its turn has come, move the run on; say what was found."""
    run = _RUN.with_for_update().cte("run")
    trial = bindparam("at_trial", type_=Integer)
    due = and_(run.c.state.in_(sorted(ANSWERING)), run.c.position == trial, trial < run.c.total)
    content = {
        "position": bindparam("new_position", type_=Integer),
        "answer": bindparam("new_answer", type_=Json),
        "timing": bindparam("new_timing", type_=Json),
        "received_at": bindparam("new_received_at", type_=Utc),
    }
    stored = (
        insert(t.Response)
        .from_select(["session_id", *content], select(run.c.id, *content.values()).where(due))
        .returning(t.Response.position)
        .cte("stored")
    )
    position = run.c.position + 1
    is_last = position >= run.c.total
    in_practice = position < run.c.practice
    moved = (
        update(_runs)
        .where(_runs.c.id == run.c.id, exists(select(stored.c.position)))
        .values(
            position=position,
            state=case((is_last, State.COMPLETED), (in_practice, State.PRACTISING), else_=State.ACTIVE),
            last_seen_at=content["received_at"],
            finished_at=case((is_last, content["received_at"]), else_=_runs.c.finished_at),
        )
        .returning(_runs.c.id)
        .cte("moved")
    )
    found = select(run.c.id, run.c.state, run.c.position, exists(select(stored.c.position)).label("stored"))
    return found.add_cte(moved)


_SUBMIT = _postgres_statement()
