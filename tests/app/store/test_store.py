from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from s3fs import S3FileSystem

from app.store import Ambiguous, Damaged, NotInStore, Run, Store, StoreError, Unwritable, canonical, sha256
from tests.factories import create_stimulus_set, png
from tests.s3 import s3_bucket


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_bucket() as url:
        yield url


@pytest.fixture(params=["folder", "s3"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store") if request.param == "folder" else request.getfixturevalue("s3"))


def test_what_goes_in_comes_out(anywhere: Store) -> None:
    name = create_stimulus_set(anywhere, "a", n_targets=3)
    identity, found = anywhere.find_set(name)
    assert found.id == identity == sha256(found.encode())
    assert sha256(anywhere.image(found.items[0].target.sha256)) == found.items[0].target.sha256
    assert anywhere.find_set(identity[:8]) == (identity, found)
    assert len(anywhere.runs(identity)) >= 1
    assert list(anywhere.verify()) == []


def test_the_same_set_twice_is_one_set(store: Store) -> None:
    create_stimulus_set(store, "a", n_targets=3)
    create_stimulus_set(store, "a", n_targets=3)
    assert len(store.set_ids()) == 1
    assert len(store.runs(store.set_ids()[0])) == 2


def test_an_ambiguous_name_lists_the_ids(store: Store) -> None:
    create_stimulus_set(store, "a", n_targets=3)
    create_stimulus_set(store, "a", n_targets=4)
    with pytest.raises(Ambiguous) as problem:
        store.find_set("test/a")
    assert all(identity in str(problem.value) for identity in store.set_ids())


def test_an_unknown_name_tells_the_known_ones(store: Store) -> None:
    create_stimulus_set(store, "a", n_targets=3)
    with pytest.raises(NotInStore, match="test/a"):
        store.find_set("test/b")


def test_a_set_is_refused_while_a_picture_is_missing(store: Store) -> None:
    create_stimulus_set(store, "a", n_targets=3)
    found = store.get_set(store.set_ids()[0])
    elsewhere = Store(store.url + "-other")
    now = "2026-11-24T00:00:00+00:00"
    with pytest.raises(NotInStore, match="images/"):
        elsewhere.add_set(found, Run(started_at=now, finished_at=now, device="cpu", versions={}, seconds=0))
    assert elsewhere.set_ids() == []


def test_verify_names_what_is_missing_and_what_has_changed(store: Store) -> None:
    create_stimulus_set(store, "a", n_targets=3)
    found = store.get_set(store.set_ids()[0])
    gone, changed = found.items[0].target.sha256, found.items[1].start.sha256
    root = Path(store.url)
    (root / f"images/{gone[:2]}/{gone}.png").unlink()
    (root / f"images/{changed[:2]}/{changed}.png").write_bytes(b"another picture")
    problems = {problem.name: problem.what for problem in store.verify()}
    assert set(problems) == {f"images/{gone[:2]}/{gone}.png", f"images/{changed[:2]}/{changed}.png"}
    assert "missing" in problems[f"images/{gone[:2]}/{gone}.png"]
    with pytest.raises(Damaged):
        store.image(changed)


def test_a_changed_manifest_is_not_believed(store: Store) -> None:
    create_stimulus_set(store, "a", n_targets=3)
    path = Path(store.url) / "sets" / f"{store.set_ids()[0]}.json"
    path.write_text(path.read_text().replace('"valid":true', '"valid":false', 1))
    with pytest.raises(Damaged, match="changed"):
        store.get_set(store.set_ids()[0])
    assert [problem.name for problem in store.verify()] == [f"sets/{path.name}"]


def test_a_store_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(Unwritable, match="file/store"):
        Store(str(tmp_path / "file" / "store")).add_image(png(np.random.default_rng(0)))


def test_a_unit_that_was_torn_is_made_again(store: Store) -> None:
    store.add_unit("recipe", "unit", [1, 2])
    assert store.unit("recipe", "unit") == [1, 2]
    path = Path(store.url) / "units/recipe/unit.json"
    path.write_bytes(path.read_bytes()[:-9])
    assert store.unit("recipe", "unit") is None
    assert store.unit("recipe", "other") is None


def test_failures_are_kept_until_they_are_cleared(anywhere: Store) -> None:
    assert anywhere.failures("w", "unit-00001") == []
    for attempt, what in enumerate(("killed", "out of memory"), 1):
        anywhere.add_failure("w", "unit-00001", attempt, what)
    anywhere.add_failure("w", "unit-00002", 1, "other")
    assert anywhere.failures("w", "unit-00001") == ["killed", "out of memory"]
    anywhere.clear_failures("w")
    assert anywhere.failures("w", "unit-00001") == anywhere.failures("w", "unit-00002") == []


def test_the_images_there_are(anywhere: Store) -> None:
    name = create_stimulus_set(anywhere, "ids", n_targets=2)
    _, found = anywhere.find_set(name)
    shown = {image.sha256 for item in found.items for image in (item.target, item.start, item.reconstruction)}
    assert shown <= anywhere.image_ids()


def test_sets_of_the_first_format_keep_their_id(store: Store) -> None:
    """Written before stop, clamp, relu and the others were known: read, shown and hashed as they were."""
    name = create_stimulus_set(store, "old", n_targets=2)
    _, new = store.find_set(name)
    value = new.model_dump(mode="json")
    for field in ("stop", "clamp", "relu", "parameterization", "transforms"):
        del value["source"][field]
    for item in value["items"]:
        del item["loss_steps"]
    old = canonical({**value, "format": "alike-stimuli/1"})
    (Path(store.url) / "sets" / f"{sha256(old)}.json").write_bytes(old)
    found = store.get_set(sha256(old))
    assert found.id == sha256(old)
    assert (found.source.stop, found.items[0].loss_steps) == ("", ())
    assert list(store.verify()) == []


def test_a_store_that_is_away_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there; botocore's complaint is no OSError."""
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    S3FileSystem.clear_instance_cache()
    away = Store("s3://nowhere/store")
    for attempt in (away.set_ids, away.image_ids, lambda: away.unit("a", "b"), lambda: away.add_image(b"x")):
        with pytest.raises(StoreError) as problem:
            attempt()
        assert "s3://nowhere/store" in str(problem.value)
        assert "\n" not in str(problem.value)
    S3FileSystem.clear_instance_cache()
