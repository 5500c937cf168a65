"""Where in a TOML file a field stands, so that a complaint can say the line. tomllib does not tell."""

import re
from collections.abc import Sequence

_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\"-]+)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"\s*\"?([A-Za-z0-9_-]+)\"?\s*=")


def find_line(text: str, place: Sequence[str | int]) -> int | None:
    """The line (from 1) of a field, given as pydantic names it, such as ("models", 1, "layers"); of the table that it
    should stand in, where the field itself is missing; None where not even that is there."""
    table, number, keys = _parts(place)
    seen, current = 0, ""
    best: int | None = None
    inside = table == ""
    for line_number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        if header:
            current = header[2]
            seen += current == table and header[1] == "[["
            inside = current == table and (header[1] == "[" or seen == number + 1)
            best = line_number if inside and best is None else best
        elif (key := _KEY.match(line)) and (
            (inside and keys and key[1] == keys[0]) or (current == "" and key[1] == table)
        ):
            return line_number
    return best


def _parts(place: Sequence[str | int]) -> tuple[str, int, list[str]]:
    """Table, which one of its name, and the keys inside it."""
    names = list(place)
    if len(names) == 1:
        return "", 0, [str(names[0])]
    number = names[1] if len(names) > 1 and isinstance(names[1], int) else 0
    rest = names[2:] if len(names) > 1 and isinstance(names[1], int) else names[1:]
    return str(names[0]), number, [str(name) for name in rest if isinstance(name, str)]
