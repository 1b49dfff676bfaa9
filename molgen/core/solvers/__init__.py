"""From noise to data: reverse-time solvers over every field at once.

All take `(processes, score, batch, times, generator)`: `times` decrease from 1 to t_min and are
shared by the graphs; `score(batch, t)` is a model's `score`. Nothing here knows which manifold or
which pillar it serves.
"""

from __future__ import annotations

from molgen.core.batch import Batch
from molgen.core.processes import Processes
from molgen.core.random import Random
from molgen.core.solvers.dpm import dpm2, dpm3
from molgen.core.solvers.dpm_plus_plus import dpm_plus_plus, dpm_plus_plus_sde
from molgen.core.solvers.edm import edm
from molgen.core.solvers.ghvb import ghvb
from molgen.core.solvers.ode import adams, heun
from molgen.core.solvers.pndm import pndm
from molgen.core.solvers.sde import ancestral, euler_maruyama, predictor_corrector, s4
from molgen.core.solvers.steps import Score, Solver, StepwiseSolver

__all__ = ["FLOWS", "SOLVERS", "STEPWISE", "Score", "Solver", "StepwiseSolver", "prior"]


def prior(processes: Processes, batch: Batch, generator: Random) -> Batch:
    """A draw of the prior of every field, shaped as `batch`."""
    return batch.replace(
        **{
            name: process.prior(batch.state[name], batch.rows[name], generator)
            for name, process in processes.items()
        }
    )


SOLVERS: dict[str, Solver] = {
    "euler_maruyama": euler_maruyama,
    "ancestral": ancestral,
    "s4": s4,
    "heun": heun,
    "adams": adams,
    "predictor_corrector": predictor_corrector,
    "dpm2": dpm2,
    "dpm3": dpm3,
    "dpm++": dpm_plus_plus,
    "dpm++sde": dpm_plus_plus_sde,
    "pndm": pndm,
    "edm": edm,
    "ghvb": ghvb,
}
"""Solvers by name."""

FLOWS = ("heun", "adams", "dpm2", "dpm3", "dpm++", "pndm", "ghvb")
"""Those of the probability flow, which add no noise: all that a velocity without a score allows."""

STEPWISE: dict[str, StepwiseSolver] = {
    "ancestral": ancestral,
    "euler_maruyama": euler_maruyama,
    "predictor_corrector": predictor_corrector,
    "s4": s4,
}
"""Those of which steps can be taken one by one, such as by particles that are chosen among."""
