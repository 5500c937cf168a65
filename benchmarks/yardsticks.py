"""Plain loops to measure against, written from their descriptions, as a lab would write them.

Each runs the whole network in float32, forward and then back from the layer, and asks for a number at every step.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from generator.models import BuiltModel


@dataclass(frozen=True)
class Step:
    """After a step: relative error of each image, (batch,), and the images it belongs to."""

    errors: Tensor
    images: Tensor


class WholeNet:
    """Images ↦ a layer's representation, after a pass through the whole network."""

    def __init__(self, built: BuiltModel, layer: str) -> None:
        self.module = built.module
        self.seen: list[Tensor] = []
        built.network.get_submodule(layer).register_forward_hook(lambda _layer, _inputs, output: self._note(output))

    def _note(self, output: Tensor) -> None:
        self.seen = [output.flatten(1)]

    def __call__(self, images: Tensor) -> Tensor:
        self.module(images)
        return self.seen[0]


def paper_loop(net: WholeNet, targets: Tensor, starts: Tensor, *, passes: int = 1) -> Iterator[Step]:
    """Nanda et al.: x ← clamp(x − ∇/‖∇‖, 0, 1), per image, the best iterate kept. `passes` = 2 is how `robustness` and the
    metamers' code made on it work: the attack runs the network for its output and again for a loss of the user's."""
    with torch.no_grad():
        wanted = net(targets)
    x, best, least = starts, starts.clone(), torch.full((len(starts),), torch.inf, device=starts.device)
    while True:
        x = x.detach().requires_grad_(True)
        for _ in range(passes):
            found = net(x)
        losses = (found - wanted).norm(dim=1) / wanted.norm(dim=1)
        (gradient,) = torch.autograd.grad(losses.sum(), x)
        with torch.no_grad():
            losses = losses.detach()
            better = losses < least
            best[better], least[better] = x[better].detach(), losses[better]
            losses.mean().item()  # for its progress bar
            x = (x - gradient / gradient.flatten(1).norm(dim=1).view(-1, 1, 1, 1)).clamp(0, 1)
        yield Step(least, best)


def lucent_loop(net: WholeNet, targets: Tensor, rng_seed: int = 0, lr: float = 0.05) -> Iterator[Step]:
    """Olah et al.'s parameterization as lucent uses it: Fourier coefficients scaled by 1/frequency, colours decorrelated,
    a sigmoid, Adam; the gradient of the weights is computed too, because nobody freezes them."""
    height, width = targets.shape[-2:]
    decode, size = fourier(height, width, targets.device)
    generator = torch.Generator().manual_seed(rng_seed)
    z = (0.01 * torch.randn((len(targets), *size), generator=generator)).to(targets.device).requires_grad_(True)
    with torch.no_grad():
        wanted = net(targets)
    parameters = list(net.module.parameters())
    optimizer = torch.optim.Adam([z], lr=lr)
    for parameter in parameters:
        parameter.requires_grad_(True)
    try:
        while True:
            images = decode(z)
            losses = (net(images) - wanted).norm(dim=1) / wanted.norm(dim=1)
            for each in (optimizer, net.module):
                each.zero_grad()
            losses.sum().backward()  # type: ignore[no-untyped-call]
            losses.mean().item()
            yield Step(losses.detach(), images.detach())
            optimizer.step()
    finally:
        for parameter in parameters:
            parameter.requires_grad_(False)
            parameter.grad = None


def fourier(height: int, width: int, device: torch.device) -> tuple[Callable[[Tensor], Tensor], tuple[int, ...]]:
    """The decoder, and the shape of one image's coefficients."""
    rows = torch.fft.fftfreq(height, device=device)[:, None]
    columns = torch.fft.rfftfreq(width, device=device)[None, :]
    scale = 1 / (rows**2 + columns**2).sqrt().clamp_min(1 / max(height, width))
    colours = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], device=device)
    colours = colours / colours.norm(dim=0).max()

    def decode(z: Tensor) -> Tensor:
        spectrum = torch.view_as_complex(z) * scale
        image = torch.fft.irfft2(spectrum, s=(height, width), norm="ortho") / 4
        return torch.sigmoid(torch.einsum("bchw,dc->bdhw", image, colours))

    return decode, (3, height, width // 2 + 1, 2)


def best_convolution(dtype: torch.dtype, device: torch.device, clock: Callable[[], float]) -> float:
    """Operations a second of the fastest of a few convolutions such as residual networks have."""
    best = 0.0
    for channels, side, batch in ((64, 56, 4), (128, 28, 8), (256, 14, 16), (256, 28, 8)):
        layer = nn.Conv2d(channels, channels, 3, padding=1).to(device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        images = torch.rand((batch, channels, side, side), device=device, dtype=dtype)
        images = images.contiguous(memory_format=torch.channels_last)
        operations = 2 * 9 * channels**2 * side**2 * batch
        with torch.no_grad():
            layer(images)
            for _ in range(5):
                began = clock()
                layer(images)
                best = max(best, operations / (clock() - began))
    return best
