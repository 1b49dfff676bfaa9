"""Potentials: energies and forces of many chains at once, and the analytic test systems."""

from abc import ABC, abstractmethod
from typing import Protocol

import torch
from torch import Tensor


class Potential(Protocol):
    """Energy of many configurations at once, differentiable.

    x: [n, atoms, dims] in nm; energy [n] in kJ/mol; forces like x in kJ/mol/nm. The test systems
    have one atom of 1 or 2 coordinates and reduced units throughout.
    """

    def energy(self, x: Tensor) -> Tensor:
        """Energies [n]."""
        ...

    def forces(self, x: Tensor) -> Tensor:
        """Forces -dE/dx, like x."""
        ...

    def energy_and_forces(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both, from one evaluation."""
        ...


class AutogradPotential(ABC):
    """A potential that states its energy only: forces are -grad of it (torch.func, compilable)."""

    @abstractmethod
    def energy(self, x: Tensor) -> Tensor:
        """Energies [n] of x: [n, atoms, dims]."""

    def forces(self, x: Tensor) -> Tensor:
        """Forces -dE/dx, like x."""
        return self.energy_and_forces(x)[1]

    def energy_and_forces(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Energies [n] and forces like x."""
        energy, *pull = torch.func.vjp(self.energy, x)
        (gradient,) = pull[0](torch.ones_like(energy))
        return energy, -gradient


class DoubleWell(AutogradPotential):
    r"""Tilted quartic double well along the first coordinate, harmonic along the others.

    U(x) = barrier ((x_1/half_width)^2 - 1)^2 + tilt x_1 + stiffness/2 sum_{k>1} x_k^2

    A positive tilt favours the well at x_1 < 0. Reduced units.
    """

    def __init__(
        self, barrier: float, half_width: float, tilt: float = 0.0, stiffness: float = 1.0
    ) -> None:
        self.barrier = barrier
        self.half_width = half_width
        self.tilt = tilt
        self.stiffness = stiffness

    def energy(self, x: Tensor) -> Tensor:
        """Energies [n] of x: [n, 1, dims]."""
        x = x.flatten(1)
        along, across = x[:, 0], x[:, 1:]
        well = self.barrier * ((along / self.half_width) ** 2 - 1) ** 2 + self.tilt * along
        return well + 0.5 * self.stiffness * across.square().sum(-1)

    def energy_and_forces(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Energies [n] and forces like x, in closed form."""
        along, across = x[..., :1], x[..., 1:]
        scaled = along / self.half_width
        slope = 4 * self.barrier / self.half_width * scaled * (scaled.square() - 1) + self.tilt
        return self.energy(x), -torch.cat([slope, self.stiffness * across], -1)


class MuellerBrown(AutogradPotential):
    r"""Mueller-Brown surface, three minima and two saddles in two dimensions.

    U(x, y) = sum_k A_k exp(a_k (x-X_k)^2 + b_k (x-X_k)(y-Y_k) + c_k (y-Y_k)^2)
    Mueller & Brown 1979, Theor. Chim. Acta 53, 75. Reduced units.
    """

    A = (-200.0, -100.0, -170.0, 15.0)
    a = (-1.0, -1.0, -6.5, 0.7)
    b = (0.0, 0.0, 11.0, 0.6)
    c = (-10.0, -10.0, -6.5, 0.7)
    X = (1.0, 0.0, -0.5, -1.0)
    Y = (0.0, 0.5, 1.5, 1.0)

    def __init__(self) -> None:
        numbers = (self.A, self.a, self.b, self.c, self.X, self.Y)
        self._numbers = torch.tensor(numbers, dtype=torch.float64)

    def _terms(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Each term's energy, d/dx and d/dy of its exponent, [n, 4] each, of x: [n, 1, 2]."""
        A, a, b, c, X, Y = self._numbers.to(x).unbind()
        u, v = x[..., 0] - X, x[..., 1] - Y
        return A * torch.exp((a * u + b * v) * u + c * v * v), 2 * a * u + b * v, b * u + 2 * c * v

    def energy(self, x: Tensor) -> Tensor:
        """Energies [n] of x: [n, 1, 2]."""
        return self._terms(x)[0].sum(-1)

    def energy_and_forces(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Energies [n] and forces like x, in closed form."""
        terms, along_x, along_y = self._terms(x)
        slopes = torch.stack([(terms * along_x).sum(-1), (terms * along_y).sum(-1)], -1)
        return terms.sum(-1), -slopes.unsqueeze(1)
