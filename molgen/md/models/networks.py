r"""Learned corrections to the energy of noised molecules, in units of the data's deviation.

All see positions in the variance-exploding frame y = x / m(t), sigma = s(t) / m(t), in which every
linear process adds noise of width sigma to clean data, and vanish at large sigma so that the
closed-form base is exact at the prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.core.losses.augmentation import inverted
from molgen.core.processes import LinearProcess
from molgen.md.models.arrows import Arrows, chosen, torsions_of, volumes_of
from molgen.md.models.handedness import Handedness
from molgen.md.models.statistics import Statistics
from molgen.md.system.beads import BeadMapping
from molgen.nn.embeddings import NoiseEmbedding
from molgen.nn.mlp import mlp

SHOWN = 10
"""Beads up to which a network is shown the signed volume of every four."""

VOLUMES = 64
"""Signed volumes that are learned where there are more beads."""


class StiffPrior(nn.Module):
    r"""Stiff modes in closed form, broadened by the noise.

        E = fade(sigma) sum_k [z_k^2 / v_k + log(v_k / (1 + sigma^2))] / 2,
        z = W^T (r - mean),    v_k = var_k + sigma^2,    fade = 1 / (1 + (sigma / width)^4)

    The modes (`molgen.md.models.statistics.stiff_modes`) are combinations of distances that are
    uncorrelated in the data and in the noise; the logarithm is their normalisation against the
    base, so that energies of different noise can be compared and the learned remainder is of order
    kT. Where the noise is as large as a bond the expansion ends, and the terms fade.

    Args:
        statistics: of the molecule.
        width: noise at which the terms have half their strength.
    """

    mean: Tensor
    modes: Tensor
    variance: Tensor

    def __init__(self, statistics: Statistics, width: float = 0.6) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(statistics.mean))
        count = len(statistics.variance)
        modes = torch.tensor(statistics.modes).reshape(len(statistics.mean), count)
        self.register_buffer("modes", modes)
        self.register_buffer("variance", torch.tensor(statistics.variance))
        self.width = width

    def forward(self, distances: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Energy `[n]`, and for the network standardised modes `[n, modes]` that level off at +-3.

        `distances`: `[n, pairs]`; `sigma`: `[n]`.
        """
        z = (distances - self.mean) @ self.modes
        width2 = self.variance + sigma[:, None].square()
        fade = 1 / (1 + (sigma / self.width).pow(4))
        squares = z.square() / width2 + torch.log(width2 / (1 + sigma[:, None].square()))
        standard = 3 * torch.tanh(z * torch.rsqrt(width2) / 3)
        return 0.5 * fade * squares.sum(1), fade[:, None] * standard


class BeadCorrection(nn.Module):
    r"""Correction for a molecule of named beads: stiff terms in closed form, an invariant network.

        correction = prior(y, sigma) + strength d^2 MLP(features(d y), sigma),
        d = 1 / sqrt(1 + sigma^2)

    Features: every pair distance (raw, Gaussian and inverse); the stiff modes in units of their
    own noised width, so that their couplings are within reach; the signed volumes a.(b x c) of
    quadruples of beads, odd under reflection, so that chirality is represented: all of a few beads,
    of more those of neighbours and `VOLUMES` that are learned; sines and cosines of the dihedrals
    along bonds, faded where noise makes them meaningless. Invariant under rotation and translation.

    Below the noise `floor` the network no longer sees the noise: what is soft has stopped changing
    there, and what is stiff is broadened in closed form. The score of soft directions, which
    denoising cannot see at small noise (its loss is weighted by sigma^2), is thereby that of the
    smallest noise at which it is seen well.

    Args:
        process: the forward process of the positions.
        statistics: of the molecule: beads and stiff pairs.
        floor: noise below which the network stands still.
        hidden: width of the network.
        layers: number of hidden layers.
        strength: energy in kT of a network output of one.
        augmented: it is told which graphs are inside out (`molgen.core.losses.augmentation`).
    """

    bonded: Tensor

    def __init__(
        self,
        process: LinearProcess,
        statistics: Statistics,
        *,
        hidden: PositiveInt = 128,
        layers: PositiveInt = 3,
        strength: float = 3.0,
        floor: float = 0.05,
        augmented: bool = False,
    ) -> None:
        super().__init__()
        self.process = process
        self.strength = strength
        self.floor = floor
        self.augmented = augmented
        self.prior = StiffPrior(statistics)
        pairs = torch.combinations(torch.arange(len(statistics.mapping)), 2)
        quadruples = signed_quadruples(statistics.mapping)
        chains = bonded_chains(statistics.mapping)
        beads = len(statistics.mapping)
        self.between = Arrows.between(pairs, beads)
        self.from_first = Arrows.from_first(quadruples, beads)
        self.along = Arrows.along(chains, beads)
        bonded = chosen(_positions(pairs, statistics.pairs), len(pairs))
        self.register_buffer("bonded", bonded, persistent=False)
        self.embedding = noise_embedding(process, floor)
        learned = VOLUMES if beads > SHOWN else 0
        self.handedness = Handedness(beads, learned) if learned else None
        own = 3 * len(pairs) + len(quadruples) + learned + 4 * len(chains)
        inputs = own + len(statistics.variance) + self.embedding.width + augmented
        self.network = mlp(inputs, hidden, layers, 1)

    def forward(self, batch: Batch, t: Tensor) -> Tensor:
        """Correction to -log q in kT: `[graphs]`."""
        m = self.process.signal(t)
        y, sigma = batch.state["pos"] / m[:, None, None], self.process.noise(t) / m
        return self.corrected(y, sigma, inverted(batch) if self.augmented else None)

    def corrected(self, y: Tensor, sigma: Tensor, told: Tensor | None = None) -> Tensor:
        """The same in the variance-exploding frame: y `[n, beads, 3]`, sigma `[n]` -> `[n]`.

        `told`: which graphs are inside out, `[n]`, for a network that wants to know.
        """
        distances = torch.sqrt(self.between(y).square().sum(-1) + 1e-6)
        damping = 1 / (1 + sigma.square())
        scale = damping.sqrt()[:, None]
        d = distances * scale
        volumes = volumes_of(self.from_first(y * scale[:, :, None]))
        # Cubic growth would let samples run away.
        volumes = volumes * torch.rsqrt(1 + (volumes / 5).square())
        prior, modes = self.prior(distances @ self.bonded, sigma)
        noise = self.embedding(torch.sqrt(sigma.square() + self.floor**2))
        features = torch.cat(
            [
                d,
                torch.exp(-d.square()),
                1 / (d + 0.3),
                volumes,
                *([] if self.handedness is None else [self.handedness(y * scale[:, :, None])]),
                torsions_of(self.along(y)) / (1 + (sigma / 0.7).square())[:, None],
                modes,
                noise,
                *([] if told is None else [told[:, None]]),
            ],
            dim=1,
        )
        learned = self.strength * self.network(features)[:, 0] * damping
        return prior + learned


class CoordinateCorrection(nn.Module):
    """Correction for one particle in plain coordinates: for test systems.

        correction = strength MLP(y / sqrt(1 + sigma^2), sigma) / (1 + sigma^2)

    Args:
        process: the forward process of the position.
        statistics: of the system.
        hidden: width of the network.
        layers: number of hidden layers.
        strength: energy in kT of a network output of one.
        augmented: it is told which graphs are inside out (`molgen.core.losses.augmentation`).
    """

    def __init__(
        self,
        process: LinearProcess,
        statistics: Statistics,
        *,
        hidden: PositiveInt = 128,
        layers: PositiveInt = 3,
        strength: float = 3.0,
        augmented: bool = False,
    ) -> None:
        super().__init__()
        self.process = process
        self.strength = strength
        self.augmented = augmented
        self.embedding = noise_embedding(process)
        inputs = len(statistics.mapping) * len(statistics.offset) + augmented
        self.network = mlp(inputs + self.embedding.width, hidden, layers, 1)

    def forward(self, batch: Batch, t: Tensor) -> Tensor:
        """Correction to -log q in kT: `[graphs]`."""
        m = self.process.signal(t)
        sigma = self.process.noise(t) / m
        damping = 1 / (1 + sigma.square())
        y = batch.state["pos"].flatten(1) * (damping.sqrt() / m)[:, None]
        seen = [y, self.embedding(sigma)]
        if self.augmented:
            seen.append(inverted(batch)[:, None])
        out = self.network(torch.cat(seen, dim=1))[:, 0]
        return self.strength * out * damping


def noise_embedding(process: LinearProcess, floor: float = 0.0) -> NoiseEmbedding:
    """The embedding of the noise levels between t_min (or `floor`) and 1."""
    ends = torch.tensor([process.t_min, 1.0], dtype=torch.float64)
    low, high = (process.noise(ends) / process.signal(ends)).tolist()
    return NoiseEmbedding(max(low, floor), high)


def bonded_chains(mapping: BeadMapping) -> Tensor:
    """`[c, 4]` chains of four bonded beads: the dihedrals along bonds."""
    around = [set(found) for found in mapping.neighbours]
    chains = {
        (a, b, c, d) for b, c in mapping.bonds for a in around[b] - {c} for d in around[c] - {a, b}
    }
    return torch.tensor(sorted(chains), dtype=torch.int64).reshape(-1, 4)


def signed_quadruples(mapping: BeadMapping) -> Tensor:
    """`[q, 4]` beads whose signed volumes tell a molecule from its mirror image.

    All of them up to `SHOWN` beads; beyond, every bead with three of its neighbours.
    """
    if len(mapping) <= SHOWN:
        return torch.combinations(torch.arange(len(mapping)), 4)
    found = [
        (centre, *three)
        for centre, around in enumerate(mapping.neighbours)
        for three in combinations(around, 3)
    ]
    return torch.tensor(found, dtype=torch.int64).reshape(-1, 4)


def _positions(pairs: Tensor, wanted: Sequence[tuple[int, int]]) -> Tensor:
    """Where each of the `wanted` pairs stands in `pairs`."""
    index = {tuple(pair): k for k, pair in enumerate(pairs.tolist())}
    return torch.tensor([index[pair] for pair in wanted], dtype=torch.int64)


NETWORKS = {"beads": BeadCorrection, "coordinates": CoordinateCorrection}
"""Networks by the `kind` a recipe names."""
