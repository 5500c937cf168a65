"""`alike simulate`"""

import secrets
from typing import Annotated

import typer

from app.cli.context import open_database, say, settings
from app.trials import Observer


def simulate(
    slug: str,
    observers: Annotated[int, typer.Option("--observers", min=1, help="How many take part.")],
    alignment: Annotated[float, typer.Option("--alignment", min=0, max=1, help="Probability of choosing the target.")],
    lapse: Annotated[float, typer.Option("--lapse", min=0, max=1, help="Probability of answering by coin toss.")] = 0.0,
    url: Annotated[str | None, typer.Option("--url", help="Where the server is.")] = None,
    rng_seed: Annotated[int | None, typer.Option("--rng-seed", help="Default: another one each time.")] = None,
) -> None:
    """Simulated observers of known alignment take the study through the real pages; the score must find the truth."""
    from app.simulation.visit import simulate as run  # here, because no other command needs what draws plans

    chosen = settings()
    rng_seed = secrets.randbits(31) if rng_seed is None else rng_seed
    with open_database() as database:
        answered = run(
            database,
            url=url or chosen.address,
            slug=slug,
            secret=chosen.secret,
            observers=observers,
            observer=Observer(alignment, lapse),
            rng_seed=rng_seed,
        )
    say(
        f"{observers} observers gave {answered} answers; expected share {(1 - lapse) * alignment + lapse / 2:.4f} "
        f"(rng_seed {rng_seed})"
    )
