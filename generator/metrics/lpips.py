"""LPIPS 0.1 (Zhang et al. 2018): a distance between pictures that was fitted to people's judgements.

Only with its real weights: a backbone trained on ImageNet and the calibrated heads. Nothing is ever drawn at random; where
a weight is missing it stops.
"""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from generator.errors import GeneratorError

Net = Literal["alex", "vgg", "squeeze"]

_ARCHITECTURES: dict[str, tuple[str, tuple[int, ...]]] = {
    "alex": ("alexnet", (1, 4, 7, 9, 11)),
    "vgg": ("vgg16", (3, 8, 15, 22, 29)),
    "squeeze": ("squeezenet1_1", (1, 4, 7, 9, 10, 11, 12)),
}
"""torchvision's name, and the modules of its `features` that are compared."""

_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # for values in [-1, 1]
_EPS = 1e-10


class LpipsNetwork(nn.Module):
    """Called with two batches of images, (batch, 3, height, width) in [0, 1], it gives the distances, (batch,)."""

    shift: Tensor
    scale: Tensor

    def __init__(self, features: nn.Sequential, read: tuple[int, ...], heads: list[Tensor]) -> None:
        super().__init__()
        self.features = features[: read[-1] + 1]
        for layer in self.features.modules():
            if isinstance(layer, nn.ReLU):
                layer.inplace = False
        self._read = read
        self.heads = nn.ParameterList(nn.Parameter(head, requires_grad=False) for head in heads)
        self.register_buffer("shift", torch.tensor(_SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(_SCALE).view(1, 3, 1, 1))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Σ over layers of the mean over places of Σ_c w_c (â_c − b̂_c)², with channels of unit length."""
        distances = [
            ((x - y) ** 2 * head).sum(1).mean((1, 2))
            for x, y, head in zip(self._units(a), self._units(b), self.heads, strict=True)
        ]
        return torch.stack(distances).sum(0)

    def _units(self, images: Tensor) -> list[Tensor]:
        x = (2 * images - 1 - self.shift) / self.scale
        found = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in self._read:
                found.append(x / (x.norm(dim=1, keepdim=True) + _EPS))
        return found


def load_lpips(
    net: Net, backbone: Path | None, heads: Path | None, device: torch.device | None = None
) -> tuple[LpipsNetwork, dict[str, str]]:
    """The network, and the SHA-256 of its weights. Raises GeneratorError where weights are missing."""
    return _load(net, backbone, heads, str(device or "cpu"))


@lru_cache(maxsize=4)
def _load(net: Net, backbone: Path | None, heads: Path | None, device: str) -> tuple[LpipsNetwork, dict[str, str]]:
    architecture, read = _ARCHITECTURES[net]
    features, features_sha256 = _backbone(architecture, backbone)
    path = heads or _shipped_heads(net)
    loaded = _read(path)
    columns = [loaded.get(f"lin{i}.model.1.weight") for i in range(len(read))]
    if any(column is None for column in columns):
        raise GeneratorError(f"{path} holds no heads of LPIPS for {net}; expected lin0.model.1.weight and so on")
    network = LpipsNetwork(features, read, columns).eval().requires_grad_(False)  # type: ignore[arg-type]
    hashes = {"backbone": features_sha256, "heads": hashlib.sha256(Path(path).read_bytes()).hexdigest()}
    return network.to(device), hashes


def _backbone(architecture: str, path: Path | None) -> tuple[nn.Sequential, str]:
    """`features` of the network with weights from a file, or torchvision's published ones."""
    from torchvision import models  # seconds, for those who need it

    if path is None:
        try:
            network = models.get_model(architecture, weights="IMAGENET1K_V1")
        except (OSError, RuntimeError) as problem:
            raise GeneratorError(
                f"LPIPS: the weights of {architecture} cannot be downloaded ({problem}); name a file: backbone = "
                f'"{architecture}.pth"'
            ) from None
        features: nn.Sequential = network.features
        digest = hashlib.sha256()
        for name, tensor in sorted(features.state_dict().items()):
            digest.update(f"{name} {tuple(tensor.shape)}\n".encode() + tensor.contiguous().numpy().tobytes())
        return features, digest.hexdigest()
    weights = {name[9:]: tensor for name, tensor in _read(path).items() if name.startswith("features.")}
    features = models.get_model(architecture, weights=None).features
    wanted = features.state_dict()
    for name, tensor in wanted.items():
        if name not in weights or weights[name].shape != tensor.shape:
            raise GeneratorError(f"{path} is no {architecture}: features.{name} is missing or of another shape")
    features.load_state_dict({name: weights[name] for name in wanted})
    return features, hashlib.sha256(path.read_bytes()).hexdigest()


def _shipped_heads(net: Net) -> Path:
    """The heads in the wheel of the lpips package, read as data; the package itself is not run."""
    found = find_spec("lpips")
    if found is None or found.origin is None:
        raise GeneratorError(
            "LPIPS: its heads come with the package lpips, which is not installed; install alike[lpips], or name a file: "
            'heads = "…"'
        )
    return Path(found.origin).parent / "weights" / "v0.1" / f"{net}.pth"


def _read(path: Path) -> Mapping[str, Any]:
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise GeneratorError(f"weights {path} do not exist") from None
    except Exception as problem:  # whatever a file can be
        raise GeneratorError(f"weights {path} cannot be read ({str(problem).splitlines()[0][:120]})") from None
    if not isinstance(loaded, Mapping):
        raise GeneratorError(f"weights {path} hold a {type(loaded).__name__}; expected a state dict")
    return loaded
