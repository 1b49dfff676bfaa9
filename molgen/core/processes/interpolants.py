r"""Stochastic interpolants: straight and circular paths from data to noise.

    x_t = m x_0 + w eps + gamma z,    gamma^2 = latent^2 m w

with eps the noise at the end of the path and z a latent noise that is there only on the way
(Albergo, Boffi & Vanden-Eijnden 2023; without z the paths of flow matching, Lipman et al. 2023).
Where eps is Gaussian and independent of the data, both are one noise of width s^2 = w^2 + gamma^2:
a `LinearProcess` like any other, with a score, a velocity (`molgen.core.models.velocity`) and a
reverse SDE. In rho = w / m all is in closed form:

    s^2 / m^2 = rho^2 + latent^2 rho,    g^2 = m^2 d(s^2 / m^2) / dt = m^2 (2 rho + latent^2) rho'

A path that ends in pure noise has m = 0 there, and a, g and the score of the prior are singular. So
it stops at the largest noise / signal that one asks for: t = 1 is where that is reached, and what
is left of the data there is in the prior's variance, as for VP, of which noise / signal is 150.

Rotations keep to `Brownian`, whose conditional velocity -g^2/2 grad log q(R_t | R_0) runs along the
geodesic from R_0 as it is. The geodesic interpolant R_0 exp(t log(R_0^T R_1)) with uniform R_1 has
a velocity, but reaches no further than an angle of pi t: outside of that its density is zero, so it
has no score, no energy and no reverse SDE, and at the cut locus the velocity jumps.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from molgen.core.processes.linear import LinearProcess
from molgen.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Interpolant(LinearProcess):
    """What the paths share: everything but how signal and end noise depend on time.

    Attributes:
        ratio_max: noise / signal at t = 1.
        latent: size of the latent noise; from 0, as large as the end noise half way at 1.

    Raises:
        UsageError: a number out of its range.
    """

    ratio_max: float = 100.0
    latent: float = 0.0
    t_min: float = 1e-3

    def __post_init__(self) -> None:
        if not self.ratio_max > 0:
            raise UsageError(f"process: ratio_max {self.ratio_max:g} must be positive")
        if not self.latent >= 0:
            raise UsageError(f"process: latent {self.latent:g} must be at least 0")
        super().__post_init__()

    @abstractmethod
    def end_noise(self, t: Tensor) -> Tensor:
        """w(t): `[graphs]`."""

    @abstractmethod
    def _speed(self, t: Tensor) -> Tensor:
        """m^2 d rho / dt: `[graphs]`."""

    def diffusion(self, t: Tensor) -> Tensor:
        """m sqrt((2 rho + latent^2) rho')."""
        rho = self.end_noise(t) / self.signal(t)
        return torch.sqrt((2 * rho + self.latent**2) * self._speed(t))

    def noise(self, t: Tensor) -> Tensor:
        """sqrt(w^2 + latent^2 m w)."""
        w = self.end_noise(t)
        return torch.sqrt(w * (w + self.latent**2 * self.signal(t)))

    def _rho(self, ratio: Tensor) -> Tensor:
        """w / m where noise / signal is `ratio`, from rho^2 + latent^2 rho = ratio^2."""
        half = 0.5 * self.latent**2
        return ratio.square() / (half + torch.sqrt(half**2 + ratio.square()))

    def _rho_max(self) -> float:
        return self._rho(torch.tensor(self.ratio_max, dtype=torch.float64)).item()


@dataclass(frozen=True, kw_only=True)
class Linear(Interpolant):
    """m = 1 - u, w = u with u = t u_max: data go straight to noise. Lipman et al. 2023, eq. 20."""

    def _end(self) -> float:
        """u_max, where t = 1."""
        return self._rho_max() / (1 + self._rho_max())

    def rate(self, t: Tensor) -> Tensor:
        """-u_max / (1 - u)."""
        return -self._end() / self.signal(t)

    def signal(self, t: Tensor) -> Tensor:
        """1 - u."""
        return 1 - self._end() * t

    def end_noise(self, t: Tensor) -> Tensor:
        """u."""
        return self._end() * t

    def _speed(self, t: Tensor) -> Tensor:
        return torch.full_like(t, self._end())

    def time_of(self, ratio: Tensor) -> Tensor:
        """u = rho / (1 + rho)."""
        rho = self._rho(ratio)
        return rho / (1 + rho) / self._end()


@dataclass(frozen=True, kw_only=True)
class Trigonometric(Interpolant):
    """m = cos u, w = sin u with u = t u_max: of constant variance where that of the data is one.

    Albergo & Vanden-Eijnden 2023, eq. 5.
    """

    def _end(self) -> float:
        """u_max, where t = 1."""
        return math.atan(self._rho_max())

    def rate(self, t: Tensor) -> Tensor:
        """-u_max tan u."""
        return -self._end() * torch.tan(self._end() * t)

    def signal(self, t: Tensor) -> Tensor:
        """cos u."""
        return torch.cos(self._end() * t)

    def end_noise(self, t: Tensor) -> Tensor:
        """sin u."""
        return torch.sin(self._end() * t)

    def _speed(self, t: Tensor) -> Tensor:
        return torch.full_like(t, self._end())

    def time_of(self, ratio: Tensor) -> Tensor:
        """u = atan rho."""
        return torch.atan(self._rho(ratio)) / self._end()
