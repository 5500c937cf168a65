"""A CSV file that lists pictures and says of each what it is."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from generator.errors import GeneratorError
from generator.targets.base import Target, Targets
from generator.targets.picture import Fitting
from generator.targets.sampling import Sampling, assemble

COLUMNS = ("path", "class", "cluster", "split", "licence", "redistributable", "target_id")
Split = Literal["train", "heldout", "unknown"]
SPLITS: dict[str, Split | None] = {"": None, "train": "train", "heldout": "heldout", "unknown": "unknown"}
TRUTHS = {"": None, "true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

Meaning = TypeVar("Meaning")


@dataclass(frozen=True)
class _Row:
    """A line of the file whose cells have been understood; `where` names the line in errors."""

    where: str
    file: Path
    target_id: str
    cluster: str
    label: str | None
    split: Split | None
    licence: str | None
    redistributable: bool | None


@dataclass(frozen=True)
class CsvFile(Sampling, Fitting):
    """`path` is a CSV file in UTF-8 with commas. Column `path`: a picture, relative to the CSV. Columns that may be left
    out, as may single cells: `class`; `cluster`, the source picture, on which scores cluster (default: the file);
    `split`, train, heldout or unknown (default: the setting `split`, the researcher's claim); `licence`;
    `redistributable`, true or false; `target_id` (default: the path). Errors name line and column."""

    path: Path
    split: Split = "heldout"
    name: str | None = None

    def load(self, rng_seed: int) -> Targets:
        rows = [_understand(self.path, line, cells) for line, cells in self._lines()]
        if len(rows) < 2:
            raise GeneratorError(f"targets: {self.path} lists {len(rows)} pictures; two at least")
        _refuse_twins(rows)

        def describe(i: int) -> Target:
            row = rows[i]
            return Target(
                target_id=row.target_id,
                pixels=self.read(row.file, f"{row.where}, column path"),
                cluster=row.cluster,
                label=row.label,
                split=row.split or self.split,
                licence=row.licence,
                redistributable=row.redistributable,
            )

        drawn = self.draw([row.target_id for row in rows], [row.label for row in rows], rng_seed)
        return assemble(self.name or self.path.stem, describe, drawn, self.preprocessing)

    def _lines(self) -> list[tuple[int, dict[str, str]]]:
        """Number and cells of each line; a column that is not there is empty."""
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as opened:
                reader = csv.DictReader(opened, strict=True)
                reader.fieldnames = self._columns(reader.fieldnames or ())
                lines = [(reader.line_num, cells) for cells in reader]
        except OSError as problem:
            raise GeneratorError(f"targets: {self.path} cannot be read: {problem.strerror}") from None
        except (csv.Error, UnicodeDecodeError) as problem:
            raise GeneratorError(f"targets: {self.path} is no CSV file in UTF-8: {problem}") from None
        for line, cells in lines:
            if None in cells or None in cells.values():
                raise GeneratorError(f"targets: {self.path}, line {line} has another number of cells than the header")
        return [(line, {name: cells.get(name, "").strip() for name in COLUMNS}) for line, cells in lines]

    def _columns(self, found: Sequence[str]) -> list[str]:
        names = [name.strip() for name in found]
        known = f"known are {', '.join(COLUMNS)}, with commas between them"
        for name in names:
            if name not in COLUMNS:
                raise GeneratorError(f"targets: {self.path}, line 1: column {name!r} is unknown; {known}")
            if names.count(name) > 1:
                raise GeneratorError(f"targets: {self.path}, line 1: column {name} is there {names.count(name)} times")
        if "path" not in names:
            raise GeneratorError(f"targets: {self.path}, line 1: there is no column path; {known}")
        return names


def _understand(table: Path, line: int, cells: Mapping[str, str]) -> _Row:
    where, path = f"targets: {table}, line {line}", cells["path"]
    if not path or Path(path).is_absolute():
        raise GeneratorError(f"{where}, column path: {path!r}; expected a path that starts at the folder of the CSV")
    if not (table.parent / path).is_file():
        raise GeneratorError(f"{where}, column path: there is no file {table.parent / path}")
    return _Row(
        where=where,
        file=table.parent / path,
        target_id=cells["target_id"] or path,
        cluster=cells["cluster"] or path,
        label=cells["class"] or None,
        split=_one_of(SPLITS, where, "split", cells["split"]),
        licence=cells["licence"] or None,
        redistributable=_one_of(TRUTHS, where, "redistributable", cells["redistributable"]),
    )


def _one_of(meanings: Mapping[str, Meaning], where: str, column: str, cell: str) -> Meaning:
    if cell.lower() not in meanings:
        raise GeneratorError(
            f"{where}, column {column}: {cell!r}; expected {', '.join(filter(None, meanings))} or nothing"
        )
    return meanings[cell.lower()]


def _refuse_twins(rows: Sequence[_Row]) -> None:
    """Two targets of one id could not be told apart in a study."""
    first: dict[str, _Row] = {}
    for row in rows:
        twin = first.setdefault(row.target_id, row)
        if twin is not row:
            raise GeneratorError(
                f"{row.where}, column target_id: {row.target_id!r} stands in {twin.where.rpartition(', ')[2]} too; "
                f"without target_id it is the path"
            )
