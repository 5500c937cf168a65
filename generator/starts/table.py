"""Starts, by the name that recipes use."""

from generator.starts.base import Start
from generator.starts.noise import Noise, Plain

STARTS: dict[str, Start] = {
    "super-noise": Noise(level=0.0, scale=1.0),
    "light-noise": Noise(level=0.0, scale=0.01),
    "grey-noise": Noise(level=0.5, scale=0.05),
    "white": Plain(1.0),
    "black": Plain(0.0),
}
