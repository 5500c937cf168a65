"""A recipe from its first picture to its sets. A killed run goes on from its finished units."""

import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import torch
from tqdm import tqdm

from generator import assembly
from generator.errors import GeneratorError
from generator.executors import Crew, Executor, LocalExecutor
from generator.plan import Plan, Unit, make_plan
from generator.recipe import Recipe
from generator.store import Run, Store
from generator.work import be_exact

_BAR = "{desc} {percentage:3.0f}% |{bar}| {n_fmt} of {total_fmt} images, {elapsed} gone, {remaining} left"


@dataclass(frozen=True)
class Made:
    """One finished stimulus set. `condition` tells sets of one name apart; `left_out` are targets whose unit failed."""

    set_id: str
    name: str
    condition: str
    n_items: int
    n_valid: int
    left_out: int = 0


def choose_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one. Raises GeneratorError for CUDA where there is none."""
    if name not in {"auto", "cpu", "cuda"}:
        raise GeneratorError(f"device {name!r} is unknown; known are auto, cpu, cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise GeneratorError("device cuda was asked for, but torch finds no CUDA device; use --device cpu or auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def run(
    recipe: Recipe,
    store: Store,
    device: torch.device,
    executor: Executor | None = None,
    *,
    retry_failed: bool = False,
    warn: Callable[[str], None] = lambda _line: None,
) -> Iterator[Made]:
    """Make every set of the recipe that is not in the store yet; gives each of them as soon as it is there.

    What cannot be used is found before any image is made. A unit that fails is tried once more; one that has failed twice,
    now or in earlier runs, is told to `warn` and left out, unless `retry_failed`. Raises GeneratorError or StoreError;
    what was finished before stays and is used by the next run.
    """
    be_exact()
    began = datetime.now(UTC)
    plan = make_plan(recipe, device)
    if retry_failed:
        for condition in plan.conditions:
            store.clear_failures(condition.work)
    with (executor or LocalExecutor((device.type,))).open(plan, store.url) as crew:
        yield from _Doing(plan, store, crew, warn).finish(began)


class _Doing:
    """A plan that is being carried out."""

    def __init__(self, plan: Plan, store: Store, crew: Crew, warn: Callable[[str], None]) -> None:
        self._plan, self._store, self._crew, self._warn = plan, store, crew, warn
        self._clock = time.perf_counter()
        self._finished: set[int] = set()

    def finish(self, began: datetime) -> Iterator[Made]:
        """Do the units that are missing; yield each condition's sets when its last unit is there."""
        everything = range(len(self._plan.conditions))
        missing = self._missing()
        remaining = Counter(unit.condition for unit in missing)
        yield from self._whole([i for i in everything if not remaining[i]], began)
        missing = self._prepare(missing)
        whole = len(self._plan.jobs) * len(everything)
        with tqdm(total=whole, bar_format=_BAR, desc="images") as bar:
            bar.update(whole - sum(len(self._plan.jobs_of(unit)) for unit in missing))
            while missing:
                again: list[Unit] = []
                for unit, goes_on in self._outcomes(missing):
                    if goes_on:
                        again.append(unit)
                        continue
                    bar.update(len(self._plan.jobs_of(unit)))
                    remaining[unit.condition] -= 1
                    if not remaining[unit.condition]:
                        yield from self._whole([unit.condition], began)
                missing = again
        yield from self._whole(everything, began)  # other shards may have done the rest in the meantime
        if unmade := [self._plan.conditions[i] for i in everything if i not in self._finished]:
            self._warn(
                f"{len(unmade)} of {len(everything)} sets are not made ({unmade[0].place.where} …): units are missing that "
                f"other shards make, or that failed"
            )

    def _prepare(self, missing: Sequence[Unit]) -> list[Unit]:
        """Prepare the places of units; what cannot be used there is found now. Returns the units whose place is ready.

        Raises GeneratorError where no place is.
        """
        place_of = {unit: self._plan.places.index(self._plan.conditions[unit.condition].place) for unit in missing}
        failed: dict[int, str] = dict.fromkeys(place_of.values(), "")
        for attempt in range(assembly.MOST_ATTEMPTS):
            outcomes = list(self._crew.run(list(failed)))
            failed = {int(o.task): o.error for o in outcomes if o.error is not None and not isinstance(o.task, Unit)}
            for number, error in failed.items():
                last = attempt + 1 == assembly.MOST_ATTEMPTS
                where, what = self._plan.places[number].where, "left out" if last else "tried once more"
                self._warn(f"{where} cannot be prepared ({error}); it is {what}")
            if not failed:
                break
        if failed and len(failed) == len(set(place_of.values())):
            raise GeneratorError(f"{self._plan.places[min(failed)].where}: {failed[min(failed)]}")
        return [unit for unit in missing if place_of[unit] not in failed]

    def _outcomes(self, units: Sequence[Unit]) -> Iterator[tuple[Unit, bool]]:
        """Each unit as it comes, and whether it failed and may be tried again."""
        for outcome in self._crew.run(units):
            assert isinstance(outcome.task, Unit)
            yield outcome.task, outcome.error is not None and self._failed(outcome.task, outcome.error)

    def _missing(self) -> list[Unit]:
        """Units that are neither there nor given up."""
        images = self._store.image_ids()
        missing = []
        for unit in self._plan.units():
            condition = self._plan.conditions[unit.condition]
            if assembly.has_unit(self._store, condition, unit, images):
                continue
            if len(self._store.failures(condition.work, unit.name)) < assembly.MOST_ATTEMPTS:
                missing.append(unit)
        return missing

    def _failed(self, unit: Unit, error: str) -> bool:
        """Write the failure down; whether the unit may be tried again."""
        condition = self._plan.conditions[unit.condition]
        attempt = len(self._store.failures(condition.work, unit.name)) + 1
        self._store.add_failure(condition.work, unit.name, attempt, error)
        last = attempt >= assembly.MOST_ATTEMPTS
        what = "left out" if last else "tried once more"
        self._warn(f"{condition.place.where}, {unit.name} failed ({error}); it is {what}")
        return not last

    def _whole(self, conditions: Sequence[int], began: datetime) -> Iterator[Made]:
        """The sets of those conditions whose units are all there or given up."""
        for number in conditions:
            if number in self._finished:
                continue
            sets = assembly.assemble(self._plan, self._store, number)
            if sets is None:
                continue
            self._finished.add(number)
            condition = self._plan.conditions[number]
            for level, stimuli in enumerate(sets):
                if not assembly.has_set(self._store, stimuli):
                    self._store.add_set(stimuli, self._record(number, began))
                yield Made(
                    set_id=stimuli.id,
                    name=stimuli.name,
                    condition=condition.label(level),
                    n_items=len(stimuli.items),
                    n_valid=sum(item.valid for item in stimuli.items),
                    left_out=len(self._plan.jobs) - len(stimuli.items),
                )

    def _record(self, number: int, began: datetime) -> Run:
        place = self._plan.conditions[number].place
        checkpoint = place.entry.checkpoint
        return Run(
            started_at=began.isoformat(),
            finished_at=datetime.now(UTC).isoformat(),
            device=f"{place.told['device']}, {platform.machine()}",
            versions={**place.told["versions"], "python": platform.python_version()},
            seconds=round(time.perf_counter() - self._clock, 3),
            files={} if checkpoint is None else {"checkpoint": str(checkpoint.resolve())},
        )
