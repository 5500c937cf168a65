from random import Random

import pytest
from pydantic import ValidationError

from app.store import Store
from app.trials import Observer
from app.trials.two_afc import TwoAfcAnswer, two_afc
from tests.factories import create_stimulus_set

SPEC = two_afc.truth_spec("q", "near", "far").model_copy(update={"has_truth": False})


def test_only_valid_items_are_asked(store: Store) -> None:
    _, found = store.find_set(create_stimulus_set(store, "a", n_targets=6, invalid=frozenset({1, 4})))
    asked = list(two_afc.specs(found))
    assert [question.target_id for question in asked] == [item.target_id for item in found.items if item.valid]
    assert asked[0].spec.query == found.items[0].reconstruction.sha256
    assert asked[0].spec.alternative == found.items[0].start.sha256


@pytest.mark.parametrize(("arrangement", "left"), [(0, "near"), (1, "far")])
def test_the_option_lies_where_the_layout_says(arrangement: int, left: str) -> None:
    layout = two_afc.lay_out(SPEC, arrangement)
    slots = dict(two_afc.view(SPEC, layout).slots)
    assert slots["option-0"] == left
    chosen = TwoAfcAnswer(choice=0)
    assert two_afc.judge(SPEC, layout, chosen).matched == (left == "near")
    assert two_afc.label(SPEC, layout, chosen) == ("target" if left == "near" else "foil")


@pytest.mark.parametrize("choice", [2, -1, "0", 0.5, None, True])
def test_no_other_answer_is_accepted(choice: object) -> None:
    with pytest.raises(ValidationError):
        TwoAfcAnswer.model_validate({"choice": choice})


@pytest.mark.parametrize(("alignment", "lapse"), [(0.8, 0.0), (0.3, 0.2), (1.0, 1.0)])
def test_simulated_answers_recover_their_parameter(alignment: float, lapse: float) -> None:
    rng, n = Random(3), 20_000
    layouts = [two_afc.lay_out(SPEC, i % 2) for i in range(n)]
    answers = [two_afc.simulate(SPEC, layout, Observer(alignment, lapse), rng) for layout in layouts]
    share = sum(two_afc.judge(SPEC, layout, a).matched for layout, a in zip(layouts, answers, strict=True)) / n
    assert share == pytest.approx((1 - lapse) * alignment + lapse / 2, abs=0.012)


def test_observers_know_the_truth_where_there_is_one() -> None:
    spec, rng = two_afc.truth_spec("q", "near", "far"), Random(1)
    layout = two_afc.lay_out(spec, 1)
    assert all(two_afc.simulate(spec, layout, Observer(0.0), rng).choice == 1 for _ in range(50))
