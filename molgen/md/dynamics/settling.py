"""Frames without the noise at which forces were taken: carried along the probability flow.

Forces at the noise s (chosen for the dynamics as by Arts et al. 2023) move chains through the
data's density blurred by s. The flow of the model takes that density to the one at the smallest
noise, and each conformer to one near it, so that a trajectory stays a trajectory.
"""

from __future__ import annotations

import torch
from torch import Tensor

from molgen.core.grids import GRIDS
from molgen.core.models import EnergyModel
from molgen.core.processes import LinearProcess
from molgen.core.solvers import SOLVERS
from molgen.errors import UsageError
from molgen.md.models.batch import as_batch
from molgen.md.potentials.model import ModelPotential

_SOLVER, _GRID = "adams", "karras"
"""An evaluation a step, placed as in a draw from the largest noise."""


class Settling:
    """The flow of a model from where forces are taken to its smallest noise.

    Args:
        model: whose flow; compiled or not.
        potential: the same model as the forces that moved what will settle.
        steps: evaluations on the way; 0 leaves everything as it is.

    Raises:
        UsageError: there is no way to go.
    """

    def __init__(self, model: EnergyModel, potential: ModelPotential, steps: int) -> None:
        self._model, self._potential, self.steps = model, potential, steps
        if steps:
            process = model.processes["pos"]
            assert isinstance(process, LinearProcess)
            if not potential.time > process.t_min:
                raise UsageError(
                    "settle: there is no way to go, as forces are taken at the smallest noise; "
                    "name a larger noise, or leave settle out"
                )
            self._times = GRIDS[_GRID](process, steps, start=potential.time)
            self._signal = process.signal(self._times[-1]).item()

    def __call__(self, x: Tensor) -> Tensor:
        """Conformers `[n, beads, dims]` nm where the flow leads them.

        Raises:
            MolgenError: a score is not finite.
        """
        if not self.steps:
            return x
        statistics = self._potential.statistics
        batch = as_batch(self._potential.signal * statistics.normalise(x))
        with torch.no_grad():
            batch = SOLVERS[_SOLVER](
                self._model.processes, self._model.score, batch, self._times, None
            )
        return statistics.restore(batch.state["pos"] / self._signal)

    def in_batches(self, x: Tensor, size: int) -> Tensor:
        """Many conformers `[n, beads, dims]` nm, `size` at a time.

        The last batch is filled up, and what is too much dropped: a compiled model meets one shape.
        """
        if not self.steps:
            return x
        filled = torch.arange(-(-len(x) // size) * size, device=x.device) % len(x)
        return torch.cat([self(x[part]) for part in filled.split(size)])[: len(x)]
