import pytest

from generator.toml_lines import find_line

TEXT = """\
name = "x"
tau = 0.1
optimizers = [{ kind = "adam" }]

[targets]
kind = "folder"     # a comment
path = "p"

[[models]]
name = "a"
layers = ["x"]

[[models]]
name = "b"
[stop]
rule = "first"
"""


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("tau",), 2),
        (("targets", "path"), 7),
        (("targets", "limit"), 5),
        (("models", 0, "layers"), 11),
        (("models", 1, "name"), 14),
        (("models", 1, "layers"), 13),
        (("models", 1), 13),
        (("optimizers", 0, "lr"), 3),
        (("stop", "rule"), 16),
        (("nothing",), None),
        (("losses", 0, "kind"), None),
    ],
)
def test_where_a_field_stands(place: tuple[str | int, ...], line: int | None) -> None:
    assert find_line(TEXT, place) == line
