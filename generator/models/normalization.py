"""Mean and standard deviation of the colours that a network was trained with."""

from dataclasses import dataclass

from generator.errors import GeneratorError


@dataclass(frozen=True)
class Normalization:
    """What is taken from, and then divides, each colour of images in [0, 1]."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


NORMALIZATIONS = {
    "cifar10": Normalization((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
    "cifar100": Normalization((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "imagenet": Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "inception": Normalization((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "none": Normalization((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}


def find_normalization(name: str) -> Normalization:
    """Raises GeneratorError, naming those that there are."""
    if name not in NORMALIZATIONS:
        raise GeneratorError(f"there is no normalization {name!r}; known are {', '.join(NORMALIZATIONS)}")
    return NORMALIZATIONS[name]
