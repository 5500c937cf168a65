"""CSV as the field writes it: UTF-8 without BOM, CRLF, quotes on need, 0/1 for booleans, empty for missing."""

import csv as standard
import io
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from app.exports.trial_row import COLUMNS, TrialRow

_ROWS_A_CHUNK = 500


class Csv:
    name = "csv"
    suffix = "csv"
    media_type = "text/csv; charset=utf-8"

    def encode(self, rows: Iterable[TrialRow]) -> Iterator[bytes]:
        buffer = io.StringIO(newline="")
        writer = standard.writer(buffer, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        for i, row in enumerate(rows, start=1):
            writer.writerow([_text(getattr(row, column)) for column in COLUMNS])
            if i % _ROWS_A_CHUNK == 0:
                yield _take(buffer)
        yield _take(buffer)


def _take(buffer: io.StringIO) -> bytes:
    data = buffer.getvalue().encode()
    buffer.seek(0)
    buffer.truncate()
    return data


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, tuple):
        return json.dumps(value, ensure_ascii=False) if value else ""
    return str(value)


csv = Csv()
