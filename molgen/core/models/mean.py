"""The mean of energy models of the same data: what each makes wrong in its own way is less."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.core.models import EnergyModel

MEMBERS = "members"
"""Where `EnergyMean` keeps its models; entry of a recipe's `[model]` that says how many."""


class EnergyMean(EnergyModel):
    """The mean of energies of the same processes, and of their scores.

    Of densities that is the geometric mean, up to a factor that depends on the time alone.

    Args:
        members: the models.
    """

    def __init__(self, members: Sequence[EnergyModel]) -> None:
        super().__init__(members[0].processes)
        self.members = nn.ModuleList(members)

    def energy(self, batch: Batch, t: Tensor) -> Tensor:
        """-log q(x, t), up to a constant of the time: `[graphs]`."""
        each = [one.energy(batch, t) for one in self.members if isinstance(one, EnergyModel)]
        return torch.stack(each).mean(0)
