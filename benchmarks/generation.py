"""What does an image cost, against plain loops, and where does the time go?

Usage: python -m benchmarks.generation [--json FILE] [--quick] [--models FOLDER] [--device cuda]

All ratios are of one run: CPU time of one thread (on a GPU: wall time of a synchronized device), ways interleaved, medians.
The yardstick is the paper's loop, plainly written (`yardsticks.py`), on random-init networks with calibrated batch norm and
on the demo's robust network (`--models` is a folder that holds robust.pt; else it is trained here, which takes minutes).
Settings of the optimizers were tried on other photographs than those measured here.
"""

import argparse
import importlib
import itertools
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.worlds import World, robust_world, super_noise, torchvision_world
from benchmarks.yardsticks import Step, WholeNet, best_convolution, lucent_loop, paper_loop
from generator.acceleration import computes_bf16
from generator.inversion import Network, Optimizer
from generator.optimizers.adam import Adam
from generator.optimizers.lbfgs import LBFGS
from generator.optimizers.momentum import Momentum
from generator.optimizers.paper import Paper
from generator.parameterizations import PARAMETERIZATIONS
from generator.representation import Layers

Results = dict[str, Any]
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def clock() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def interleaved(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each way; the ways take turns, so that a busy machine is busy for all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            began = clock()
            way()
            if turn:  # the first one warms up
                seconds[name].append(clock() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


def next_steps(loop: Iterator[Step], n: int) -> Callable[[], object]:
    return lambda: [next(loop) for _ in range(n)]


def searching(world: World, network: Network, steps: int) -> Callable[[], object]:
    return lambda: world.search(network, Paper(steps=steps - 1))


def step_cost(world: World, rounds: int, *, passes: int = 1) -> dict[str, float]:
    """Seconds an image and step: the paper's loop, and the search with the paper's step, everything included."""
    whole = WholeNet(world.built, world.layer)
    n = 4
    ways: dict[str, Callable[[], object]] = {"paper": next_steps(paper_loop(whole, world.targets, world.starts), n)}
    if passes > 1:
        ways["two passes"] = next_steps(paper_loop(whole, world.targets, world.starts, passes=passes), n)
    networks = {name: world.network(dtype) for name, dtype in PRECISIONS.items()}
    # What a search costs once (the targets' representations) is no part of a step: two lengths, and their difference.
    for name, network in networks.items():
        ways[f"{name} short"], ways[f"{name} long"] = searching(world, network, 1), searching(world, network, 1 + n)
    seconds = interleaved(ways, rounds)
    for name in networks:
        seconds[name] = seconds.pop(f"{name} long") - seconds.pop(f"{name} short")
    return {name: value / n / len(world.targets) for name, value in seconds.items()}


def steps_of(results: Results, world: World, rounds: int, device: torch.device) -> None:
    cost = step_cost(world, rounds)
    for name in PRECISIONS:
        results[f"step_ratio_{name}"] = cost["paper"] / cost[name]
    results["step_ms"] = {name: 1000 * seconds for name, seconds in cost.items()}
    operations = _operations(world)
    peak = {name: best_convolution(dtype, device, clock) for name, dtype in PRECISIONS.items()}
    results["conv_peak_gflops"] = {name: value / 1e9 for name, value in peak.items()}
    for name, suffix in (("bf16", ""), ("fp32", "_fp32")):
        results[f"conv_peak_share{suffix}"] = operations / cost[name] / peak[name]


def _operations(world: World) -> int:
    """Floating-point operations of an image and step: forward to the layer, and as much again for the data's gradient."""
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        Layers(world.built.module, world.built.network, [world.layer])(world.targets[:1])
    return 2 * counter.get_total_flops()


def early_layers(results: Results, layers: dict[str, str], rounds: int) -> None:
    """Against loops that run the whole network for whatever layer: the paper's, and one with two passes as `robustness`."""
    base = torchvision_world("resnet50", "avgpool", 1)
    results["layers_ms"] = {}
    for name, layer in layers.items():
        world = World(base.name, base.built, layer, base.targets, base.starts)
        cost = step_cost(world, rounds, passes=2)
        results["layers_ms"][name] = {way: 1000 * seconds for way, seconds in cost.items()}
        for yardstick, key in (("paper", "ratio"), ("two passes", "two_passes_ratio")):
            results[f"{name}_{key}"] = cost[yardstick] / cost["bf16"]
            results[f"{name}_{key}_fp32"] = cost[yardstick] / cost["fp32"]


@dataclass(frozen=True)
class Time:
    """CPU seconds an image to an error: the median of the steps, times what a step costs. Where the median image did not
    get there the steps are those that it had, and the time is a lower bound."""

    seconds: float
    steps: float
    reached: float


def time_of(steps: list[float], most: int, a_step: float) -> Time:
    median = min(statistics.median_high(steps), most)
    return Time(a_step * (median + 1), median, sum(math.isfinite(step) for step in steps) / len(steps))


def loop_time(loop: Iterator[Step], level: float, n_images: int, most: int) -> Time:
    began, count, reached = clock(), 0, torch.full((n_images,), torch.inf)
    for step in itertools.islice(loop, most + 1):
        reached = torch.where((step.errors.cpu() <= level) & ~torch.isfinite(reached), count, reached)
        count += 1
        if bool(torch.isfinite(reached).all()):
            break
    return time_of(reached.tolist(), most, (clock() - began) / count / n_images)


def search_time(world: World, network: Network, optimizer: Optimizer, level: float, kind: str = "pixel") -> Time:
    began = clock()
    found = world.search(network, optimizer, level, parameterization=kind)
    a_step = (clock() - began) / sum(each.curve[-1][0] + 1 for each in found)
    steps = [each.step if each.error <= level else math.inf for each in found]
    return time_of(steps, optimizer.steps, a_step)


def times(results: Results, world: World, most: int, suffix: str, levels: tuple[float, ...]) -> None:
    """To each level, each way; the paper's loop to 0.1 alone, because it gets no further in reasonable time."""
    networks = {name: world.network(dtype) for name, dtype in PRECISIONS.items()}
    whole, n = WholeNet(world.built, world.layer), len(world.targets)
    table = {"paper": {"0.1": loop_time(paper_loop(whole, world.targets, world.starts), 0.1, n, most)}}
    optimizers: dict[str, Optimizer] = {"momentum": Momentum(steps=150), "lbfgs": LBFGS(steps=150)}
    for level in levels:
        told = {"lucent": loop_time(lucent_loop(whole, world.targets), level, n, 150)} if level >= 0.05 else {}
        for (name, optimizer), (precision, network) in itertools.product(optimizers.items(), networks.items()):
            told[f"{name} {precision}"] = search_time(world, network, optimizer, level)
        for way, each in told.items():
            table.setdefault(way, {})[f"{level:g}"] = each
    grey = replace(world, starts=super_noise(world.targets, grey=True))  # as lucent begins
    ways = [("momentum", optimizers["momentum"], "pixel"), ("lbfgs", optimizers["lbfgs"], "pixel")]
    ways += [("adam", Adam(lr=0.01 if kind == "pixel" else 0.05, steps=150), kind) for kind in PARAMETERIZATIONS]
    from_grey = {
        f"{name} {kind} bf16 from grey": search_time(grey, networks["bf16"], optimizer, 0.1, kind)
        for name, optimizer, kind in ways
    }
    table |= {way: {"0.1": each} for way, each in from_grey.items()}
    ours = {way: row["0.1"].seconds for way, row in table.items() if way not in {"paper", "lucent", *from_grey}}
    best = min(ours, key=lambda way: ours[way])
    results[f"time_to_level{suffix}"] = {way: {at: asdict(it) for at, it in row.items()} for way, row in table.items()}
    results[f"time_to_0.1_best{suffix}"] = best
    results[f"time_to_0.1_ratio{suffix}"] = table["paper"]["0.1"].seconds / ours[best]
    results[f"lucent_to_0.1_ratio{suffix}"] = table["lucent"]["0.1"].seconds / min(
        each.seconds for each in from_grey.values()
    )


def final_errors(results: Results, world: World, steps: int) -> None:
    """The true error that the paper's loop has after `steps`, and L-BFGS in float32 after a 25th of its time, and as much."""
    whole = WholeNet(world.built, world.layer)
    began = clock()
    last = next(itertools.islice(paper_loop(whole, world.targets, world.starts), steps, None))
    seconds = clock() - began
    told = {"paper": float(last.errors.median())}
    network = world.network(torch.float32)
    began = clock()
    world.search(network, LBFGS(steps=20))
    a_step = (clock() - began) / 21
    for share in (1 / 25, 1 / 5):
        found = world.search(network, LBFGS(steps=max(1, int(seconds * share / a_step) - 1)))
        told[f"lbfgs in {share:g} of its time"] = statistics.median(each.error for each in found)
    results["final_error"] = {"steps of the paper": steps, **told}


def scaling(results: Results, batches: tuple[int, ...], sizes: tuple[int, ...], rounds: int) -> None:
    """Milliseconds an image and step in bfloat16, by batch and by image size."""
    world = torchvision_world("resnet18", "avgpool", max(batches))
    network = world.network(torch.bfloat16)
    results["batch_ms"] = _per_step({str(n): (world.take(n), network) for n in batches}, rounds)
    worlds = {}
    for size in sizes:
        small = torchvision_world("resnet18", "avgpool", 2, size)
        small = replace(small, built=replace(small.built, module=small.built.network))  # not resized to its own size
        worlds[str(size)] = small, small.network(torch.bfloat16)
    results["image_size_ms"] = _per_step(worlds, rounds)


def _per_step(ways: dict[str, tuple[World, Network]], rounds: int) -> dict[str, float]:
    """Milliseconds an image and step: a long search less a short one, because what is done once is no part of a step."""
    lengths = {"short": 1, "long": 5}
    runs = {f"{name} {k}": searching(*way, n) for name, way in ways.items() for k, n in lengths.items()}
    seconds = interleaved(runs, rounds)
    return {
        name: 1000 * (seconds[f"{name} long"] - seconds[f"{name} short"]) / 4 / len(way[0].targets)
        for name, way in ways.items()
    }


def memory(results: Results, world: World) -> None:
    """MB an image that a pass keeps for its way back."""
    ways: dict[str, Callable[[Tensor], Tensor]] = {"paper": WholeNet(world.built, world.layer)}
    for name, dtype in PRECISIONS.items():
        represent = world.network(dtype).represent
        ways[name] = lambda images, represent=represent: represent(images)[world.layer]  # type: ignore[misc]
    results["kept_mb"] = {name: _kept(way, world.targets) / len(world.targets) / 1e6 for name, way in ways.items()}


def _kept(way: Callable[[Tensor], Tensor], images: Tensor) -> int:
    sizes: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, torch.nn.Parameter):
            storage = tensor.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        way(images.clone().requires_grad_(True))
    return sum(sizes.values())


def gpu_table(results: Results, device: torch.device, batches: tuple[int, ...]) -> None:
    """ResNet-50 at 224 pixels: images a second to an error of 0.1, and the share of the chip's convolutions' peak."""
    rows = []
    for n in batches:
        world = torchvision_world("resnet50", "avgpool", n, device=str(device))
        operations = _operations(world)
        for name, dtype, backend in (
            ("fp32", torch.float32, None),
            ("bf16", torch.bfloat16, None),
            ("bf16 compiled", torch.bfloat16, "inductor"),
        ):
            network = world.network(dtype, backend)
            world.search(network, Momentum(steps=3))  # compiles
            torch.cuda.reset_peak_memory_stats()
            began = clock()
            found = world.search(network, Momentum(steps=150), 0.1)
            seconds, passes = clock() - began, sum(each.curve[-1][0] + 1 for each in found)
            share = operations * passes / seconds / best_convolution(dtype, device, clock)
            reached = sum(each.error <= 0.1 for each in found)
            rows.append(
                {
                    "batch": n,
                    "precision": name,
                    "images_per_second": reached / seconds,
                    "reached": reached / n,
                    "conv_peak_share": share,
                    "memory_gb": torch.cuda.max_memory_allocated() / 1e9,
                }
            )
    results["gpu"] = {"chip": torch.cuda.get_device_name(device), "rows": rows}


def robustness_row() -> str:
    """Whether the yardstick from PyPI can be run here."""
    try:
        importlib.import_module("robustness.attacker")
    except Exception as problem:  # its imports are of another time; whatever they raise is the answer
        return f"not measured: `import robustness` fails ({type(problem).__name__}: {problem}); see the two-passes loop"
    return "not measured: its attack moves images to a GPU by itself; see the two-passes loop, which restates it"


def parts(told: argparse.Namespace, scratch: Path) -> Iterator[Callable[[Results], None]]:
    """What is measured, one question after the other."""
    quick, device = told.quick, torch.device(told.device)
    rounds = 1 if quick else 3
    if device.type == "cuda":
        yield lambda results: gpu_table(results, device, (32,) if quick else (32, 64, 128, 256))
        return
    world = torchvision_world("resnet18", "avgpool", 4)
    yield lambda results: steps_of(results, world, 2 * rounds, device)
    yield lambda results: memory(results, world)
    layers = ("relu", "layer1") if quick else ("relu", "layer1", "layer2", "layer3", "avgpool")
    yield lambda results: early_layers(results, {name.replace("relu", "relu1"): name for name in layers}, rounds)
    yield lambda results: scaling(results, (1, 4) if quick else (1, 2, 4, 8), (112, 224), rounds)
    levels = (0.1,) if quick else (0.1, 0.05, 0.01)
    yield lambda results: times(results, world.take(1 if quick else 2), 500, "", levels)
    if quick and told.models is None:
        return
    robust = robust_world(told.models, 4 if quick else 12, scratch)
    yield lambda results: times(results, robust, 400, "_robust", levels[:2])
    yield lambda results: final_errors(results, robust.take(4), 500 if quick else 5000)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", type=Path)
    arguments.add_argument(
        "--quick", action="store_true", help="fewer rounds and images; the robust net with --models alone"
    )
    arguments.add_argument("--models", type=Path, help="folder with robust.pt")
    arguments.add_argument("--device", default="cpu")
    told = arguments.parse_args()
    torch.set_num_threads(1)
    results: Results = {"device": told.device, "torch": torch.__version__, "robustness": robustness_row()}
    results["bf16_in_hardware"] = computes_bf16(torch.device(told.device))
    show(results)
    with tempfile.TemporaryDirectory() as scratch:
        for part in parts(told, Path(scratch)):
            part(new := {})
            show(new)
            results |= new
    if told.json:
        told.json.write_text(json.dumps(results, indent=1) + "\n")


def show(results: Results, indent: str = "") -> None:
    for name, value in results.items():
        if isinstance(value, dict) and any(isinstance(inner, dict) for inner in value.values()):
            print(f"{indent}{name}")
            show(value, indent + "  ")
        elif isinstance(value, dict):
            print(f"{indent}{name:28}" + "  ".join(f"{key} {_short(inner)}" for key, inner in value.items()))
        else:
            print(f"{indent}{name:28} {_short(value)}", flush=True)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
