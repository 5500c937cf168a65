"""What is optimized, by the name that recipes use."""

from generator.inversion import Parameterization
from generator.parameterizations.fourier import Fourier
from generator.parameterizations.pixel import Pixel

PARAMETERIZATIONS: dict[str, type[Parameterization]] = {
    "pixel": Pixel,
    "fourier": Fourier,
}
