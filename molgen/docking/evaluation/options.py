"""What a recipe may say about the evaluation of docking."""

from __future__ import annotations

from molgen.docking.dock import DockTable
from molgen.sampler import SampleTable


class EvaluateTable(SampleTable, DockTable):
    """`[evaluate]` of a recipe: how poses are drawn and how they are refined."""

    @property
    def sampling(self) -> SampleTable:
        """How poses are drawn."""
        return SampleTable(**{name: getattr(self, name) for name in SampleTable.model_fields})

    @property
    def docking(self) -> DockTable:
        """All else."""
        return DockTable(**{name: getattr(self, name) for name in DockTable.model_fields})
