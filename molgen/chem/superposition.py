"""Rigid superposition of points on points."""

import numpy as np
from numpy.typing import NDArray


def superpose(
    body: NDArray[np.float64], target: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotation R [..., 3, 3] and shift T [..., 3] for which |R body + T - target| is least.

    Kabsch 1976, with the reflection excluded. One or two points, or points on a line, leave R
    undetermined about that line; it is then one of the best.

    Args:
        body: [..., points, 3].
        target: [..., points, 3], in the same unit, which is that of T.
    """
    middle, aim = body.mean(-2, keepdims=True), target.mean(-2, keepdims=True)
    u, _, vt = np.linalg.svd(np.swapaxes(target - aim, -1, -2) @ (body - middle))
    u[..., -1] *= np.sign(np.linalg.det(u @ vt))[..., None]
    rotation = u @ vt
    shift = aim[..., 0, :] - (rotation @ middle[..., 0, :, None])[..., 0]
    return rotation, shift
