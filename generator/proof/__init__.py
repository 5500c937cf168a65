"""Proof, on the stored file, that an image and its target are the same to a network: measures, nulls, gates."""

from generator.proof.again import Difference, differences
from generator.proof.display import Display
from generator.proof.gates import GATES, Gate
from generator.proof.measure import Triple, measure
from generator.proof.null import choose_pool, measure_null
from generator.proof.probe import Probe, find_classifier, observe, refuse_mute
from generator.proof.threshold import thresholds
from generator.proof.yardstick import yardsticks

__all__ = [
    "GATES",
    "Difference",
    "Display",
    "Gate",
    "Probe",
    "Triple",
    "choose_pool",
    "differences",
    "find_classifier",
    "measure",
    "measure_null",
    "observe",
    "refuse_mute",
    "thresholds",
    "yardsticks",
]
