"""The search for an image whose representation matches a target's. It knows no files, models, data or store.

Solve min_z objective(decode(z)) with decode(z) in [0, 1]: take the gradient at the current iterate, let the optimizer
propose a step, project onto [0, 1] outside the graph, and keep what the search's stop rule says. `contracts` says what
the parts are, `loop` is the search.
"""

from generator.inversion.contracts import (
    Found,
    Loss,
    Network,
    Objective,
    Optimizer,
    Parameterization,
    Represent,
    Rows,
    Search,
    Seen,
    Snapshot,
    State,
    Statistics,
    Term,
    Transform,
    norms,
    relative_error,
)
from generator.inversion.loop import invert

__all__ = [
    "Found",
    "Loss",
    "Network",
    "Objective",
    "Optimizer",
    "Parameterization",
    "Represent",
    "Rows",
    "Search",
    "Seen",
    "Snapshot",
    "State",
    "Statistics",
    "Term",
    "Transform",
    "invert",
    "norms",
    "relative_error",
]
