r"""Processes with a Gaussian kernel x_t = m(t) x_0 + s(t) eps on a flat manifold.

Two of them are one another rescaled: at equal noise / signal, x / m has the same law. So a path
from data to noise is a choice of which noise is trained how much and of nothing else; losses whose
times and weights follow noise / signal, and solvers whose grids do, do not see it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import torch
from torch import Tensor

from molgen.core.batch import Rows
from molgen.core.manifolds import Euclidean, Manifold
from molgen.core.processes.process import Corrupted
from molgen.core.random import Random
from molgen.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class LinearProcess(ABC):
    """Processes with drift f = a(t) x on a flat manifold: x_t = m(t) x_0 + s(t) eps.

    Attributes:
        manifold: the flat space of the field.
        data_std: standard deviation of the data along one direction; widens the prior.
        t_min: the smallest time that is trained or sampled; s(t_min) > 0.

    Raises:
        UsageError: a number out of its range.
    """

    manifold: Manifold = field(default_factory=Euclidean)
    data_std: float = 1.0
    t_min: float = 1e-5

    def __post_init__(self) -> None:
        if not isinstance(self.manifold, Euclidean):
            raise UsageError(
                f"process: {type(self).__name__} is for flat spaces; rotations walk by Brownian"
            )
        if self.data_std <= 0:
            raise UsageError(f"process: data_std {self.data_std:g} must be positive")
        if not 0 <= self.t_min < 1 or self.noise(torch.tensor(self.t_min)) <= 0:
            raise UsageError(
                f"process: t_min {self.t_min:g} must be below 1 and large enough for some noise"
            )

    @abstractmethod
    def rate(self, t: Tensor) -> Tensor:
        """a(t) = d log m / dt: `[graphs]`."""

    @abstractmethod
    def diffusion(self, t: Tensor) -> Tensor:
        """g(t): `[graphs]`."""

    @abstractmethod
    def signal(self, t: Tensor) -> Tensor:
        """m(t): `[graphs]`."""

    @abstractmethod
    def noise(self, t: Tensor) -> Tensor:
        """s(t): `[graphs]`."""

    @abstractmethod
    def time_of(self, ratio: Tensor) -> Tensor:
        """The time at which s(t) / m(t) equals `ratio`: `[graphs]`."""

    def drift(self, x: Tensor, t: Tensor, rows: Rows) -> Tensor:
        """a(t) x."""
        return rows.spread(self.rate(t), x) * x

    def drift_divergence(self, x: Tensor, t: Tensor, rows: Rows) -> Tensor:
        """a(t) times the dimension: `[graphs]`."""
        return self.rate(t) * self.manifold.dim(x, rows)

    def corrupt(self, x0: Tensor, t: Tensor, rows: Rows, generator: Random) -> Corrupted:
        """A draw of `noised` by white noise."""
        return self.noised(x0, t, self.manifold.noise(x0, rows, generator), rows)

    def noised(self, x0: Tensor, t: Tensor, eps: Tensor, rows: Rows) -> Corrupted:
        """x_t = m x_0 + s eps, with score -eps / s."""
        m, s = self.signal(t), self.noise(t)
        x_t = rows.spread(m, x0) * x0 + rows.spread(s, x0) * eps
        return Corrupted(x_t, -eps / rows.spread(s, x0), s)

    def kernel_score(self, x: Tensor, x0: Tensor, t: Tensor, rows: Rows) -> Tensor:
        """(m x_0 - x) / s^2."""
        m, s = (rows.spread(part, x) for part in (self.signal(t), self.noise(t)))
        return (m * x0 - x) / s.square()

    def prior_std(self) -> float:
        """Standard deviation of x_1 for data of standard deviation `data_std`."""
        one = torch.ones(1, dtype=torch.float64)
        m, s = self.signal(one).item(), self.noise(one).item()
        return math.hypot(m * self.data_std, s)

    def prior(self, like: Tensor, rows: Rows, generator: Random) -> Tensor:
        """A centred Gaussian draw with the variance of x_1."""
        return self.prior_std() * self.manifold.noise(like, rows, generator)

    def base_energy(self, x: Tensor, t: Tensor, rows: Rows) -> Tensor:
        """|x|^2 / 2v + D/2 log(2 pi v), v = m^2 data_std^2 + s^2: `[graphs]`."""
        v = self._variance(t)
        square = self.manifold.inner(x, x, rows)
        return 0.5 * (square / v + self.manifold.dim(x, rows) * torch.log(2 * math.pi * v))

    def base_score(self, x: Tensor, t: Tensor, rows: Rows) -> Tensor:
        """-x / v."""
        return -x / rows.spread(self._variance(t), x)

    def base_flow(self, x: Tensor, t: Tensor, s: Tensor, rows: Rows) -> Tensor:
        """sqrt(v(s) / v(t)) x: under the probability-flow ODE of a Gaussian, x / sqrt(v) stays."""
        return rows.spread((self._variance(s) / self._variance(t)).sqrt(), x) * x

    def score_std(self, t: Tensor) -> Tensor:
        """The size of x/v - eps/s, which is m data_std / (s sqrt(v)): `[graphs]`."""
        return self.signal(t) * self.data_std / (self.noise(t) * self._variance(t).sqrt())

    def standardised(self, x: Tensor, t: Tensor, rows: Rows) -> Tensor:
        """Divided by sqrt(v)."""
        return x / rows.spread(self._variance(t).sqrt(), x)

    def _variance(self, t: Tensor) -> Tensor:
        """The variance of x_t in one direction, v = m^2 data_std^2 + s^2: `[graphs]`."""
        return (self.signal(t) * self.data_std).square() + self.noise(t).square()

    def scaled(self, x: Tensor, t: Tensor, s: Tensor, rows: Rows) -> Tensor:
        """m(s) / m(t) x."""
        return rows.spread(self.signal(s) / self.signal(t), x) * x
