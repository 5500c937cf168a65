"""Every trial type keeps the promises on which everything else rests."""

from pathlib import Path
from random import Random

import pytest

from app.store import Store
from app.trials import TRIAL_TYPES, AnyTrialType, Observer
from tests.factories import create_stimulus_set


@pytest.fixture(params=TRIAL_TYPES.values(), ids=TRIAL_TYPES)
def kind(request: pytest.FixtureRequest) -> AnyTrialType:
    found: AnyTrialType = request.param
    return found


def test_it_has_a_twin_in_the_browser(kind: AnyTrialType) -> None:
    assert TRIAL_TYPES[kind.name] is kind
    assert Path(f"static/js/trials/{kind.name}.js").is_file()
    assert f"{kind.name}: () => import" in Path("static/js/trials/index.js").read_text()


def test_its_view_leaks_no_role(kind: AnyTrialType, store: Store) -> None:
    """Slots are the same whatever the arrangement, and so is the set of pictures."""
    _, found = store.find_set(create_stimulus_set(store, "a", n_targets=4))
    for question in kind.specs(found):
        views = [kind.view(question.spec, kind.lay_out(question.spec, a)) for a in range(kind.arrangements)]
        assert len({tuple(slot for slot, _ in view.slots) for view in views}) == 1
        assert len({frozenset(image for _, image in view.slots) for view in views}) == 1
        assert len({view.slots for view in views}) == kind.arrangements
        assert {image for _, image in views[0].slots} == set(kind.images(question.spec))


def test_everything_survives_the_database(kind: AnyTrialType, store: Store) -> None:
    _, found = store.find_set(create_stimulus_set(store, "a", n_targets=2))
    question = next(iter(kind.specs(found)))
    layout = kind.lay_out(question.spec, 0)
    answer = kind.simulate(question.spec, layout, Observer(0.5), Random(0))
    for part, model in ((question.spec, kind.spec_type), (layout, kind.layout_type), (answer, kind.answer_type)):
        assert model.model_validate(part.model_dump(mode="json")) == part


@pytest.mark.parametrize("alignment", [0.2, 0.9])
def test_judging_simulated_answers_recovers_the_observer(kind: AnyTrialType, store: Store, alignment: float) -> None:
    _, found = store.find_set(create_stimulus_set(store, "a", n_targets=10))
    rng, matched = Random(2), []
    for question in kind.specs(found):
        for i in range(400):
            layout = kind.lay_out(question.spec, i % kind.arrangements)
            answer = kind.simulate(question.spec, layout, Observer(alignment), rng)
            outcome = kind.judge(question.spec, layout, answer)
            assert outcome.chance == kind.chance
            matched.append(outcome.matched)
    assert sum(matched) / len(matched) == pytest.approx(alignment, abs=0.03)
