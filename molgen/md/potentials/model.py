"""A trained energy model as a potential.

The only place where kT, the data's scale and a noise level turn a model into forces.
"""

from __future__ import annotations

import torch
from torch import Tensor

from molgen.core.models import EnergyModel
from molgen.core.processes import LinearProcess
from molgen.md.models.batch import as_batch
from molgen.md.models.statistics import Statistics
from molgen.md.potentials import AutogradPotential


class ModelPotential(AutogradPotential):
    r"""The potential of mean force that a model learned.

        U(x) = -kT log q(y, t),   y = m(t) (x - offset) / scale
        F(x) = -grad U = kT m(t) / scale score(y, t)

    in kJ/mol and kJ/mol/nm, up to a constant. The density q at the small time t is that of the data
    with a little noise: s(t) / m(t) x `scale` nm on every coordinate.

    Args:
        model: trained energy model of one field, `pos`.
        statistics: of the molecule it was trained on.
        noise: noise / signal of the evaluation time; the smallest that was trained if None.
    """

    def __init__(
        self, model: EnergyModel, statistics: Statistics, noise: float | None = None
    ) -> None:
        process = model.processes["pos"]
        assert isinstance(process, LinearProcess)
        t = torch.tensor(process.t_min, dtype=torch.float64)
        if noise is not None:
            t = process.time_of(torch.tensor(noise, dtype=torch.float64)).clamp_min(process.t_min)
        self.statistics = statistics
        self.time = t.item()
        self.signal = process.signal(t).item()
        self.noise = process.noise(t).item() / self.signal
        self.parts = model.parts(self.time)

    def energy(self, x: Tensor) -> Tensor:
        """Energies [n] kJ/mol of x: [n, beads, dims] nm."""
        y = self.signal * self.statistics.normalise(x)
        t = y.new_full((len(y),), self.time)
        batch = as_batch(y)
        energy = torch.zeros_like(t)
        for weight, model in self.parts:
            energy = energy + weight * model.energy(batch, t)
        return self.statistics.kT * energy
