"""A fair lock that belongs to no thread.

SQLite has one writer at a time, and its own way of waiting is to sleep and try again: unfair, with waits of seconds and
then "database is locked". Inside one process we queue instead. The lock has no owner because a request may take it on
the event loop and give it back from a worker thread.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager


class FairLock:
    """First come, first served, for threads and coroutines alike."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held = False
        self._waiting: deque[Future[None]] = deque()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """For threads."""
        self._queue().result()
        try:
            yield
        finally:
            self._release()

    @asynccontextmanager
    async def hold_async(self) -> AsyncIterator[None]:
        """For coroutines: waits without keeping a thread, so that those who hold the lock always find one to run on."""
        turn = self._queue()
        try:
            await asyncio.wrap_future(turn)
        except asyncio.CancelledError:
            if not turn.cancel():  # our turn came while we were being cancelled: pass it on
                turn.add_done_callback(lambda _: self._release())
            raise
        try:
            yield
        finally:
            self._release()

    def _queue(self) -> Future[None]:
        turn: Future[None] = Future()
        with self._guard:
            if self._held:
                self._waiting.append(turn)
                return turn
            self._held = True
        turn.set_running_or_notify_cancel()
        turn.set_result(None)
        return turn

    def _release(self) -> None:
        with self._guard:
            while self._waiting:
                turn = self._waiting.popleft()
                if turn.set_running_or_notify_cancel():  # False: whoever waited has gone
                    break
            else:
                self._held = False
                return
        turn.set_result(None)
