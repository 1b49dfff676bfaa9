"""The linear assignment problem."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def assigned(gains: Tensor) -> Tensor:
    """For each row the column, each taken once, so that the sum of gains is largest.

    Args:
        gains: `[k, n, n]`, k problems.

    Returns:
        int64 `[k, n]`.
    """
    from scipy.optimize import linear_sum_assignment  # slow to load, and few runs need it

    values = gains.numpy(force=True)
    found = np.empty(values.shape[:2], dtype=np.int64)
    for each, problem in zip(found, values, strict=True):
        each[:] = linear_sum_assignment(problem, maximize=True)[1]
    return torch.from_numpy(found).to(gains.device)
