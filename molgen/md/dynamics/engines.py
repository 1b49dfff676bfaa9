"""A checkpoint ready to simulate, and who moves it: our integrators, or OpenMM."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from pydantic import NonNegativeInt, PositiveFloat
from torch import Tensor

from molgen.checkpoint import Checkpoint
from molgen.config import Table
from molgen.core.models import EnergyModel
from molgen.errors import UsageError
from molgen.md.dynamics.chains import Chains, Dynamics, LangevinChains
from molgen.md.dynamics.exchange_chains import ExchangeChains
from molgen.md.dynamics.hmc import HMCChains
from molgen.md.dynamics.levels import Level
from molgen.md.dynamics.settling import Settling
from molgen.md.potentials.model import ModelPotential
from molgen.md.system import System, load_system
from molgen.md.task import DataTable, restore

STRIDE = 100
"""Steps between frames where nothing else is said."""


class SimulateTable(Table):
    """`[simulate]` of a recipe.

    Attributes:
        timestep_ps: timestep; that of the system if None.
        friction_per_ps: Langevin friction; that of the system if None.
        stride_ps: time between frames; a hundred steps if None.
        noise: noise / signal of the evaluation; the smallest that was trained if None.
        settle: evaluations by which each frame is carried from that noise to the smallest, see
            `molgen.md.dynamics.settling`; frames are kept as they are if 0.
    """

    timestep_ps: PositiveFloat | None = None
    friction_per_ps: PositiveFloat | None = None
    stride_ps: PositiveFloat | None = None
    noise: PositiveFloat | None = None
    settle: NonNegativeInt = 0


@dataclass(frozen=True)
class Simulation:
    """A trained model, the potential it is, how to move under that, and what frames to keep."""

    model: EnergyModel
    potential: ModelPotential
    system: System
    dynamics: Dynamics
    stride_ps: float
    settling: Settling
    device: str
    levels: tuple[Level, ...] = ()
    """Of replica exchange, the potential's own first; none without."""

    @property
    def dims(self) -> int:
        """Coordinates of one bead."""
        return len(self.potential.statistics.offset)


def ready(
    found: Checkpoint,
    *,
    stride_ps: float | None = None,
    timestep_ps: float | None = None,
    device: str = "cpu",
) -> Simulation:
    """A checkpoint ready to simulate: its model, and the dynamics that its recipe says.

    Args:
        found: the checkpoint.
        stride_ps: time between frames, over that of the recipe.
        timestep_ps: timestep, over that of the recipe.
        device: where the model runs.

    Raises:
        UsageError: the checkpoint's recipe, or its system, cannot be used.
    """
    model, statistics = restore(found)
    table = _table(found)
    timestep, friction = timestep_ps or table.timestep_ps, table.friction_per_ps
    system = load_system(found.recipe.table("data", DataTable).system)
    timestep, friction = timestep or system.timestep_ps, friction or system.friction_per_ps
    dynamics = Dynamics(
        statistics.mapping.masses, statistics.kT, timestep, friction, statistics.centred
    )
    potential = ModelPotential(model, statistics, table.noise)
    try:
        settling = Settling(model, potential, table.settle)
    except UsageError as error:
        raise UsageError(f"{found.recipe.source} [simulate] {error}") from None
    return Simulation(
        model.to(device),
        potential,
        system,
        dynamics,
        stride_ps or table.stride_ps or STRIDE * timestep,
        settling,
        device,
    )


def potential_of(found: Checkpoint, noise: float | None = None) -> ModelPotential:
    """A checkpoint as a potential, at `noise` or else as the `[simulate]` of its recipe says.

    Raises:
        UsageError: the checkpoint's recipe cannot be used.
    """
    return ModelPotential(*restore(found), noise or _table(found).noise)


def _table(found: Checkpoint) -> SimulateTable:
    return found.recipe.table("simulate", SimulateTable)


def _own(
    setup: Simulation, start: Tensor, stride: int, generator: torch.Generator, compiled: bool
) -> Chains:
    if setup.levels:
        return ExchangeChains(
            setup.levels, start, setup.dynamics, generator=generator, compiled=compiled
        )
    return LangevinChains(
        setup.potential,
        start,
        setup.dynamics,
        stride=stride,
        generator=generator,
        compiled=compiled,
    )


def _hmc(
    setup: Simulation, start: Tensor, stride: int, generator: torch.Generator, compiled: bool
) -> Chains:
    return HMCChains(
        setup.potential,
        start,
        setup.dynamics,
        stride=stride,
        generator=generator,
        compiled=compiled,
    )


def _openmm(
    setup: Simulation, start: Tensor, stride: int, generator: torch.Generator, compiled: bool
) -> Chains:
    from molgen.md.dynamics.openmm import OpenMMModelChains

    del stride
    return OpenMMModelChains(
        setup.potential, start, setup.dynamics, generator=generator, compiled=compiled
    )


ENGINES: Mapping[str, Callable[[Simulation, Tensor, int, torch.Generator, bool], Chains]] = {
    "molgen": _own,
    "hmc": _hmc,
    "openmm": _openmm,
}
"""Who integrates, by name."""
