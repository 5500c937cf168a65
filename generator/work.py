"""The work itself: a place is prepared, a unit of images is made, and what came of it is put into the store."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from generator import assembly, stimuli
from generator.acceleration import accelerate
from generator.errors import GeneratorError
from generator.inversion import Found, Network, Represent, Search, invert
from generator.items import Made, make_items
from generator.models import BuiltModel
from generator.plan import Condition, Job, Place, Plan, Task, Unit, build_model, device_name
from generator.prepared import AT_ONCE, Prepared, prepare
from generator.proof import GATES, thresholds
from generator.recipe import ModelEntry
from generator.starts import draw_start
from generator.stimuli import Pixels
from generator.store import Store, StoreError


def be_exact() -> None:
    """The same arithmetic at every run: deterministic kernels where there are any, and no TensorFloat-32, whose ten bits
    would show in the errors that are stored."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.allow_tf32 = False


class Worker:
    """Does one task after another on one device, and keeps the network of the last one.

    On a processor it works on one thread: how sums are cut over threads would show in the bytes, and processes side by
    side are faster than threads that meet in every operation.
    """

    def __init__(self, plan: Plan, store: Store, device: torch.device) -> None:
        be_exact()
        if device.type == "cpu":
            torch.set_num_threads(1)
        wanted = plan.places[0].told["device"]
        if device_name(device) != wanted:
            raise GeneratorError(f"this worker computes on {device_name(device)}, but the run is made for {wanted}")
        self._plan, self._store, self._device = plan, store, device
        self._built: tuple[ModelEntry, BuiltModel] | None = None
        self._last: Prepared | None = None

    def do(self, task: Task) -> None:
        """Raises GeneratorError for what no other task would survive either, StoreError, or whatever else befalls it."""
        if isinstance(task, Unit):
            self._make(task)
        else:
            prepared = self._prepared(self._plan.places[task])
            for number, condition in enumerate(self._plan.conditions):
                if condition.place == prepared.place:
                    self._try(prepared, condition, Unit(number, 0))

    def _try(self, prepared: Prepared, condition: Condition, unit: Unit) -> None:
        """One step for one image: whatever a unit could not use is found before any unit is made."""
        recipe, jobs = self._plan.recipe, self._plan.jobs_of(unit)[:1]
        if GATES[recipe.gate].needs_class and prepared.probe.classify is None:
            raise GeneratorError(
                f"gate {recipe.gate} needs a network that names classes; {prepared.place.where} does not"
            )
        if recipe.display is not None:
            recipe.display.show(self._plan.targets.targets[0].pixels)
        levels = self._levels(condition, prepared, jobs)
        start = self._start(condition, jobs[0])[1]
        optimizer = replace(condition.search.optimizer, steps=1)
        search = condition.search.model_copy(update={"optimizer": optimizer})
        self._search(replace(condition, search=search), prepared, jobs, [start], levels)

    def _prepared(self, place: Place) -> Prepared:
        if self._last is None or self._last.place is not place:
            self._last = None  # before the next one takes its memory
            self._last = prepare(self._plan, self._store, place, self._model(place), self._device)
        return self._last

    def _model(self, place: Place) -> BuiltModel:
        if self._built is None or self._built[0] != place.entry:
            self._built = None
            built = build_model(place.entry, self._plan.recipe.rng_seed, self._device)
            if built.weights_sha256 != place.weights_sha256:
                raise GeneratorError(f"the weights of model {place.entry.name} have changed since the run began")
            self._built = (place.entry, built)
        return self._built[1]

    def _make(self, unit: Unit) -> None:
        condition, jobs = self._plan.conditions[unit.condition], self._plan.jobs_of(unit)
        prepared = self._prepared(condition.place)
        starts = [self._start(condition, job) for job in jobs]
        levels = self._levels(condition, prepared, jobs)
        found = self._search(condition, prepared, jobs, [pixels for _, pixels in starts], levels)
        made = [Made(job, *start, each) for job, start, each in zip(jobs, starts, found, strict=True)]
        items = make_items(self._plan, self._store, condition, prepared, made, levels)
        assembly.keep_unit(self._store, condition, unit, items)

    def _start(self, condition: Condition, job: Job) -> tuple[str, Pixels]:
        recipe = self._plan.recipe
        return draw_start(
            condition.start,
            self._plan.targets.targets,
            job.target,
            job.replicate,
            recipe.rng_seed,
            one_for_all=recipe.one_start_for_all,
        )

    def _levels(self, condition: Condition, prepared: Prepared, jobs: Sequence[Job]) -> Tensor:
        """(jobs, levels): the error at which each image is kept; 0 where the best iterate is."""
        stop, targets = condition.search.stop, self._plan.targets.targets
        chosen = [prepared.yardsticks[job.target] for job in jobs]
        names = [targets[job.target].target_id for job in jobs]
        return torch.stack([thresholds(stop.unit, at, prepared.null, chosen, names) for at in stop.levels], 1)

    def _search(
        self, condition: Condition, prepared: Prepared, jobs: Sequence[Job], starts: Sequence[Pixels], levels: Tensor
    ) -> list[Found]:
        switches = condition.search.switches
        search = Search(
            optimizer=condition.search.optimizer,
            parameterization=condition.loss.parameterization.value,
            transforms=tuple(transform.value for transform in condition.loss.transforms),
            rule=condition.search.stop.rule,
            clamp=switches.clamp,
            check_every=switches.check_every,
            rng_seed=self._plan.recipe.rng_seed,
        )
        network = self._network(condition, prepared)
        targets = [self._plan.targets.targets[job.target].pixels for job in jobs]
        wanted, begun = (stimuli.to_tensor(pixels, self._device) for pixels in (targets, starts))
        sought = levels.to(self._device)

        def search_for(batch_size: int) -> list[Found]:
            return invert(network, condition.loss.objective, search, wanted, begun, sought, batch_size)

        return fitting(search_for, min(self._batch_size(), len(jobs)))

    def _batch_size(self) -> int:
        """What the recipe says; `auto` begins with a whole unit on a GPU and is halved until it fits."""
        wanted = self._plan.recipe.batch_size
        if wanted == "auto":
            return self._plan.recipe.images_per_unit if self._device.type == "cuda" else AT_ONCE
        return wanted

    def _network(self, condition: Condition, prepared: Prepared) -> Network:
        names = list(dict.fromkeys([prepared.place.layer, *condition.loss.objective.layers]))
        relu = condition.search.switches.relu
        exact: Represent = accelerate(prepared.built, names, relu)
        fast = exact
        if self._plan.recipe.precision == "bf16":
            fast = accelerate(prepared.built, names, relu, torch.bfloat16)
        return Network(
            represent=fast,
            exact=exact,
            layer=prepared.place.layer,
            statistics=prepared.probe.statistics,
            settle_every=8 if self._device.type == "cuda" else 1,
        )


def fitting(search_for: Callable[[int], list[Found]], batch_size: int) -> list[Found]:
    """The largest batch that the device has room for, halved from `batch_size` on: out of memory is no failure."""
    while True:
        try:
            return search_for(batch_size)
        except torch.OutOfMemoryError:
            if batch_size == 1:
                raise
        batch_size //= 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def attempt(worker: Worker, task: Task) -> str | None:
    """Have a task done; returns the failure of this one task as one line. Raises what no other task would survive."""
    try:
        worker.do(task)
    except (GeneratorError, StoreError):
        raise
    except Exception as problem:
        lines = str(problem).strip().splitlines()
        return f"{type(problem).__name__}: {lines[0][:200]}" if lines else type(problem).__name__
    return None
