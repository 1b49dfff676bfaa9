"""Poses by an energy: -log q(pose, t) as a function, and its score by differentiation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.docking.models.junctions import Junctions
from molgen.docking.models.network import PoseNetwork
from molgen.nn.radial import start_small

_FADE = 0.3  # nm, noise of the centres at which the network's part is half as strong


class PoseCorrection(nn.Module):
    """What the -log q of a pose adds to that of free fragments, in kT.

        correction = junctions + strength fade(noise) sum_atoms MLP(features)

    Args:
        network: what sees the pose.
        strength: energy in kT of an output of one.
    """

    def __init__(self, network: PoseNetwork, strength: float = 1.0) -> None:
        super().__init__()
        self.network, self.strength = network, strength
        self.junctions = Junctions(network.processes["trans"].data_std)
        width = network.shape.width
        self.out = nn.Sequential(
            nn.Linear(network.width, width), nn.SiLU(), start_small(nn.Linear(width, 1))
        )

    def forward(self, batch: Batch, t: Tensor) -> Tensor:
        """Correction to -log q in kT: `[graphs]`."""
        seen = self.network(batch, t)
        prior = self.junctions.energy(
            seen.points, seen.state["trans"], batch.given, seen.centres, seen.angles
        )
        each = torch.where(seen.mask, self.out(seen.atoms)[..., 0], 0.0)
        return prior + self.strength * each.sum(1) / (1 + (seen.centres / _FADE).square())
