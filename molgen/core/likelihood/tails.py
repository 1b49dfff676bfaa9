r"""How heavy the tail of importance weights is: the honest sign of whether they can be trusted.

The largest M of S weights, less the next, are fitted by a generalised Pareto distribution of shape
k: weights of it have 1/k moments. Above k = 0.7, or 1 - 1/log10(S) for few samples, means converge
too slowly to be of use however large the effective sample size looks. Below, replacing the largest
weights by quantiles of the fit lowers the variance. Vehtari et al. 2024, sections 2 and 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_PRIOR_WEIGHT, _PRIOR = 10, 0.5
"""The fitted shape is drawn towards 1/2 as by so many samples. Vehtari et al. 2024, appendix G."""

_FEWEST = 5
"""Weights in a tail that a fit can be made of."""


@dataclass(frozen=True)
class Tail:
    """The fit.

    Attributes:
        k: shape; -inf where the largest weights are all the same, nan where there are too few.
        limit: the k up to which estimates are reliable with so many samples.
    """

    k: float
    limit: float

    @property
    def reliable(self) -> bool:
        """Whether estimates by the weights can be trusted."""
        return self.k < self.limit


def tail_of(log_weights: Tensor) -> tuple[Tail, Tensor]:
    """The tail of weights, and their logarithms with the largest replaced by the fit's quantiles.

    Args:
        log_weights: float64 `[n]`.
    """
    count = len(log_weights)
    limit = min(1 - 1 / math.log10(count), 0.7) if count > 1 else 0.0
    size = min(count // 5, math.ceil(3 * count**0.5))
    if size < _FEWEST:
        return Tail(math.nan, limit), log_weights
    order = log_weights.argsort()
    largest = log_weights[order[-1]]
    tail = order[-size:]
    floor = (log_weights[order[-size - 1]] - largest).exp()
    excess = (log_weights[tail] - largest).exp() - floor
    if excess[-1] <= 1e-12:
        return Tail(-math.inf, limit), log_weights
    k, scale = _fit_pareto(excess)
    place = (torch.arange(size, dtype=torch.float64, device=tail.device) + 0.5) / size
    quantile = -torch.log1p(-place) if k == 0 else torch.expm1(-k * torch.log1p(-place)) / k
    smooth = torch.log(floor + scale * quantile).clamp(max=0.0) + largest
    return Tail(k, limit), log_weights.index_copy(0, tail, smooth)


def _fit_pareto(excess: Tensor) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto distribution, from values in increasing order.

    The mean of theta = -k / scale under its profile likelihood on a grid. Zhang & Stephens 2009.
    """
    count = len(excess)
    points = 30 + int(count**0.5)
    j = torch.arange(1, points + 1, dtype=excess.dtype, device=excess.device)
    quartile = excess[max(int(count / 4 + 0.5) - 1, 0)].clamp_min(1e-300)
    theta = 1 / excess[-1] + (1 - torch.sqrt(points / (j - 0.5))) / (3 * quartile)
    k = torch.log1p(-theta[:, None] * excess).mean(1)
    likelihood = count * (torch.log(-theta / k) - k - 1)
    best = (likelihood.softmax(0) * theta).sum()
    shape = torch.log1p(-best * excess).mean()
    scale = -shape / best
    drawn = (count * shape + _PRIOR_WEIGHT * _PRIOR) / (count + _PRIOR_WEIGHT)
    return drawn.item(), scale.item()
