"""Random changes of an image before the network sees it, by the name that recipes use."""

from generator.inversion import Transform
from generator.transforms.affine import Rotate, Scale
from generator.transforms.jitter import Jitter
from generator.transforms.pad import Pad

TRANSFORMS: dict[str, type[Transform]] = {
    "jitter": Jitter,
    "pad": Pad,
    "scale": Scale,
    "rotate": Rotate,
}
