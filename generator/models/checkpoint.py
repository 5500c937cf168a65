"""Weights from a file, in the formats in which they are passed around. Nothing in a file is ever run.

Read are files by torch.save and safetensors. The state dict may lie under `state_dict`, `model` or `net`, and its names may
carry the wrappers of a training program (`module.`, `model.`, …). The library `robustness`, and the paper's code after it,
save the attacked network as a whole: the network itself (`module.model.`), its normalizer, and an attacker with copies of
both, which are left aside.
"""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from generator.errors import GeneratorError
from generator.models.normalization import Normalization

WRAPPERS = ("state_dict", "model_state_dict", "model", "net")
"""Entries of a file under which a state dict may lie."""

PREFIXES = ("module.", "model.", "net.", "_orig_mod.")
"""What wrappers of networks put before the names of weights, in any order and number."""

ASIDE = re.compile(r"(attacker|normalizer)\.")
"""What is no part of the network, after its prefix."""

_MAKE_NUMBER = np.float64(0).__reduce__()[0]

HARMLESS = [
    np.dtype,
    *(type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64, np.int32, np.bool_)),
    (_MAKE_NUMBER, "numpy.core.multiarray.scalar"),
    (_MAKE_NUMBER, "numpy._core.multiarray.scalar"),
]
"""Numbers of numpy, such as accuracies, that training programs save beside weights: reading them runs nothing."""


def load_checkpoint(network: nn.Module, path: Path, part: str = "") -> Normalization | None:
    """Load the weights of a file strictly; returns the normalizer that it holds, if it does. `part` is the prefix of a
    larger network's entries of which this one is a part, if the file holds the larger one.

    Raises GeneratorError with the first difference.
    """
    state = _unwrap(_open(path))
    if not isinstance(state, Mapping) or not any(isinstance(value, Tensor) for value in state.values()):
        raise GeneratorError(f"checkpoint {path} holds a {type(state).__name__}; expected a state dict")
    found = _strip(network, state)
    if part and any(key.startswith(part) for key in found):
        found = {key.removeprefix(part): value for key, value in found.items() if key.startswith(part)}
    _fit(network, found, path)
    return _normalizer(state, path)


def _open(path: Path) -> Any:
    """Raises GeneratorError for what cannot be read, or not without running what is in it."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        with torch.serialization.safe_globals(HARMLESS):  # type: ignore[arg-type]
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise GeneratorError(f"checkpoint {path} does not exist") from None
    except ModuleNotFoundError:
        raise GeneratorError(f"checkpoint {path} cannot be read: safetensors is not installed; install it") from None
    except pickle.UnpicklingError as problem:
        called = re.search(r"GLOBAL (\S+)", str(problem))
        if called is not None:
            raise GeneratorError(
                f"checkpoint {path} cannot be read without running code ({called[1]}); expected a state dict: where you "
                f"trust the file, load it yourself and torch.save its state dict alone"
            ) from None
        raise _unreadable(path, problem) from None
    except Exception as problem:
        raise _unreadable(path, problem) from None


def _unreadable(path: Path, problem: Exception) -> GeneratorError:
    told = str(problem).partition("WeightsUnpickler error: ")[2] or str(problem)
    reason = told.strip().splitlines()[0][:120] if told.strip() else type(problem).__name__
    return GeneratorError(
        f"checkpoint {path} cannot be read ({reason}); expected a file by torch.save of a state dict, or .safetensors"
    )


def _unwrap(loaded: Any) -> Any:
    while isinstance(loaded, Mapping):
        inside = next((loaded[key] for key in WRAPPERS if isinstance(loaded.get(key), Mapping)), None)
        if inside is None:
            break
        loaded = inside
    return loaded


def _strip(network: nn.Module, state: Mapping[str, Any]) -> dict[str, Any]:
    """Entries by the network's own names: under the prefix with which most of them are its own."""
    wanted = network.state_dict()
    prefixes = dict.fromkeys(prefix for key in state for prefix in _prefixes(key))
    prefix = max(prefixes, key=lambda prefix: sum(f"{prefix}{name}" in state for name in wanted))
    return {
        key.removeprefix(prefix): value
        for key, value in state.items()
        if not any(ASIDE.match(key.removeprefix(each)) for each in _prefixes(key))
    }


def _prefixes(key: str) -> list[str]:
    """Every prefix that the name of an entry may have: none, the first wrapper's, the first two's …"""
    found = [""]
    while wrapper := next((each for each in PREFIXES if key.startswith(f"{found[-1]}{each}")), None):
        found.append(found[-1] + wrapper)
    return found


def _normalizer(state: Mapping[str, Any], path: Path) -> Normalization | None:
    values: dict[str, tuple[float, ...]] = {}
    for key, value in state.items():
        name = key.removeprefix(_prefixes(key)[-1])
        if name in {"normalizer.new_mean", "normalizer.new_std"} and isinstance(value, Tensor):
            values[name[-4:].lstrip("_")] = tuple(value.double().flatten().tolist())
    if not values:
        return None
    mean, std = values.get("mean", ()), values.get("std", ())
    if len(mean) != 3 or len(std) != 3 or not all(number > 0 for number in std):
        raise GeneratorError(
            f"checkpoint {path}: its normalizer has mean {mean} and std {std}; expected three numbers each, std above 0"
        )
    return Normalization((mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))


def _fit(network: nn.Module, found: Mapping[str, Any], path: Path) -> None:
    wanted = network.state_dict()
    # Counted in training only; files older than torch 0.4.1 have none.
    missing = [key for key in wanted if key not in found and not key.endswith("num_batches_tracked")]
    unknown = [key for key in found if key not in wanted]
    wrong = [key for key in wanted if key in found and getattr(found[key], "shape", None) != wanted[key].shape]
    for what, keys in (("lacks", missing), ("has unknown", unknown), ("has another shape for", wrong)):
        if keys:
            raise GeneratorError(
                f"checkpoint {path} does not fit: it {what} {keys[0]!r} and {len(keys) - 1} more of {len(wanted)} entries"
            )
    network.load_state_dict({**wanted, **found})
