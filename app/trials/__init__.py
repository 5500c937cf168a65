"""Trial types. To add one: its module here, its twin in static/js/trials/, one line in each table."""

from app.trials.base import AnyTrialType, Observer, Question, View
from app.trials.outcome import Binary, Outcome
from app.trials.two_afc import two_afc

TRIAL_TYPES: dict[str, AnyTrialType] = {
    two_afc.name: two_afc,
}

__all__ = ["TRIAL_TYPES", "AnyTrialType", "Binary", "Observer", "Outcome", "Question", "View"]
