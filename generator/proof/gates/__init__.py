"""What makes an item valid, by the name that recipes use."""

from generator.proof.gates.base import Gate
from generator.proof.gates.metamer import Metamer
from generator.proof.gates.paper import Paper
from generator.proof.gates.strict import Strict

GATES: dict[str, Gate] = {
    "paper": Paper(),
    "metamer": Metamer(),
    "strict": Strict(),
}

__all__ = ["GATES", "Gate", "Metamer", "Paper", "Strict"]
