"""What an export format is."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from app.exports.trial_row import TrialRow


class Export(Protocol):
    """A way to write the long trial table. `encode` streams: it holds a few rows at a time, however many there are."""

    @property
    def name(self) -> str: ...
    @property
    def suffix(self) -> str: ...
    @property
    def media_type(self) -> str: ...

    def encode(self, rows: Iterable[TrialRow]) -> Iterator[bytes]: ...
