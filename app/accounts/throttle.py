"""Guessing a password takes time: a few attempts, then a pause that doubles."""

import time
from collections.abc import Callable
from math import ceil
from threading import Lock

from cachetools import TTLCache

from app.errors import Forbidden

FREE_ATTEMPTS = 5
FORGET_SECONDS = 3600


class Throttled(Forbidden):
    """Too many attempts; the next one may be made in `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many attempts; try again in {seconds} seconds.")
        self.seconds = seconds


class Throttle:
    """Counts failures by key (an address and an e-mail) in memory, for one server process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: TTLCache[str, tuple[int, float]] = TTLCache(10_000, FORGET_SECONDS, timer=clock)
        self._lock = Lock()

    def wait(self, key: str) -> float:
        """Seconds until the next attempt may be made; 0 for now."""
        with self._lock:
            failures, last = self._failures.get(key, (0, 0.0))
        if failures < FREE_ATTEMPTS:
            return 0.0
        pause = float(2 ** min(failures - FREE_ATTEMPTS, 10))
        return max(0.0, last + pause - self._clock())

    def admit(self, key: str) -> None:
        """Raises Throttled while the pause lasts."""
        pause = self.wait(key)
        if pause > 0:
            raise Throttled(ceil(pause))

    def failed(self, key: str) -> None:
        with self._lock:
            failures, _ = self._failures.get(key, (0, 0.0))
            self._failures[key] = (failures + 1, self._clock())

    def succeeded(self, key: str) -> None:
        with self._lock:
            self._failures.pop(key, None)
