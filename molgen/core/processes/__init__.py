r"""The forward noising processes: how data become noise, and what the reverse needs to know.

`LinearProcess` covers all that have a Gaussian kernel x_t = m(t) x_0 + s(t) eps on a flat manifold:
VP, VE, SubVP of Song et al. 2021, and the interpolants of `molgen.core.processes.interpolants`;
`Brownian` walks on SO(3). A joint process is a plain `dict[str, Process]`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from molgen.core.processes.brownian import Brownian
from molgen.core.processes.interpolants import Linear, Trigonometric
from molgen.core.processes.linear import LinearProcess
from molgen.core.processes.process import Corrupted, Process, Processes
from molgen.core.processes.schedules import GeometricNoise
from molgen.errors import UsageError

__all__ = [
    "PROCESSES",
    "VE",
    "VP",
    "Brownian",
    "Corrupted",
    "Linear",
    "LinearProcess",
    "Process",
    "Processes",
    "SubVP",
    "Trigonometric",
]


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
    "Linear": Linear,
    "Trigonometric": Trigonometric,
    "Brownian": Brownian,
}
"""What a recipe may ask for."""
