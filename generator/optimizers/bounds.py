"""Values that lie at the bounds of [0, 1]."""

from torch import Tensor


def free(z: Tensor, gradient: Tensor) -> Tensor:
    """False where a pixel lies at 0 or 1 and descent along the gradient would push it outwards: projection would take that
    part of a step away again.

    Only rows that lie wholly in [0, 1] are images; other parameterizations have values outside, and no bounds of their own.
    """
    outwards = ((z <= 0) & (gradient > 0)) | ((z >= 1) & (gradient < 0))
    is_image = (z.flatten(1).amin(1) >= 0) & (z.flatten(1).amax(1) <= 1)
    return ~(outwards & wide(is_image, z))


def wide(rows: Tensor, like: Tensor) -> Tensor:
    """(batch,) as (batch, 1, …), to be multiplied with `like`."""
    return rows.view(-1, *[1] * (like.dim() - 1))
