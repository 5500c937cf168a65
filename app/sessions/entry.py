"""What an entry link says about who is coming: the recruiters' parameters (conventions.md §1.1)."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """Who arrives. Without an external id, everybody who follows the link is somebody new."""

    source: str
    external_id: str | None
    is_preview: bool
    query: dict[str, str]


# (source, parameter that names the person), in the order in which they are looked for
_RECRUITERS = (
    ("prolific", "PROLIFIC_PID"),
    ("mturk", "workerId"),
    ("lab", "participant_label"),
    ("psychopy", "participant"),
    ("link", "participant_id"),
)


def read_entry(query: Mapping[str, str]) -> Entry:
    """Parameters are case-sensitive; all are kept. A placeholder that a recruiter did not fill in means a preview, and
    so does MTurk's assignment that is not available yet."""
    kept = {str(key)[:200]: str(value)[:2000] for key, value in list(query.items())[:50]}
    source, external_id = "link", None
    for name, parameter in _RECRUITERS:
        if kept.get(parameter):
            source, external_id = kept.get("source", name) if name == "link" else name, kept[parameter][:200]
            break
    unfilled = any("{{%" in value for value in kept.values())
    not_yet = kept.get("assignmentId") == "ASSIGNMENT_ID_NOT_AVAILABLE"
    return Entry(source, external_id, unfilled or not_yet, kept)
