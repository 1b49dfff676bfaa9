"""The mean of energy models of the same data: what each makes wrong in its own way is less."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.core.models import EnergyModel


class EnergyMean(EnergyModel):
    """The mean of energies of the same processes, and of their scores.

    Of densities that is the geometric mean, up to a factor that depends on the time alone.

    Args:
        members: the models.
    """

    def __init__(self, members: Sequence[EnergyModel]) -> None:
        super().__init__(members[0].processes)
        self.members = nn.ModuleList(members)

    @property
    def augmented(self) -> bool:
        """Whether every member is told which points are inside out."""
        return all(member.augmented for member in self._members())

    def energy(self, batch: Batch, t: Tensor) -> Tensor:
        """-log q(x, t), up to a constant of the time: `[graphs]`."""
        return torch.stack([member.energy(batch, t) for member in self._members()]).mean(0)

    def _members(self) -> list[EnergyModel]:
        return [member for member in self.members if isinstance(member, EnergyModel)]
