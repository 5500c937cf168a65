"""Small, real things to test with: pictures, stimulus sets, published studies, runs."""

import io
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from PIL import Image as Picture

from app.db.engine import Database
from app.store import Distribution, Image, Item, Run, Source, StimulusSet, Store
from app.studies import service as studies
from app.studies.protocol import Protocol
from app.studies.publishing import prepare

SIZE = 8
TIMING: dict[str, Any] = {
    "rt": 812.5,
    "onset": 100.0,
    "onset_paint": 116.7,
    "t_event": 912.5,
    "presented_at": "2026-11-24T09:00:00.000Z",
    "time_elapsed": 950.0,
    "source": "keyboard",
    "early_presses": 0,
    "frames": {"n": 50, "dropped": 1, "worst_ms": 33.4},
    "frame_interval": 16.7,
    "focus_lost": 0,
    "visibility_changes": 0,
    "resizes": 0,
    "rendered_px": 160.0,
    "natural_px": 160.0,
    "device_pixel_ratio": 1.0,
    "images_ok": True,
}


def png(rng: np.random.Generator, size: int = SIZE, height: int | None = None) -> bytes:
    buffer = io.BytesIO()
    Picture.fromarray(rng.integers(0, 256, (height or size, size, 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def add_image(store: Store, rng: np.random.Generator, height: int = SIZE) -> Image:
    return Image(sha256=store.add_image(png(rng, height=height)), width=SIZE, height=height)


def source(model: str, **changes: Any) -> Source:
    made = {
        "family": "test",
        "model": model,
        "weights_sha256": "0" * 64,
        "training": "standard",
        "training_run": "1",
        "layer": "flatten",
        "loss": "relative_l2",
        "start": "grey-noise",
        "optimizer": "adam(lr=0.01)",
        "stop": "error ≤ 0.1",
        "clamp": "pass",
        "relu": "true",
        "parameterization": "pixel",
        "transforms": "none",
        "target_set": "test",
    }
    return Source(**{**made, **changes})


def create_stimulus_set(
    store: Store,
    model: str = "a",
    n_targets: int = 40,
    per_cluster: int = 2,
    invalid: frozenset[int] = frozenset(),
    rng_seed: int = 7,
    height: int = SIZE,
    replicates: int = 1,
    invalid_starts: frozenset[int] = frozenset(),
    recipe: dict[str, Any] | None = None,
    **changes: Any,
) -> str:
    """A set in the store; sets of one `rng_seed` share targets and starts, as a generator's sets do. Returns its name.

    `invalid` are targets, `invalid_starts` those whose second start gave no valid image.
    """
    shared = np.random.default_rng(rng_seed)
    own = np.random.default_rng([rng_seed, sum(model.encode())])
    items = []
    targets = [add_image(store, shared, height) for _ in range(n_targets)]
    for replicate, i in product(range(replicates), range(n_targets)):
        target, start = targets[i], add_image(store, shared, height)
        valid = i not in (invalid if replicate == 0 else invalid_starts)
        items.append(
            Item(
                target_id=f"picture-{i // per_cluster:02}/crop-{i % per_cluster}",
                target=target,
                start=start,
                reconstruction=add_image(store, own, height),
                cluster=f"picture-{i // per_cluster:02}",
                split="heldout",
                start_id=f"grey-noise/{i}" + f"/{replicate}" * (replicate > 0),
                replicate=replicate,
                measures={"representation_error": 0.01, "pixel_l2": 0.2, "ssim": 0.5, "distance_ratio": 0.8},
                valid=valid,
                invalid_reasons=() if valid else ("too far",),
                steps=10,
            )
        )
    null = Distribution(n=100, quantiles={"1": 0.5})
    made = StimulusSet(
        name=f"test/{model}",
        source=source(model, **changes),
        recipe=recipe or {"made_by": "test"},
        null={"relative": null},
        items=tuple(items),
    )
    now = "2026-11-24T00:00:00+00:00"
    store.add_set(made, Run(started_at=now, finished_at=now, device="cpu", versions={}, seconds=0))
    return made.name


def protocol(sets: list[str], **changes: Any) -> Protocol:
    made = {
        "slug": "study",
        "title": "A study",
        "sets": sets,
        "trials": 12,
        "practice": 2,
        "catch": 2,
        "break_every": 6,
        "texts": {"consent": "You may stop.", "instructions": "Choose.\n\nTake your time.", "debrief": "Thanks."},
        "display": {"size": 16},
    }
    return Protocol.model_validate({**made, **changes})


@dataclass(frozen=True)
class Published:
    """A published study in a database and a store."""

    slug: str
    version_id: int


def publish(database: Database, store: Store, allow_few: bool = True, **changes: Any) -> Published:
    """Two models over shared targets, published."""
    if "sets" not in changes:
        changes["sets"] = [create_stimulus_set(store, "a"), create_stimulus_set(store, "b", training="robust")]
    wanted = protocol(**changes)
    prepared = prepare(wanted, store, allow_few=allow_few)
    with database.writing() as db:
        studies.save_draft(db, protocol=wanted)
        version = studies.publish_study(db, prepared=prepared)
        return Published(wanted.slug, version.id)


def recovers(score: dict[str, Any], truth: float) -> bool:
    """Whether a simulated truth lies within an interval twice as wide as the score's own.

    Plans are drawn anew in every run, so an interval of 95 % is missed once in twenty; one of twice the width once in ten
    thousand. That 95 % are 95 % is measured in tests/science.
    """
    low, middle, high = (float(score[name]) for name in ("low", "alignment", "high"))
    return middle - 2 * (middle - low) <= truth <= middle + 2 * (high - middle)
