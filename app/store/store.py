"""The store: the only place where the generator and the server meet.

Layout (every name is under the store's URL)::

    images/ab/abcd….png             bytes named by their SHA-256
    sets/<sha256>.json              a StimulusSet
    runs/<set>/<run>.json           a Run
    units/<recipe>/<unit>.json      finished units of work, from which a killed run goes on
    failures/<recipe>/<unit>/<n>.json   what befell a unit at its n-th attempt
"""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from app.store.errors import Ambiguous, Damaged, NotInStore, StoreError
from app.store.files import Files
from app.store.manifest import Image, Item, Run, StimulusSet, canonical, sha256


@dataclass(frozen=True)
class Problem:
    """One thing `verify` found: which file, and what is wrong with it."""

    name: str
    what: str


class Store:
    """Content-addressed images and immutable stimulus sets, in a folder or any fsspec URL.

    Every write is atomic and adding a thing twice is harmless. Raises only kinds of
    :class:`~app.store.errors.StoreError`.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._files = Files(url)

    # images

    def add_image(self, png: bytes) -> str:
        """Store the bytes; returns their SHA-256."""
        digest = sha256(png)
        if not self._files.exists(_image_name(digest)):
            self._files.write(_image_name(digest), png)
        return digest

    def image(self, digest: str) -> bytes:
        """The bytes of an image, checked against their name. Raises NotInStore or Damaged."""
        data = self._files.read(_image_name(digest))
        if sha256(data) != digest:
            raise Damaged(f"{_image_name(digest)} in store {self.url} has changed: its bytes hash to {sha256(data)}")
        return data

    def image_ids(self) -> set[str]:
        """The hashes of all images that are there, by their names alone."""
        return {_digest(name) for name in self._files.walk("images")}

    # sets

    def add_set(self, stimuli: StimulusSet, run: Run) -> str:
        """Store a finished set and the record of its making; returns the set's id.

        The images come first, so a set that can be seen can be shown. Raises NotInStore if one is missing.
        """
        for image in _images(stimuli):
            if not self._files.exists(_image_name(image.sha256)):
                raise NotInStore(f"set {stimuli.name}: {_image_name(image.sha256)} is not in store {self.url}")
        data = stimuli.encode()
        identity = sha256(data)
        if not self._files.exists(_set_name(identity)):
            self._files.write(_set_name(identity), data)
        self._files.write(f"runs/{identity}/{secrets.token_hex(8)}.json", canonical(run.model_dump(mode="json")))
        return identity

    def runs(self, identity: str) -> list[Run]:
        """The makings of a set, oldest first."""
        runs = [Run.model_validate_json(self._files.read(name)) for name in self._files.walk(f"runs/{identity}")]
        return sorted(runs, key=lambda run: run.started_at)

    def set_ids(self) -> list[str]:
        return [name.removeprefix("sets/").removesuffix(".json") for name in self._files.walk("sets")]

    def get_set(self, identity: str) -> StimulusSet:
        """The set of that full id. Raises NotInStore or Damaged."""
        data = self._files.read(_set_name(identity))
        if sha256(data) != identity:
            raise Damaged(f"{_set_name(identity)} in store {self.url} has changed: it hashes to {sha256(data)}")
        try:
            return StimulusSet.model_validate_json(data)
        except ValidationError as problem:
            first = problem.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise Damaged(
                f"{_set_name(identity)} in store {self.url} is not a stimulus set: {where}: {first['msg']}"
            ) from None

    def find_set(self, name_or_prefix: str) -> tuple[str, StimulusSet]:
        """The one set with that name, full id or id prefix (4 digits or more).

        Raises NotInStore, or Ambiguous with the ids among which to choose.
        """
        ids = self.set_ids()
        found = [i for i in ids if i == name_or_prefix]
        if not found and len(name_or_prefix) >= 4:
            found = [i for i in ids if i.startswith(name_or_prefix)]
        if not found:
            found = [i for i in ids if self.get_set(i).name == name_or_prefix]
        if not found:
            known = ", ".join(sorted({self.get_set(i).name for i in ids})) or "none"
            raise NotInStore(f"no stimulus set {name_or_prefix!r} in store {self.url}; there is: {known}")
        if len(found) > 1:
            raise Ambiguous(
                f"{name_or_prefix!r} fits {len(found)} stimulus sets; name one by its id: {', '.join(found)}"
            )
        return found[0], self.get_set(found[0])

    # units of work

    def add_unit(self, recipe: str, unit: str, value: Any) -> None:
        """Keep a finished unit (JSON) of the recipe with that hash."""
        self._files.write(_unit_name(recipe, unit), canonical({"value": value, "sha256": sha256(canonical(value))}))

    def unit(self, recipe: str, unit: str) -> Any | None:
        """A finished unit, or None where it is yet to be made (a damaged one is to be made again)."""
        try:
            kept = json.loads(self._files.read(_unit_name(recipe, unit)))
            intact = kept["sha256"] == sha256(canonical(kept["value"]))
        except (NotInStore, ValueError, KeyError, TypeError):
            return None
        return kept["value"] if intact else None

    def add_failure(self, recipe: str, unit: str, attempt: int, what: str) -> None:
        """Keep what befell a unit at an attempt (from 1)."""
        self._files.write(f"failures/{recipe}/{unit}/{attempt}.json", canonical({"what": what}))

    def failures(self, recipe: str, unit: str) -> list[str]:
        """What befell a unit, attempt by attempt."""
        names = self._files.walk(f"failures/{recipe}/{unit}")
        return [str(json.loads(self._files.read(name))["what"]) for name in names]

    def clear_failures(self, recipe: str) -> None:
        """Forget the failures of a recipe's units, so that they are tried again."""
        for name in self._files.walk(f"failures/{recipe}"):
            self._files.remove(name)

    # proof

    def verify(self) -> Iterator[Problem]:
        """Hash everything again; yields what is missing or changed, naming files."""
        intact = set()
        for name in self._files.walk("images"):
            digest = _digest(name)
            if name != _image_name(digest):
                yield Problem(name, "is not the name of an image")
            elif (actual := sha256(self._files.read(name))) != digest:
                yield Problem(name, f"changed: its bytes hash to {actual}")
            else:
                intact.add(digest)
        for identity in self.set_ids():
            try:
                stimuli = self.get_set(identity)
            except StoreError as problem:
                yield Problem(_set_name(identity), str(problem))
                continue
            for image in sorted({image.sha256 for image in _images(stimuli)} - intact):
                if not self._files.exists(_image_name(image)):
                    yield Problem(_image_name(image), f"missing, needed by set {stimuli.name} ({identity[:12]})")


def _image_name(digest: str) -> str:
    return f"images/{digest[:2]}/{digest}.png"


def _digest(name: str) -> str:
    return name.rsplit("/", 1)[1].removesuffix(".png")


def _set_name(identity: str) -> str:
    return f"sets/{identity}.json"


def _unit_name(recipe: str, unit: str) -> str:
    return f"units/{recipe}/{unit}.json"


def _images(stimuli: StimulusSet) -> Iterator[Image]:
    for item in stimuli.items:
        yield from _item_images(item)


def _item_images(item: Item) -> Iterator[Image]:
    yield from (item.target, item.start, item.reconstruction)
    yield from (alternative.image for alternative in item.alternatives)
