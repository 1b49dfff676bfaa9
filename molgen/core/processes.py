r"""The forward noising processes: how data become noise, and what the reverse needs to know.

`LinearProcess` covers all that have a Gaussian kernel x_t = m(t) x_0 + s(t) eps on a flat manifold
(VP, VE, SubVP of Song et al. 2021); `Brownian` walks on SO(3). A joint process is a plain
`dict[str, Process]`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from molgen.core.batch import Rows
from molgen.core.brownian import Brownian
from molgen.core.manifolds import Euclidean, Manifold
from molgen.core.process import Corrupted, Process, Processes
from molgen.core.random import Random
from molgen.core.schedules import GeometricNoise
from molgen.errors import UsageError

__all__ = [
    "PROCESSES",
    "VE",
    "VP",
    "Brownian",
    "Corrupted",
    "LinearProcess",
    "Process",
    "Processes",
    "SubVP",
]


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
        """x_t = m x_0 + s eps, with score -eps / s."""
        eps = self.manifold.noise(x0, rows, generator)
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


@dataclass(frozen=True, kw_only=True)
class VP(LinearProcess):
    """Variance preserving: dx = -beta/2 x dt + sqrt(beta) dW, beta linear in t.

    Song et al. 2021, eq. 11.

    Attributes:
        beta_min: beta at t = 0.
        beta_max: beta at t = 1.
    """

    beta_min: float = 0.1
    beta_max: float = 20.0

    def __post_init__(self) -> None:
        if not 0 <= self.beta_min < self.beta_max:
            raise UsageError(
                f"process: beta_min {self.beta_min:g} must be at least 0 and below beta_max "
                f"{self.beta_max:g}"
            )
        super().__post_init__()

    def _beta(self, t: Tensor) -> Tensor:
        return self.beta_min + t * (self.beta_max - self.beta_min)

    def _integral(self, t: Tensor) -> Tensor:
        """Integral of beta from 0 to t."""
        return self.beta_min * t + 0.5 * (self.beta_max - self.beta_min) * t.square()

    def _time_of_integral(self, integral: Tensor) -> Tensor:
        slope = self.beta_max - self.beta_min
        return 2 * integral / (self.beta_min + torch.sqrt(self.beta_min**2 + 2 * slope * integral))

    def rate(self, t: Tensor) -> Tensor:
        """-beta / 2."""
        return -0.5 * self._beta(t)

    def diffusion(self, t: Tensor) -> Tensor:
        """sqrt(beta)."""
        return self._beta(t).sqrt()

    def signal(self, t: Tensor) -> Tensor:
        """exp(-1/2 int beta)."""
        return torch.exp(-0.5 * self._integral(t))

    def noise(self, t: Tensor) -> Tensor:
        """sqrt(1 - m^2)."""
        return torch.sqrt(-torch.expm1(-self._integral(t)))

    def time_of(self, ratio: Tensor) -> Tensor:
        """From ratio^2 = exp(int beta) - 1."""
        return self._time_of_integral(torch.log1p(ratio.square()))


@dataclass(frozen=True, kw_only=True)
class SubVP(VP):
    """Sub-VP: the drift of VP with g^2 = beta (1 - exp(-2 int beta)), so s = 1 - m^2.

    Song et al. 2021, eq. 29.
    """

    def diffusion(self, t: Tensor) -> Tensor:
        """sqrt(beta (1 - exp(-2 int beta)))."""
        return torch.sqrt(self._beta(t) * -torch.expm1(-2 * self._integral(t)))

    def noise(self, t: Tensor) -> Tensor:
        """1 - m^2."""
        return -torch.expm1(-self._integral(t))

    def time_of(self, ratio: Tensor) -> Tensor:
        """From ratio = 1/m - m."""
        m = 0.5 * (torch.sqrt(ratio.square() + 4) - ratio)
        return self._time_of_integral(-2 * m.log())


@dataclass(frozen=True, kw_only=True)
class VE(GeometricNoise, LinearProcess):
    """Variance exploding: no drift, geometric noise; sigma_max should be many times `data_std`."""

    def __post_init__(self) -> None:
        GeometricNoise.__post_init__(self)
        LinearProcess.__post_init__(self)

    def rate(self, t: Tensor) -> Tensor:
        """Zero."""
        return torch.zeros_like(t)


PROCESSES: Mapping[str, Callable[..., Process]] = {
    "VP": VP,
    "VE": VE,
    "SubVP": SubVP,
    "Brownian": Brownian,
}
"""What a recipe may ask for."""
