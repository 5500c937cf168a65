"""Optimizers, by the name that recipes use. Which one made an image is a factor of every comparison."""

from generator.inversion import Optimizer
from generator.optimizers.adam import Adam
from generator.optimizers.lbfgs import LBFGS
from generator.optimizers.metamer import Metamer
from generator.optimizers.momentum import Momentum
from generator.optimizers.paper import Paper

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "paper": Paper,
    "metamer": Metamer,
    "adam": Adam,
    "momentum": Momentum,
    "lbfgs": LBFGS,
}
