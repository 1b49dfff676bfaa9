"""The linear assignment problem."""

from __future__ import annotations

import torch
from torch import Tensor


def assigned(gains: Tensor) -> Tensor:
    """For each row the column, each taken once, so that the sum of `gains` `[n, n]` is largest."""
    from scipy.optimize import linear_sum_assignment  # slow to load, and few runs need it

    _, columns = linear_sum_assignment(gains.numpy(force=True), maximize=True)
    return torch.from_numpy(columns)
