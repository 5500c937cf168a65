"""What an entry link says about who is coming: the recruiters' parameters (conventions.md §1.1)."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.errors import Invalid

LONGEST_ID = 200
_LONGEST_VALUE = 2000
_MOST_PARAMETERS = 50


@dataclass(frozen=True)
class Entry:
    """Who arrives. Without an external id, everybody who follows the link is somebody new.

    `query` holds every parameter; one that came several times has the list of its values.
    """

    source: str
    external_id: str | None
    is_preview: bool
    query: dict[str, str | list[str]]


# (source, parameter that names the person), in the order in which they are looked for
_RECRUITERS = (
    ("prolific", "PROLIFIC_PID"),
    ("mturk", "workerId"),
    ("lab", "participant_label"),
    ("psychopy", "participant"),
    ("link", "participant_id"),
)


def read_entry(parameters: Iterable[tuple[str, str]]) -> Entry:
    """Parameters are case-sensitive; all are kept. A placeholder that a recruiter did not fill in means a preview, and
    so does MTurk's assignment that is not available yet. Raises Invalid for an id or a link that is too long to keep."""
    given = [(key, value) for key, value in parameters if key != "pass"]  # a pass is ours, and says nothing about them
    first = dict(reversed(given))
    source, external_id = "link", None
    for name, parameter in _RECRUITERS:
        if first.get(parameter):
            source, external_id = first.get("source", name) if name == "link" else name, first[parameter]
            break
    if len(external_id or "") > LONGEST_ID or len(source) > LONGEST_ID:
        raise Invalid(f"the id in this link is longer than {LONGEST_ID} characters")
    if len(given) > _MOST_PARAMETERS or any(len(key) + len(value) > _LONGEST_VALUE for key, value in given):
        raise Invalid(
            f"this link has more than {_MOST_PARAMETERS} parameters, or one of over {_LONGEST_VALUE} characters"
        )
    unfilled = any("{{%" in value for _, value in given)
    not_yet = first.get("assignmentId") == "ASSIGNMENT_ID_NOT_AVAILABLE"
    return Entry(source, external_id, unfilled or not_yet, _together(given))


def _together(given: list[tuple[str, str]]) -> dict[str, str | list[str]]:
    values: dict[str, list[str]] = {}
    for key, value in given:
        values.setdefault(key, []).append(value)
    return {key: found[0] if len(found) == 1 else found for key, found in values.items()}
