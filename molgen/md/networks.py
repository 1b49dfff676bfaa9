r"""Learned corrections to the energy of noised molecules, in the data's own units (unit standard deviation).

All see positions in the variance-exploding frame y = x / m(t), sigma = s(t) / m(t), in which every linear process
adds noise of width sigma to clean data, and vanish at large sigma so that the closed-form base is exact at the prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.core.processes import LinearProcess
from molgen.md.beads import BeadMapping
from molgen.md.statistics import Statistics
from molgen.nn.embeddings import NoiseEmbedding
from molgen.nn.mlp import mlp


class BondedPrior(nn.Module):
    r"""Stiff distances in closed form, broadened by the noise of their two ends.

        E = sum_b (r_b - r0_b)^2 / (2 (var_b + 2 sigma^2)) / (1 + (sigma / fade)^2)

    Means and variances come from the data; the learned remainder is then of order kT.

    Args:
        mean: `[bonds]`, mean distances.
        variance: `[bonds]`, their variances.
        fade: noise at which the terms have half their strength.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, mean: Tensor, variance: Tensor, fade: float = 0.5) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("variance", variance)
        self.fade = fade

    def forward(self, distances: Tensor, sigma: Tensor) -> Tensor:
        """`distances`: `[n, bonds]`; `sigma`: `[n]` -> `[n]`."""
        width = self.variance + 2 * sigma[:, None].square()
        energy = ((distances - self.mean).square() / (2 * width)).sum(1)
        return energy / (1 + (sigma / self.fade).square())

    def deviations(self, distances: Tensor, sigma: Tensor) -> Tensor:
        """(r - r0) / sqrt(var + 2 sigma^2), levelling off at +-3 and fading with the noise: `[n, bonds]`."""
        z = (distances - self.mean) * torch.rsqrt(self.variance + 2 * sigma[:, None].square())
        return 3 * torch.tanh(z / 3) / (1 + (sigma / self.fade).square())[:, None]


class BeadCorrection(nn.Module):
    r"""The correction to a Gaussian base for a molecule of named beads: closed-form stiff terms and an invariant network.

        correction = prior(y, sigma) + strength MLP(features(y / sqrt(1 + sigma^2)), sigma) / (1 + sigma^2)

    Features: every pair distance (raw, Gaussian and inverse); the stiff ones again as deviations in units of their
    own noised width, so that their couplings are within reach; and the signed volumes a.(b x c) of chosen quadruples
    of beads, odd under reflection, so that chirality is represented. Invariant under rotation and translation.

    Below the noise `floor` the network no longer sees the noise: what is soft has stopped changing there, and what is
    stiff is broadened in closed form. The score of soft directions, which denoising cannot see at small noise (its
    loss is weighted by sigma^2), is thereby that of the smallest noise at which it is seen well.

    Args:
        process: the forward process of the positions.
        statistics: of the molecule: beads and stiff pairs.
        floor: noise below which the network stands still.
        hidden: width of the network.
        layers: number of hidden layers.
        strength: energy in kT of a network output of one.
    """

    pairs: Tensor
    quadruples: Tensor
    bonded: Tensor

    def __init__(
        self,
        process: LinearProcess,
        statistics: Statistics,
        *,
        hidden: int = 128,
        layers: int = 3,
        strength: float = 3.0,
        floor: float = 0.05,
    ) -> None:
        super().__init__()
        self.process = process
        self.strength = strength
        self.floor = floor
        self.prior = BondedPrior(
            torch.tensor(statistics.mean), torch.tensor(statistics.variance)
        )
        pairs = torch.combinations(torch.arange(len(statistics.mapping)), 2)
        quadruples = signed_quadruples(statistics.mapping)
        self.register_buffer("pairs", pairs, persistent=False)
        self.register_buffer("quadruples", quadruples, persistent=False)
        self.register_buffer("bonded", _positions(pairs, statistics.pairs), persistent=False)
        self.embedding = noise_embedding(process, floor)
        inputs = 3 * len(pairs) + len(quadruples) + len(statistics.pairs) + self.embedding.width
        self.network = mlp(inputs, hidden, layers, 1)

    def forward(self, batch: Batch, t: Tensor) -> Tensor:
        """Correction to -log q in kT: `[graphs]`."""
        m = self.process.signal(t)
        return self.corrected(batch.state["pos"] / m[:, None, None], self.process.noise(t) / m)

    def corrected(self, y: Tensor, sigma: Tensor) -> Tensor:
        """The same in the variance-exploding frame: `y` `[n, beads, 3]`, `sigma` `[n]` -> `[n]`."""
        d2 = (y[:, self.pairs[:, 0]] - y[:, self.pairs[:, 1]]).square().sum(-1)
        distances = torch.sqrt(d2 + 1e-6)
        damping = 1 / (1 + sigma.square())
        scale = damping.sqrt()[:, None]
        d = distances * scale
        a, b, c = (
            (y[:, self.quadruples[:, k]] - y[:, self.quadruples[:, 0]]) * scale[:, :, None]
            for k in (1, 2, 3)
        )
        volumes = (a * torch.linalg.cross(b, c)).sum(-1)
        volumes = volumes * torch.rsqrt(1 + volumes.square())  # cubic growth would let samples run away
        stiff = distances[:, self.bonded]
        noise = self.embedding(torch.sqrt(sigma.square() + self.floor**2))
        features = torch.cat(
            [
                d,
                torch.exp(-d.square()),
                1 / (d + 0.3),
                volumes,
                self.prior.deviations(stiff, sigma),
                noise,
            ],
            dim=1,
        )
        learned = self.strength * self.network(features)[:, 0] * damping
        return self.prior(stiff, sigma) + learned


class CoordinateCorrection(nn.Module):
    """The correction to a Gaussian base for one particle in plain coordinates: for test systems.

        correction = strength MLP(y / sqrt(1 + sigma^2), sigma) / (1 + sigma^2)

    Args:
        process: the forward process of the position.
        statistics: of the system.
        hidden: width of the network.
        layers: number of hidden layers.
        strength: energy in kT of a network output of one.
    """

    def __init__(
        self,
        process: LinearProcess,
        statistics: Statistics,
        *,
        hidden: int = 128,
        layers: int = 3,
        strength: float = 3.0,
    ) -> None:
        super().__init__()
        self.process = process
        self.strength = strength
        self.embedding = noise_embedding(process)
        inputs = len(statistics.mapping) * len(statistics.offset)
        self.network = mlp(inputs + self.embedding.width, hidden, layers, 1)

    def forward(self, batch: Batch, t: Tensor) -> Tensor:
        """Correction to -log q in kT: `[graphs]`."""
        m = self.process.signal(t)
        sigma = self.process.noise(t) / m
        damping = 1 / (1 + sigma.square())
        y = batch.state["pos"].flatten(1) * (damping.sqrt() / m)[:, None]
        out = self.network(torch.cat([y, self.embedding(sigma)], dim=1))[:, 0]
        return self.strength * out * damping


def noise_embedding(process: LinearProcess, floor: float = 0.0) -> NoiseEmbedding:
    """The embedding of the noise levels between t_min (or `floor`) and 1."""
    ends = torch.tensor([process.t_min, 1.0], dtype=torch.float64)
    low, high = (process.noise(ends) / process.signal(ends)).tolist()
    return NoiseEmbedding(max(low, floor), high)


def signed_quadruples(mapping: BeadMapping, most: int = 10) -> Tensor:
    """`[q, 4]` beads whose signed volumes tell a molecule from its mirror image.

    All of them up to `most` beads; beyond, chains of four bonded beads and stereocentres with three neighbours.
    """
    if len(mapping) <= most:
        return torch.combinations(torch.arange(len(mapping)), 4)
    neighbours: dict[int, set[int]] = {i: set() for i in range(len(mapping))}
    for a, b in mapping.bonds:
        neighbours[a].add(b)
        neighbours[b].add(a)
    found = {
        (a, b, c, d)
        for b, c in mapping.bonds
        for a in neighbours[b] - {c}
        for d in neighbours[c] - {a, b}
    }
    found |= {
        (centre, *three)
        for centre, around in neighbours.items()
        for three in combinations(sorted(around), 3)
    }
    return torch.tensor(sorted(found), dtype=torch.int64).reshape(-1, 4)


def _positions(pairs: Tensor, wanted: Sequence[tuple[int, int]]) -> Tensor:
    """Where each of the `wanted` pairs stands in `pairs`."""
    index = {tuple(pair): k for k, pair in enumerate(pairs.tolist())}
    return torch.tensor([index[pair] for pair in wanted], dtype=torch.int64)


NETWORKS = {"beads": BeadCorrection, "coordinates": CoordinateCorrection}
"""Networks by the `kind` a recipe names."""
