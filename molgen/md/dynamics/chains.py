"""Independent chains of Langevin dynamics, in memory or saved and continued."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from molgen.arrays import Array
from molgen.errors import UsageError
from molgen.md.dynamics.integrators import BAOAB, MDState, centred, check_chains, langevin_init
from molgen.md.potentials import Potential

Progress = Callable[[str, int, int], None]

BLOCK = 100
"""Steps whose noise is drawn at once, at most; between two blocks the integrator is in Python."""


@dataclass(frozen=True)
class Dynamics:
    """What is integrated, whoever does it.

    Attributes:
        masses: [beads] amu.
        kT: thermal energy, kJ/mol.
        timestep_ps: timestep.
        friction_per_ps: Langevin friction.
        free: whether nothing holds the chains in place, so that frames are centred.
    """

    masses: Tensor
    kT: float
    timestep_ps: float
    friction_per_ps: float
    free: bool

    def steps(self, time_ps: float, stride_ps: float) -> tuple[int, int]:
        """Number of frames in a time, and of steps from one to the next.

        Raises:
            UsageError: the time ends before the first frame.
        """
        stride = max(1, round(stride_ps / self.timestep_ps))
        frames = int(time_ps / (stride * self.timestep_ps) + 1e-6)
        if frames < 1:
            raise UsageError(
                f"{time_ps:g} ps is shorter than the {stride * self.timestep_ps:g} ps between "
                "frames; simulate longer"
            )
        return frames, stride


class Chains(Protocol):
    """Chains under way; made by an engine."""

    def advance(self, steps: int) -> Tensor:
        """Positions [chains, beads, dims] float32 nm `steps` steps later.

        Raises:
            MolgenError: a chain exploded; the chain, the step and the time are named.
        """
        ...

    def arrays(self) -> dict[str, Array]:
        """Everything needed to continue exactly here."""
        ...

    def restore(self, arrays: dict[str, Array]) -> None:
        """Continue from what `arrays` gave."""
        ...

    def report(self) -> dict[str, Any]:
        """JSON content on how it went, beside the frames."""
        ...


class LangevinChains:
    """Chains of molgen's own integrator (BAOAB), with Maxwell velocities at the start.

    Args:
        potential: energies and forces, taking float32.
        start: [chains, beads, dims] nm.
        dynamics: masses, temperature, timestep and friction.
        stride: steps that `advance` will be asked for.
        generator: random numbers, on the device of `start`; its state is part of `arrays`.
        compiled: compile the integrator with the potential; takes up to a minute, here.
    """

    def __init__(
        self,
        potential: Potential,
        start: Tensor,
        dynamics: Dynamics,
        *,
        stride: int,
        generator: torch.Generator,
        compiled: bool = True,
    ) -> None:
        block = min(stride, BLOCK)
        masses = dynamics.masses.to(start.device)
        self.dynamics = dynamics
        self.generator = generator
        self.integrator = BAOAB(
            potential, masses, dynamics.timestep_ps, dynamics.friction_per_ps, block, compiled
        )
        with torch.no_grad():
            self.state = langevin_init(potential, start, masses, dynamics.kT, generator)
            if compiled:  # now, with other random numbers, so that whoever measures speed can
                other = torch.Generator(generator.device)
                self.integrator.advance(self.state, block, dynamics.kT, other)

    def advance(self, steps: int) -> Tensor:
        """Positions [chains, beads, dims] float32 nm `steps` steps later; centred if free."""
        dynamics = self.dynamics
        with torch.no_grad():
            state = self.integrator.advance(self.state, steps, dynamics.kT, self.generator)
            check_chains(state, self.integrator.masses, dynamics.kT, dynamics.timestep_ps)
            self.state = centred(state) if dynamics.free else state
        return self.state.positions.float()

    def arrays(self) -> dict[str, Array]:
        """Everything needed to continue exactly here."""
        return {**self.state.arrays(), "generator": self.generator.get_state().numpy()}

    def restore(self, arrays: dict[str, Array]) -> None:
        """Continue from what `arrays` gave."""
        self.state = MDState.from_arrays(arrays, self.state.positions.device)
        self.generator.set_state(torch.from_numpy(arrays["generator"]))

    def report(self) -> dict[str, Any]:
        """Nothing: there is nothing that could be refused."""
        return {}


def run_chains(
    potential: Potential,
    start: Tensor,
    dynamics: Dynamics,
    *,
    time_ps: float,
    stride_ps: float,
    generator: torch.Generator,
    compiled: bool = True,
    progress: Progress | None = None,
) -> Tensor:
    """Positions [frames, chains, beads, dims] float32 nm of chains that run side by side.

    Args:
        potential: energies and forces.
        start: [chains, beads, dims] nm; not among the frames.
        dynamics: masses, temperature, timestep and friction.
        time_ps: length of each chain.
        stride_ps: time between frames.
        generator: random numbers, on the device of `start`.
        compiled: compile the integrator with the potential; worth a minute's wait for long runs.
        progress: told (what, frames done, frames in all).

    Raises:
        UsageError: the time ends before the first frame.
        MolgenError: a chain exploded; the chain, the step and the time are named.
    """
    frames, stride = dynamics.steps(time_ps, stride_ps)
    chains = LangevinChains(
        potential, start, dynamics, stride=stride, generator=generator, compiled=compiled
    )
    kept = []
    for number in range(frames):
        kept.append(chains.advance(stride))
        if progress is not None:
            progress("simulation", number + 1, frames)
    return torch.stack(kept)
