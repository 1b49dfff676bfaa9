r"""Energy models of categories that diffuse: a closed form for rows by themselves, and the rest.

Rows that know nothing of each other are mixtures of Gaussians about the corners c_k, whose energy
solves the Fokker-Planck equation of a linear process exactly:

    B(x, t) = -sum_rows log sum_k pi_k N(x_row; m c_k, s^2 1)

What rows know of each other, rho(G) = P(G) / prod_rows pi, adds

    -log q(x, t) = B(x, t) - c(p),    c(p) = log sum_G rho(G) prod_rows p_row(G_row),

with p_row(k) = pi_k N(x_row; m c_k, s^2) / sum the probabilities of a row by itself: state and time
enter by those alone. So a network sees nothing else; c vanishes at the prior, where p = pi; and at
a corner, where p is one-hot, c = log rho is the probability of categories themselves, without any
noise. As p obeys dp/dt = g^2/2 (lap p - 2 <grad B, grad p>) - <f, grad p>, what a network leaves of
the Fokker-Planck equation is

    R = g^2/2 e^{-c} trace(J^T (d^2 e^c / dp^2) J),    J = dp/dx,

which vanishes, for bounded c, if and only if e^c is linear in each row's p, as above: p is a
martingale of the noise that is taken away, and ends at a corner. Then, with c(pi) = 0, the
probabilities of all G sum to one: the equation's residual measures what is lacking in that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.core.models import EnergyModel
from molgen.core.models.categorical import Categories
from molgen.core.processes.process import Process, Processes
from molgen.core.rows import Rows


class IndependentEnergy(EnergyModel):
    """-log q(x, t) of rows that know nothing of each other: exact, also for the equation in time.

    Args:
        processes: the linear process of each field.
        encodings: the categories of each field.
    """

    def __init__(self, processes: Processes, encodings: Mapping[str, Categories]) -> None:
        super().__init__(processes)
        held: Any = nn.ModuleDict(encodings)  # moves with the model
        self.encodings: Mapping[str, Categories] = held

    def energy(self, batch: Batch, t: Tensor) -> Tensor:
        """B(x, t): `[graphs]`; `t`: `[graphs]`."""
        return self.with_chances(batch, t)[0]

    def with_chances(self, batch: Batch, t: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """B(x, t), and log p of each row by itself: `[graphs]`, `[*rows, K]` a field."""
        energy, alone = torch.zeros_like(t), {}
        for name, process in self.processes.items():
            x, rows = batch.state[name], batch.rows[name]
            m, s = (rows.spread(part, x) for part in (process.signal(t), process.noise(t)))
            joint = self.encodings[name].alone(x, m, s)
            evidence = joint.logsumexp(-1, keepdim=True)
            alone[name] = joint - evidence
            square = process.manifold.inner(x, x, rows) / process.noise(t).square()
            volume = process.manifold.dim(x, rows) * torch.log(
                2 * torch.pi * process.noise(t).square()
            )
            energy = energy + 0.5 * (square + volume) - over_rows(process, evidence, rows)
        return energy, alone


class CategoricalEnergy(EnergyModel):
    """-log q(x, t) of categorical fields: that of independent rows less a learned c.

    Args:
        processes: the linear process of each field.
        encodings: the categories of each field.
        network: `network(rows, alone) -> c`, `[graphs]`, of log p of each row by itself
            (`[*rows, K]` a field); zero where all of p are the frequencies.
    """

    def __init__(
        self, processes: Processes, encodings: Mapping[str, Categories], network: nn.Module
    ) -> None:
        super().__init__(processes)
        self.base = IndependentEnergy(processes, encodings)
        self.network = network

    @property
    def encodings(self) -> Mapping[str, Categories]:
        """The categories of each field."""
        return self.base.encodings

    def energy(self, batch: Batch, t: Tensor) -> Tensor:
        """-log q(x, t): `[graphs]`; `t`: `[graphs]`."""
        base, alone = self.base.with_chances(batch, t)
        learned: Tensor = self.network(batch.rows, alone)
        return base - learned

    def clean_energy(self, batch: Batch) -> Tensor:
        """-log P of the categories of all rows together: `[graphs]`.

        That is the limit of -log q(x, t) - log(volume of the noise) as the noise goes to zero.
        """
        energy, certain = next(iter(batch.state.values())).new_zeros(batch.graphs), {}
        for name, process in self.processes.items():
            x, encoding = batch.state[name], self.encodings[name]
            one_hot = nn.functional.one_hot(encoding.decode(x), encoding.width).to(x)
            certain[name] = one_hot.log()
            frequency = (one_hot * encoding.log_pi).sum(-1, keepdim=True)
            energy = energy - over_rows(process, frequency, batch.rows[name])
        learned: Tensor = self.network(batch.rows, certain)
        return energy - learned

    def classes(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """The corner nearest to the posterior mean (x + s^2 score) / m of each row: int64."""
        nearest = {}
        for name, score in self.score(batch, t).items():
            process, x, rows = self.processes[name], batch.state[name], batch.rows[name]
            m, s = (rows.spread(part, x) for part in (process.signal(t), process.noise(t)))
            nearest[name] = self.encodings[name].decode((x + s.square() * score) / m)
        return nearest


def over_rows(process: Process, values: Tensor, rows: Rows) -> Tensor:
    """The sum of `[*rows, 1]` over each graph, an undirected pair counted once: `[graphs]`."""
    manifold = process.manifold
    return manifold.inner(manifold.project(torch.ones_like(values), rows), values, rows)
