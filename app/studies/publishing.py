"""From a protocol and a store to everything that a version freezes. Touches no database: pictures take their time.

The order of things: find the sets, refuse what cannot be compared, keep the targets that are valid in every set, put a
few pictures aside for practice and catch trials, and render every picture that will be shown.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image as Picture
from pydantic import BaseModel, ConfigDict

from app.display import FOILS, derive, encode, pad, render
from app.errors import Invalid
from app.store import Item, StimulusSet, Store, StoreError, canonical, sha256
from app.studies.protocol import MAKING, Protocol
from app.trials import TRIAL_TYPES, AnyTrialType

FEWEST_TARGETS = 30  # validity.md §2
CATCH_KINDS = ("scramble", "noise", "colour")  # a blurred picture is no obvious foil for the same picture
PADDING = 12  # bytes of an empty chunk

Key = tuple[str, int]
"""A target by its id, and which of its starts."""


class DroppedTarget(BaseModel):
    """A target that nobody will be shown, and why, set by set."""

    model_config = ConfigDict(frozen=True)
    target_id: str
    reasons: dict[str, str]


class Report(BaseModel):
    """What publishing decided. Kept with the version and shown with its results."""

    model_config = ConfigDict(frozen=True)
    targets: int
    native_px: int
    dropped: tuple[DroppedTarget, ...]
    set_aside: tuple[str, ...]
    few_targets_allowed: bool
    not_assessed: dict[str, str] = {}  # set id → name

    @property
    def lines(self) -> list[str]:
        """For people: one line a fact."""
        lines = [f"{self.targets} targets are shown: those valid in every stimulus set"]
        for dropped in self.dropped:
            why = "; ".join(f"{name}: {reason}" for name, reason in dropped.reasons.items())
            lines.append(f"{dropped.target_id} dropped ({why})")
        if self.set_aside:
            lines.append(f"kept for practice and catch trials: {', '.join(self.set_aside)}")
        lines += [
            f"{name}: validity not assessed; its images went through no gate" for name in self.not_assessed.values()
        ]
        if self.few_targets_allowed:
            lines.append(f"fewer than {FEWEST_TARGETS} targets were allowed by --allow-few")
        return lines


@dataclass(frozen=True)
class PreparedSpec:
    """A row of trial_specs to be; `set_id` is None for practice and catch trials."""

    set_id: str | None
    role: str
    spec: dict[str, Any]
    target_id: str
    cluster: str
    start_id: str | None
    replicate: int


@dataclass(frozen=True)
class Prepared:
    """All that a version freezes."""

    protocol: Protocol
    sets: dict[str, StimulusSet]
    names: dict[str, str]
    shown: dict[str, list[Item]]
    specs: list[PreparedSpec]
    renditions: dict[str, str]
    report: Report


def prepare(protocol: Protocol, store: Store, *, allow_few: bool) -> Prepared:
    """Read the sets, choose the targets, render the pictures. Raises Invalid or StoreError; writes only renditions."""
    sets = dict(store.find_set(name) for name in protocol.sets)
    _refuse_incomparable(protocol, sets)
    _refuse_namesakes(protocol, sets)
    _refuse_not_assessed(protocol, sets)
    common, dropped = _common_targets(sets)
    rng = np.random.default_rng(int(sha256(canonical([sorted(sets), protocol.practice, protocol.catch]))[:16], 16))
    aside = _set_aside(protocol, sets, common, dropped, rng)
    set_aside = {item.target_id for item in aside}
    main = {key for key in common if key[0] not in set_aside}
    n_targets = len({target_id for target_id, _ in main})
    _refuse_few(protocol, n_targets, dropped, allow_few=allow_few)
    trial_type = TRIAL_TYPES[protocol.trial_type]
    specs = [*_main_specs(trial_type, sets, main), *_truth_specs(trial_type, protocol, store, aside, rng)]
    if not protocol.repeated_pictures:
        _refuse_repeated(trial_type, specs)
    images = {image for spec in specs for image in trial_type.images(trial_type.spec_type.model_validate(spec.spec))}
    report = Report(
        targets=n_targets,
        native_px=_native_size(sets),
        dropped=tuple(dropped.values()),
        set_aside=tuple(item.target_id for item in aside),
        few_targets_allowed=n_targets < FEWEST_TARGETS,
        not_assessed={set_id: stimuli.name for set_id, stimuli in sets.items() if not stimuli.is_assessed},
    )
    return Prepared(
        protocol=protocol.model_copy(update={"sets": tuple(sets)}),
        sets=sets,
        names=_names(sets),
        shown={i: [item for item in s.items if item.valid and _key(item) in main] for i, s in sets.items()},
        specs=specs,
        renditions=_render_all(protocol, store, sorted(images)),
        report=report,
    )


def _refuse_incomparable(protocol: Protocol, sets: dict[str, StimulusSet]) -> None:
    if len(sets) < len(protocol.sets):
        raise Invalid(f"study {protocol.slug}: two of its sets are the same: {', '.join(protocol.sets)}")
    for factor in MAKING:
        values = {stimuli.name: getattr(stimuli.source, factor) for stimuli in sets.values()}
        if len(set(values.values())) > 1 and factor not in protocol.compared:
            told = ", ".join(f"{name}: {value}" for name, value in values.items())
            raise Invalid(
                f"study {protocol.slug}: its sets differ in {factor} ({told}); a difference in score would not be the "
                f'model\'s. Choose sets made alike, or write compared = ["{factor}"] if that is what is compared'
            )


def _refuse_namesakes(protocol: Protocol, sets: dict[str, StimulusSet]) -> None:
    """A recipe may call a loss of its own as it likes; what it is stands in the recipe."""
    told_of = [(stimuli.source.loss, stimuli.recipe.get("loss")) for stimuli in sets.values()]
    losses = [(name, told.get("terms") if isinstance(told, dict) else None) for name, told in told_of]
    for name, told in losses:
        if "loss" not in protocol.compared and any(n == name and t != told for n, t in losses):
            raise Invalid(
                f"study {protocol.slug}: its sets call two different losses {name!r}; give them names of their own, and "
                f'write compared = ["loss"] if that is what is compared'
            )


def _refuse_not_assessed(protocol: Protocol, sets: dict[str, StimulusSet]) -> None:
    foreign = [stimuli.name for stimuli in sets.values() if not stimuli.is_assessed]
    if foreign and not protocol.not_assessed:
        raise Invalid(
            f"study {protocol.slug}: nobody has proven that the images of {', '.join(foreign)} match their targets (they "
            f"were imported). Write not_assessed = true if you know that"
        )


def _names(sets: dict[str, StimulusSet]) -> dict[str, str]:
    """What each set is called in results: its name, and that in which it differs from another one of that name."""
    alike = Counter(stimuli.name for stimuli in sets.values())
    factors = [f for f in ("layer", *MAKING) if len({getattr(s.source, f) for s in sets.values()}) > 1]
    return {
        set_id: " · ".join([stimuli.name, *(str(getattr(stimuli.source, factor)) for factor in factors)])
        if alike[stimuli.name] > 1
        else stimuli.name
        for set_id, stimuli in sets.items()
    }


def _key(item: Item) -> Key:
    return item.target_id, item.replicate


def _told(key: Key) -> str:
    """For people: the target, and which of its starts where that is not the first."""
    return f"{key[0]} (start {key[1] + 1})" if key[1] else key[0]


def _common_targets(sets: dict[str, StimulusSet]) -> tuple[list[Key], dict[Key, DroppedTarget]]:
    """Targets with a start, valid in every set, and the others with their reasons."""
    reasons: dict[Key, dict[str, str]] = {}
    everything = {_key(item) for stimuli in sets.values() for item in stimuli.items}
    for stimuli in sets.values():
        items = {_key(item) for item in stimuli.items if item.valid}
        failed = {_key(i): i.invalid_reasons for i in stimuli.items if not i.valid}
        for key in everything - items:
            reasons.setdefault(key, {})[stimuli.name] = ", ".join(failed.get(key, ())) or "is not in this set"
    shown: dict[Key, set[str]] = {}
    for item in (item for stimuli in sets.values() for item in stimuli.items):
        shown.setdefault(_key(item), set()).add(item.target.sha256)
    for key in everything - set(reasons):
        if len(shown[key]) > 1:
            reasons[key] = {"target": "is another picture in another set"}
    pictures: dict[str, str] = {}
    for item in next(iter(sets.values())).items:
        if _key(item) in reasons or pictures.setdefault(item.target.sha256, item.target_id) == item.target_id:
            continue
        reasons[_key(item)] = {"target": f"is the same picture as {pictures[item.target.sha256]}"}
    dropped = {key: DroppedTarget(target_id=_told(key), reasons=reasons[key]) for key in sorted(reasons)}
    return sorted(everything - set(reasons)), dropped


def _set_aside(
    protocol: Protocol,
    sets: dict[str, StimulusSet],
    common: list[Key],
    dropped: dict[Key, DroppedTarget],
    rng: np.random.Generator,
) -> list[Item]:
    """Pictures for practice and catch trials: dropped targets first, since they cost the study nothing."""
    items = {item.target_id: item for stimuli in sets.values() for item in stimuli.items}
    wanted = sorted({target_id for target_id, _ in common})
    in_study = {items[target_id].target.sha256 for target_id in wanted}
    spare = sorted({t for t, _ in dropped if items[t].target.sha256 not in in_study})
    order = [str(t) for pool in (spare, wanted) for t in rng.permutation(pool)]
    needed = protocol.practice + protocol.catch
    if needed > len(order):
        raise Invalid(f"study {protocol.slug}: practice and catch need {needed} pictures, there are {len(order)}")
    return [items[target_id] for target_id in order[:needed]]


def _refuse_few(protocol: Protocol, n_targets: int, dropped: dict[Key, DroppedTarget], *, allow_few: bool) -> None:
    if protocol.trials > n_targets:
        raise Invalid(
            f"study {protocol.slug}: trials = {protocol.trials}, but there are {n_targets} targets, each shown once a "
            f"person ({len(dropped)} were dropped, {protocol.practice + protocol.catch} kept for practice and catch)"
        )
    if n_targets < FEWEST_TARGETS and not allow_few:
        raise Invalid(
            f"study {protocol.slug}: only {n_targets} targets are valid in every set and not kept for practice and catch; "
            f"fewer than {FEWEST_TARGETS} make intervals too wide to mean much. Publish with --allow-few if you know that"
        )


def _native_size(sets: dict[str, StimulusSet]) -> int:
    """Longer side of the networks' own pictures, in pixels."""
    return max(max(item.target.width, item.target.height) for stimuli in sets.values() for item in stimuli.items)


def _main_specs(trial_type: AnyTrialType, sets: dict[str, StimulusSet], main: set[Key]) -> Iterator[PreparedSpec]:
    for set_id, stimuli in sets.items():
        for question in trial_type.specs(stimuli):
            if (question.target_id, question.replicate) in main:
                yield PreparedSpec(
                    set_id=set_id,
                    role="main",
                    spec=question.spec.model_dump(mode="json"),
                    target_id=question.target_id,
                    cluster=question.cluster,
                    start_id=question.start_id,
                    replicate=question.replicate,
                )


def _truth_specs(
    trial_type: AnyTrialType, protocol: Protocol, store: Store, aside: Sequence[Item], rng: np.random.Generator
) -> Iterator[PreparedSpec]:
    """Practice: which of two versions is nearer to the picture, one mildly and one strongly changed. Catch: one option
    is the very picture."""
    for i, item in enumerate(aside):
        is_practice = i < protocol.practice
        kinds = tuple(FOILS) if is_practice else CATCH_KINDS
        kind = kinds[i % len(kinds)]
        with Picture.open(BytesIO(store.image(item.target.sha256))) as opened:
            picture = opened.convert("RGB")
        near = item.target.sha256
        if is_practice:
            near = store.add_image(encode(derive(picture, "noise" if kind == "scramble" else kind, "mild", rng)))
        far = store.add_image(encode(derive(picture, kind, "strong", rng)))
        spec = trial_type.truth_spec(item.target.sha256, near, far)
        yield PreparedSpec(
            set_id=None,
            role="practice" if is_practice else "catch",
            spec=spec.model_dump(mode="json"),
            target_id=item.target_id,
            cluster=item.cluster,
            start_id=None,
            replicate=0,
        )


def _refuse_repeated(trial_type: AnyTrialType, specs: Sequence[PreparedSpec]) -> None:
    """No picture may stand in the trials of two targets, else a person would see it twice."""
    uses = {
        (image, spec.target_id)
        for spec in specs
        for image in trial_type.images(trial_type.spec_type.model_validate(spec.spec))
    }
    image, n = Counter(image for image, _ in uses).most_common(1)[0]
    if n > 1:
        raise Invalid(
            f"picture {image[:12]} is shown with {n} targets, so people would meet it again and again; use sets "
            f"with a start drawn per target, or write repeated_pictures = true (the paper's preset)"
        )


def _render_all(protocol: Protocol, store: Store, originals: Sequence[str]) -> dict[str, str]:
    """original → rendition. All renditions are of one size in pixels and one length in bytes."""
    files: dict[str, bytes] = {}
    sizes = set()
    for original in originals:
        try:
            picture = render(store.image(original), protocol.display.size, protocol.display.kernel)
        except ValueError as problem:
            raise Invalid(f"study {protocol.slug}: {problem}") from None
        except OSError as problem:
            raise StoreError(f"image {original} cannot be decoded: {problem}") from None
        sizes.add(picture.size)
        files[original] = encode(picture)
    if len(sizes) > 1:
        raise Invalid(f"study {protocol.slug}: its pictures have different shapes: {sorted(sizes)}")
    length = max(len(data) for data in files.values()) + PADDING
    return {original: store.add_image(pad(data, length)) for original, data in files.items()}
