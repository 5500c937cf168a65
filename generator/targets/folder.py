"""A folder of pictures; folders inside it, if there are any, are classes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from generator.errors import GeneratorError
from generator.targets.base import Target, Targets
from generator.targets.picture import Fitting
from generator.targets.sampling import Sampling, assemble

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Folder(Sampling, Fitting):
    """Each file is an image cluster of its own. `split` is the researcher's claim that no network under study was trained
    on these pictures; nothing here can know. Grey pictures become RGB; those with more than 8 bits a value or with
    transparency are refused. Hidden files and folders are passed over."""

    path: Path
    split: Literal["train", "heldout", "unknown"] = "heldout"
    licence: str | None = None
    redistributable: bool | None = None
    name: str | None = None

    def load(self, rng_seed: int) -> Targets:
        if not self.path.is_dir():
            raise GeneratorError(f"targets: {self.path} is not a folder")
        ids = [file.as_posix() for file in self._files()]
        if len(ids) < 2:
            raise GeneratorError(f"targets: {self.path} holds {len(ids)} pictures ({', '.join(ENDINGS)}); two at least")
        labels = [name.split("/")[0] if "/" in name else None for name in ids]

        def describe(i: int) -> Target:
            return Target(
                target_id=ids[i],
                pixels=self.read(self.path / ids[i]),
                cluster=ids[i],
                label=labels[i],
                split=self.split,
                licence=self.licence,
                redistributable=self.redistributable,
            )

        drawn = self.draw(ids, labels, rng_seed)
        return assemble(self.name or self.path.resolve().name, describe, drawn, self.preprocessing)

    def _files(self) -> list[Path]:
        """Relative to the folder."""
        files = (file.relative_to(self.path) for file in self.path.rglob("*") if file.suffix.lower() in ENDINGS)
        return [file for file in files if not any(part.startswith(".") for part in file.parts)]
