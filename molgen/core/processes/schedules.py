"""How the noise grows with time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from molgen.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class GeometricNoise:
    """Noise s(t) = sigma_min (sigma_max / sigma_min)^t on a signal that stays 1.

    Song et al. 2021, eq. 9, with the kernel of Karras et al. 2022: s is the whole noise at t, so
    sigma_min at t = 0. All times are `[graphs]`.

    Attributes:
        sigma_min: smallest noise, in the field's units (radians for rotations).
        sigma_max: largest noise.
        t_min: the smallest time that is trained or sampled.

    Raises:
        UsageError: a number out of its range.
    """

    sigma_min: float = 0.003
    sigma_max: float = 10.0
    t_min: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.sigma_min < self.sigma_max:
            raise UsageError(
                f"process: sigma_min {self.sigma_min:g} must be positive and below sigma_max "
                f"{self.sigma_max:g}"
            )
        if not 0 <= self.t_min < 1:
            raise UsageError(f"process: t_min {self.t_min:g} must be at least 0 and below 1")

    def _log_range(self) -> float:
        return math.log(self.sigma_max / self.sigma_min)

    def diffusion(self, t: Tensor) -> Tensor:
        """g^2 = d s^2 / dt = 2 s^2 log(sigma_max / sigma_min)."""
        return self.noise(t) * math.sqrt(2 * self._log_range())

    def signal(self, t: Tensor) -> Tensor:
        """One."""
        return torch.ones_like(t)

    def noise(self, t: Tensor) -> Tensor:
        """sigma_min (sigma_max / sigma_min)^t."""
        return self.sigma_min * torch.exp(t * self._log_range())

    def time_of(self, ratio: Tensor) -> Tensor:
        """log(ratio / sigma_min) / log(sigma_max / sigma_min)."""
        return torch.log(ratio / self.sigma_min) / self._log_range()
