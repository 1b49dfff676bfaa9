"""Poses by an energy: -log q(pose, t) as a function, and its score by differentiation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.docking.data.system import FIELDS
from molgen.docking.models.closing import close
from molgen.docking.models.network import PoseNetwork
from molgen.docking.models.ties import Ties
from molgen.nn.radial import start_small

_REACH = 0.3  # nm, over which energies change
_FINEST = 0.03  # nm, noise of the centres below which the network's part gets no sharper


class PoseCorrection(nn.Module):
    """What the -log q of a pose adds to that of free fragments, in kT.

        correction = ties(pose) + sharpness(noise) sum_atoms MLP(features(closed pose))

    The network sees the pose that the ties alone would make of it: what they know, it need not, and
    what it answers pulls along motions that they allow.

    Args:
        network: what sees the pose.
    """

    def __init__(self, network: PoseNetwork) -> None:
        super().__init__()
        self.network = network
        self.ties = Ties(network.processes["trans"].data_std)
        width = network.shape.width
        self.out = nn.Sequential(
            nn.Linear(network.width, width), nn.SiLU(), start_small(nn.Linear(width, 1))
        )

    def forward(self, batch: Batch, t: Tensor) -> Tensor:
        """Correction to -log q in kT: `[graphs]`."""
        trans, rot = (self.network.processes[name] for name in FIELDS)
        closed = close(self.ties, self.network.processes, batch, t)
        seen = self.network(closed.pose, t)
        each = torch.where(seen.mask, self.out(seen.atoms)[..., 0], 0.0)
        centres, angles = trans.noise(t) / trans.signal(t), rot.noise(t)
        # scores are as large as one over the noise, and vanish where orientations are uniform
        sharpness = _REACH / (_FINEST + centres) * rot.score_std(t) * angles
        return closed.energy + sharpness * each.sum(1)
