from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.db import tables as t
from app.db.engine import Database
from app.errors import Invalid, NotFound
from app.store import NOT_ASSESSED, Ambiguous, NotInStore, Store
from app.studies import service
from app.studies.protocol import MAKING, read_protocol
from app.studies.publishing import prepare
from tests.factories import create_stimulus_set, protocol, publish


def test_only_targets_valid_in_every_set_are_shown(store: Store) -> None:
    sets = [
        create_stimulus_set(store, "a", invalid=frozenset({0, 1})),
        create_stimulus_set(store, "b", invalid=frozenset({1, 5})),
    ]
    prepared = prepare(protocol(sets, practice=1, catch=2), store, allow_few=False)
    dropped = {d.target_id: d.reasons for d in prepared.report.dropped}
    assert set(dropped) == {"picture-00/crop-0", "picture-00/crop-1", "picture-02/crop-1"}
    assert dropped["picture-00/crop-0"] == {"test/a": "too far"}
    assert set(dropped["picture-00/crop-1"]) == {"test/a", "test/b"}
    asked = {spec.target_id for spec in prepared.specs if spec.role == "main"}
    assert len(asked) == 37
    assert not asked & set(dropped)
    assert set(prepared.report.set_aside) == set(dropped)  # they cost the study nothing
    assert any("dropped" in line for line in prepared.report.lines)


def test_practice_and_catch_never_show_an_iri(store: Store) -> None:
    sets = [create_stimulus_set(store, "a")]
    prepared = prepare(protocol(sets), store, allow_few=False)
    found = store.get_set(store.set_ids()[0])
    iris = {item.reconstruction.sha256 for item in found.items}
    main = {spec.target_id for spec in prepared.specs if spec.role == "main"}
    for spec in prepared.specs:
        if spec.role != "main":
            assert spec.spec["has_truth"]
            assert not {spec.spec[role] for role in ("query", "target", "alternative")} & iris
            assert spec.target_id not in main
        if spec.role == "catch":
            assert spec.spec["query"] == spec.spec["target"] != spec.spec["alternative"]


def test_all_renditions_are_of_one_length_and_size(store: Store) -> None:
    prepared = prepare(protocol([create_stimulus_set(store, "a")]), store, allow_few=False)
    files = {store.image(digest) for digest in prepared.renditions.values()}
    assert len(files) == len(prepared.renditions)
    assert len({len(data) for data in files}) == 1
    assert len({data[:33] for data in files}) == 1  # signature and header: size, depth, mode


def test_few_targets_need_to_be_allowed(store: Store) -> None:
    sets = [create_stimulus_set(store, "a", n_targets=33)]
    with pytest.raises(Invalid, match=r"only 29 targets.*--allow-few"):
        prepare(protocol(sets), store, allow_few=False)
    assert prepare(protocol(sets), store, allow_few=True).report.few_targets_allowed


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trials": 37}, "36 targets"),
        ({"practice": 30, "catch": 20}, "need 50 pictures"),
        ({"display": {"size": 20}}, "no whole multiple of 8"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(store: Store, changes: dict[str, object], said: str) -> None:
    sets = [create_stimulus_set(store, "a")]
    with pytest.raises(Invalid, match=said) as problem:
        prepare(protocol(sets, **changes), store, allow_few=False)
    assert "\n" not in str(problem.value)


def test_sets_made_differently_are_compared_only_if_that_is_the_question(store: Store) -> None:
    sets = [create_stimulus_set(store, "a"), create_stimulus_set(store, "b", optimizer="paper")]
    with pytest.raises(Invalid, match="differ in optimizer"):
        prepare(protocol(sets), store, allow_few=False)
    prepare(protocol(sets, compared=["optimizer"]), store, allow_few=False)


@pytest.mark.parametrize("factor", [factor for factor in MAKING if factor != "optimizer"])
def test_every_way_of_making_is_a_factor(store: Store, factor: str) -> None:
    sets = [create_stimulus_set(store, "a"), create_stimulus_set(store, "b", **{factor: "another"})]
    with pytest.raises(Invalid, match=f"differ in {factor}"):
        prepare(protocol(sets), store, allow_few=False)
    prepare(protocol(sets, compared=[factor]), store, allow_few=False)


def test_two_losses_of_one_name_are_no_one_loss(store: Store) -> None:
    sets = [create_stimulus_set(store, m, recipe={"loss": {"terms": [{"kind": k}]}}) for m, k in ("ax", "by")]
    with pytest.raises(Invalid, match="call two different losses 'relative_l2'"):
        prepare(protocol(sets), store, allow_few=False)
    prepare(protocol(sets, compared=["loss"]), store, allow_few=False)


def test_sets_of_one_name_are_told_apart_by_what_differs(store: Store) -> None:
    create_stimulus_set(store, "a", stop="error ≤ 0.3")
    create_stimulus_set(store, "a", stop="error ≤ 0.1")
    sets = [*store.set_ids(), create_stimulus_set(store, "b", stop="error ≤ 0.1")]
    names = prepare(protocol(sets, compared=["stop"]), store, allow_few=False).names
    assert sorted(names.values()) == ["test/a · error ≤ 0.1", "test/a · error ≤ 0.3", "test/b"]


def test_a_target_counts_once_and_each_of_its_starts_on_its_own(database: Database, store: Store) -> None:
    sets = [
        create_stimulus_set(store, "a", replicates=2, invalid_starts=frozenset({3})),
        create_stimulus_set(store, "b", replicates=2, invalid=frozenset({5})),
    ]
    prepared = prepare(protocol(sets), store, allow_few=False)
    dropped = {each.target_id: each.reasons for each in prepared.report.dropped}
    assert dropped == {
        "picture-01/crop-1 (start 2)": {"test/a": "too far"},
        "picture-02/crop-1": {"test/b": "too far"},
    }
    main = [spec for spec in prepared.specs if spec.role == "main"]
    assert prepared.report.targets == len({spec.target_id for spec in main})
    assert len({(spec.set_id, spec.target_id, spec.replicate) for spec in main}) == len(main)
    aside = set(prepared.report.set_aside)
    expected = {(t, r) for t in (f"picture-{i // 2:02}/crop-{i % 2}" for i in range(40)) for r in (0, 1)}
    expected -= {("picture-01/crop-1", 1), ("picture-02/crop-1", 0)}
    assert {(spec.target_id, spec.replicate) for spec in main} == {key for key in expected if key[0] not in aside}
    published = publish(database, store, sets=sets)
    with database.writing() as db:
        assert db.scalar(select(func.count(t.TrialSpec.id)).where(t.TrialSpec.version_id == published.version_id))


def test_a_target_that_is_another_picture_elsewhere_is_dropped(store: Store) -> None:
    """Two sets of photographs cut with different seeds have the same names for different crops."""
    sets = [create_stimulus_set(store, "a"), create_stimulus_set(store, "b", rng_seed=8)]
    with pytest.raises(Invalid, match="there are 0 targets"):
        prepare(protocol(sets, practice=0, catch=0), store, allow_few=True)


def test_imported_sets_are_shown_only_by_those_who_know(store: Store) -> None:
    sets = [create_stimulus_set(store, "a", recipe={"validity": NOT_ASSESSED}), create_stimulus_set(store, "b")]
    with pytest.raises(Invalid, match="not_assessed = true"):
        prepare(protocol(sets), store, allow_few=False)
    report = prepare(protocol(sets, not_assessed=True), store, allow_few=False).report
    assert list(report.not_assessed.values()) == ["test/a"]
    assert any("not assessed" in line for line in report.lines)


def test_ambiguous_and_unknown_sets_are_named(store: Store) -> None:
    create_stimulus_set(store, "a", n_targets=40)
    create_stimulus_set(store, "a", n_targets=41)
    with pytest.raises(Ambiguous):
        prepare(protocol(["test/a"]), store, allow_few=False)
    with pytest.raises(NotInStore):
        prepare(protocol(["test/z"]), store, allow_few=False)
    whole = prepare(protocol([store.set_ids()[0][:10]]), store, allow_few=False)
    assert whole.protocol.sets == (store.set_ids()[0],)


def test_a_version_is_frozen_and_an_edit_makes_the_next(database: Database, store: Store) -> None:
    first = publish(database, store)
    with database.reading() as db:
        before = db.get_one(t.StudyVersion, first.version_id)
    sets = ["test/a", "test/b"]
    second = publish(database, store, sets=sets, question="Which one?")
    assert second.version_id != first.version_id
    with database.reading() as db:
        kept = db.get_one(t.StudyVersion, first.version_id)
        assert (kept.protocol, kept.protocol_sha256, kept.number) == (before.protocol, before.protocol_sha256, 1)
        assert service.published(db, slug="study").number == 2
        assert db.scalar(select(func.count(t.TrialSpec.id)).where(t.TrialSpec.version_id == first.version_id)) == 76
    with database.reading() as db, pytest.raises(NotFound, match="version 3"):
        service.published(db, slug="study", number=3)


def test_two_who_publish_at_once_get_two_versions(database: Database, store: Store) -> None:
    publish(database, store)
    prepared = prepare(protocol(["test/a", "test/b"]), store, allow_few=True)

    def publish_again(_: int) -> int:
        with database.writing() as db:
            return service.publish_study(db, prepared=prepared).number

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(publish_again, range(4))) == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("slug = ", "not a TOML file"),
        ("colour = 1", "colour is no setting"),
        ('slug = "A B"', "slug"),
        ("trials = 0", "trials"),
        ('trial_type = "four_afc"', "two_afc"),
    ],
)
def test_bad_protocols_are_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    whole = {
        "slug": 'slug = "s"',
        "title": 'title = "t"',
        "sets": 'sets = ["a"]',
        "trials": "trials = 5",
    }
    key = text.split(" ")[0]
    file = tmp_path / "study.toml"
    file.write_text(
        "\n".join(
            [*(line for name, line in whole.items() if name != key), text, '[texts]\nconsent = "c"\ninstructions = "i"']
        )
    )
    with pytest.raises(Invalid, match=said) as problem:
        read_protocol(file)
    assert str(file) in str(problem.value)
    assert "\n" not in str(problem.value).strip()
