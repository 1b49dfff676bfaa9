r"""How far apart the draws of a model's ODE and SDE are.

Both have the same distribution only if the score solves the score Fokker-Planck equation; the gap
is bounded by its residual (Deveney et al. 2023, theorem 1; Lai et al. 2023), which stands beside it
in reports. It is measured as the Wasserstein distance

    W2^2 = min over permutations p of 1/n sum_i c(x_i, y_p(i)),    c a squared distance,

between n draws of each, by exact assignment; and as n draws of one law are some way apart as well,
beside the distance of two halves of one sampler's draws, the floor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from molgen.core.losses.assignment import assigned
from molgen.errors import UsageError

Cost = Callable[[Tensor, Tensor], Tensor]
"""Squared distances `[n, m]` of points `[n, *]` and `[m, *]`."""


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Of all coordinates together: `[n, m]`."""
    return torch.cdist(x.flatten(1).double(), y.flatten(1).double()).square()


def squared_rmsds(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared distance of the rows `[n, rows, 3]`, `[m, rows, 3]`, superposed: `[n, m]`.

    By the best proper rotation about the centres: |x|^2 + |y|^2 - 2 (s_1 + s_2 + sign(det) s_3)
    with s the singular values of x^T y (Kabsch 1978).
    """
    x, y = (z.double() - z.double().mean(1, keepdim=True) for z in (x, y))
    product = torch.einsum("nri,mrj->nmij", x, y)
    s: Tensor = torch.linalg.svdvals(product)
    last = torch.linalg.det(product).sign() * s[..., 2]
    size = x.square().sum((1, 2))[:, None] + y.square().sum((1, 2))
    square: Tensor = (size - 2 * (s[..., 0] + s[..., 1] + last)).clamp_min(0)
    return square / x.shape[1]


def wasserstein(x: Tensor, y: Tensor, cost: Cost = squared_distances) -> float:
    """W2 of equally many points, by exact assignment: n^3, seconds for n of a few thousands.

    Raises:
        UsageError: not equally many.
    """
    if len(x) != len(y) or len(x) == 0:
        raise UsageError(f"W2 by assignment: {len(x)} points against {len(y)}; take as many")
    costs = cost(x, y)
    chosen = assigned(-costs[None])[0]
    return costs[torch.arange(len(x), device=costs.device), chosen].mean().sqrt().item()


@dataclass(frozen=True)
class Gap:
    """W2 between two samplers, in the unit of the distance.

    Attributes:
        between: of n draws of either, the mean over two pairs of halves.
        floor: of n draws of one and n others of the same, the mean over both samplers.
        count: n.
    """

    between: float
    floor: float
    count: int

    @property
    def excess(self) -> float:
        """sqrt(between^2 - floor^2), zero where the floor is higher: what chance does not make.

        A sample's distance from its law adds to its square, to first order.
        """
        return math.sqrt(max(self.between**2 - self.floor**2, 0.0))


def gap(first: Tensor, second: Tensor, cost: Cost = squared_distances) -> Gap:
    """The gap of two samplers from 2n independent draws of each."""
    n = len(first) // 2
    halves = [(x[:n], x[n : 2 * n]) for x in (first, second)]
    between = [wasserstein(x, y, cost) for x, y in zip(*halves, strict=True)]
    floors = [wasserstein(*half, cost) for half in halves]
    return Gap(sum(between) / 2, sum(floors) / 2, n)
