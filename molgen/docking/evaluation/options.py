"""What a recipe may say about the evaluation of docking."""

from __future__ import annotations

from pydantic import Field

from molgen.docking.options import DockTable
from molgen.sampler import SampleTable


class EvaluateTable(SampleTable):
    """`[evaluate]` of a recipe; how poses are drawn (steps, solver, grid) is in `SampleTable`.

    Attributes:
        docking: `[evaluate.docking]`, what is done with them.
    """

    docking: DockTable = Field(default_factory=DockTable)

    @property
    def sampling(self) -> SampleTable:
        """How poses are drawn."""
        return SampleTable(**{name: getattr(self, name) for name in SampleTable.model_fields})
