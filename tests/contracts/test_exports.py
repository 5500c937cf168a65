import csv
import io
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, get_type_hints

import pytest

from app.exports import COLUMNS, EXPORTS, Export, TrialRow


def row(**changes: Any) -> TrialRow:
    made: dict[str, Any] = {}
    for name, kind in get_type_hints(TrialRow).items():
        made[name] = {bool: True, int: 3, float: 1.5, str: "text"}.get(kind)
    made |= {"received_at": datetime(2026, 11, 24, 9, 0, 0, 123456, tzinfo=UTC), "exclusion_reasons": ()}
    return TrialRow(**{**made, **changes})


@pytest.fixture(params=EXPORTS.values(), ids=EXPORTS)
def export(request: pytest.FixtureRequest) -> Export:
    found: Export = request.param
    return found


def test_it_is_listed_under_its_name(export: Export) -> None:
    assert EXPORTS[export.name] is export
    assert export.suffix.isalnum()
    assert "/" in export.media_type


def test_it_streams(export: Export) -> None:
    """It asks for a few rows at a time and gives what it has."""
    taken = 0

    def many() -> Iterator[TrialRow]:
        nonlocal taken
        for _ in range(20_000):
            taken += 1
            yield row()

    stream = export.encode(many())
    next(stream)
    assert taken < 2000
    assert sum(len(chunk) for chunk in stream) > 100_000


def test_no_rows_still_make_a_file(export: Export) -> None:
    assert b"".join(export.encode([]))


def test_csv_round_trip() -> None:
    odd = 'a "quoted", long\r\ntext; =1+1'
    data = b"".join(
        EXPORTS["csv"].encode([row(reference_id=odd, correct=None, exclusion_reasons=("late", "catch")), row()])
    )
    assert not data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\r\n") == 4  # header, two rows, and the one inside quotes
    first, second = csv.DictReader(io.StringIO(data.decode(), newline=""))
    assert tuple(first) == COLUMNS
    assert first["reference_id"] == odd  # verbatim: the guard against formulas is for a spreadsheet's variant alone
    assert first["correct"] == ""
    assert first["exclusion_reasons"] == '["late", "catch"]'
    assert (second["excluded"], second["rt"], second["trial_index"]) == ("1", "1.5", "3")
    assert second["received_at"] == "2026-11-24T09:00:00.123Z"


def test_every_column_says_what_it_is() -> None:
    for field in fields(TrialRow):
        assert field.metadata["description"].endswith(".")
    assert COLUMNS[:5] == ("row_id", "study_id", "study_version", "mode", "participant_id")
