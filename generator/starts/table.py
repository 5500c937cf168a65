"""Starts by the name that recipes use, and kinds of starts with settings of one's own."""

from generator.starts.base import Start
from generator.starts.noise import Noise, Pink, Plain, Uniform
from generator.starts.picture import AnotherTarget, Picture

STARTS: dict[str, Start] = {
    "super-noise": Noise(level=0.0, scale=1.0),
    "light-noise": Noise(level=0.0, scale=0.01),
    "grey-noise": Noise(level=0.5, scale=0.05),
    "uniform-noise": Uniform(),
    "pink-noise": Pink(),
    "white": Plain(1.0),
    "black": Plain(0.0),
    "grey": Plain(0.5),
    "target": AnotherTarget(),
}

START_KINDS: dict[str, type[Start]] = {
    "noise": Noise,
    "uniform": Uniform,
    "pink": Pink,
    "plain": Plain,
    "image": Picture,
}
