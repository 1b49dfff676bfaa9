"""Chains of one system under parallel tempering: BAOAB and replica exchange, round after round."""

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from molgen.arrays import Array
from molgen.md.dynamics.chains import Dynamics, Progress
from molgen.md.dynamics.integrators import BAOAB, MDState, centred, check_chains, langevin_init
from molgen.md.dynamics.replica_exchange import Exchanger, Ladder
from molgen.md.potentials import Potential

Arrays = dict[str, Array]


@dataclass(frozen=True)
class Frames:
    """Frames taken at one moment.

    Attributes:
        positions: [n, atoms, dims] nm.
        forces: [n, atoms, dims] kJ/mol/nm.
        energies: [n] kJ/mol.
        chain: [n] int64.
        level: [n] int64, temperature level; 0 is the wanted one.
    """

    positions: Tensor
    forces: Tensor
    energies: Tensor
    chain: Tensor
    level: Tensor


class Sampler(Protocol):
    """A source of equilibrium frames that can be saved and continued."""

    def melt(self, steps: int) -> None:
        """Move as far from the start as can be, at high temperature if there is one."""
        ...

    def equilibrate(self, steps: int) -> None:
        """Sample without taking frames."""
        ...

    def advance(self, steps: int) -> Frames:
        """Frames `steps` steps later."""
        ...

    def arrays(self) -> Arrays:
        """Everything needed to continue exactly here."""
        ...

    def restore(self, arrays: Arrays) -> None:
        """Continue from what `arrays` gave."""
        ...

    def report(self) -> dict[str, Any]:
        """JSON content on how the sampling went."""
        ...


class Tempering:
    """Groups of chains under parallel tempering.

    Args:
        integrator: BAOAB on the potential of the system.
        exchanger: The ladder and who is where.
        start: Coordinates nm, [atoms, dims] of every chain or [chains, atoms, dims] of each.
        exchange_every: Steps between rounds of exchange.
        free: Subtract each chain's centre (systems that nothing holds in place).
        dtype: Of velocities and forces.
        generator: Random numbers; its state is part of `arrays`.
        all_levels: Take frames of every level, not of the lowest alone.
    """

    def __init__(
        self,
        integrator: BAOAB,
        exchanger: Exchanger,
        start: Tensor,
        exchange_every: int,
        free: bool,
        dtype: torch.dtype,
        generator: torch.Generator,
        all_levels: bool = False,
    ) -> None:
        self.integrator = integrator
        self.exchanger = exchanger
        self.exchange_every = exchange_every
        self.free = free
        self.generator = generator
        self.all_levels = all_levels
        chains = len(exchanger.level)
        self.state = langevin_init(
            integrator.potential,
            start.to(generator.device).expand(chains, *start.shape[-2:]).contiguous(),
            integrator.masses,
            exchanger.kT,
            generator,
            dtype,
        )

    def melt(self, steps: int) -> None:
        """All chains at the highest level for a while: the start is forgotten soonest there."""
        hottest = self.exchanger.ladder.kT[-1]
        for _ in range(0, steps, self.exchange_every):
            self._move(torch.full_like(self.exchanger.kT, hottest))

    def equilibrate(self, steps: int) -> None:
        """Rounds of `exchange_every` steps and one exchange."""
        for _ in range(0, steps, self.exchange_every):
            self._move(self.exchanger.kT)
            self.exchanger, self.state = self.exchanger.exchange(self.state, self.generator)

    def advance(self, steps: int) -> Frames:
        """Frames of the chains at the lowest level, or of all, after the last exchange."""
        self.equilibrate(steps)
        level, state = self.exchanger.level, self.state
        chain = torch.arange(len(level)) if self.all_levels else self.exchanger.wanted
        x, forces, energies = state.positions, state.forces, state.energies
        return Frames(x[chain], forces[chain], energies[chain], chain, level[chain])

    def _move(self, kT: Tensor) -> None:
        state = self.integrator.advance(self.state, self.exchange_every, kT, self.generator)
        check_chains(state, self.integrator.masses, kT, self.integrator.timestep_ps)
        self.state = centred(state) if self.free else state

    def arrays(self) -> Arrays:
        """Everything needed to continue exactly here."""
        exchanger = self.exchanger
        tensors = {
            **{name: getattr(exchanger, name) for name in Exchanger.TENSORS},
            "generator": self.generator.get_state(),
        }
        arrays = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
        return self.state.arrays() | arrays | {"rounds": np.array(exchanger.rounds)}

    def restore(self, arrays: Arrays) -> None:
        """Continue from what `arrays` gave."""
        device = self.state.positions.device
        self.state = MDState.from_arrays(arrays, device)
        counters: dict[str, Any] = {
            n: torch.from_numpy(arrays[n]).to(device) for n in Exchanger.TENSORS
        }
        self.exchanger = replace(self.exchanger, **counters, rounds=int(arrays["rounds"]))
        self.generator.set_state(torch.from_numpy(arrays["generator"]))

    def report(self) -> dict[str, Any]:
        """Acceptance between levels and round trips through the ladder."""
        trips = self.exchanger.round_trips
        return {
            "acceptance": self.exchanger.acceptance(),
            "round_trips": int(trips.sum()),
            "chains_without_round_trip": int((trips == 0).sum()),
        }


def run_tempered(
    potential: Potential,
    start: Tensor,
    dynamics: Dynamics,
    ladder: Ladder,
    *,
    time_ps: float,
    stride_ps: float,
    exchange_every: int,
    generator: torch.Generator,
    compiled: bool = True,
    progress: Progress | None = None,
) -> tuple[Tensor, dict[str, Any]]:
    """Frames at the lowest level of groups of chains that trade temperatures.

    Args:
        potential: energies and forces.
        start: [groups * ladder.group_size, beads, dims] nm; not among the frames.
        dynamics: masses, timestep and friction; the temperatures are those of the ladder.
        ladder: temperature levels and chains at each.
        time_ps: length of each chain.
        stride_ps: time between frames, rounded up to whole rounds of exchange.
        exchange_every: steps between rounds of exchange.
        generator: random numbers, on the device of `start`.
        compiled: compile the integrator with the potential.
        progress: told (what, frames done, frames in all).

    Returns:
        positions [frames, groups * lowest, beads, dims] float32 nm, group by group, and how the
        exchanges went.

    Raises:
        UsageError: the time ends before the first frame.
        MolgenError: a chain exploded; the chain, the step and the time are named.
    """
    rounds = -(-round(stride_ps / dynamics.timestep_ps) // exchange_every)
    frames, stride = dynamics.steps(time_ps, rounds * exchange_every * dynamics.timestep_ps)
    masses = dynamics.masses.to(start.device)
    integrator = BAOAB(
        potential, masses, dynamics.timestep_ps, dynamics.friction_per_ps, exchange_every, compiled
    )
    exchanger = Exchanger.start(ladder, len(start) // ladder.group_size, start.device)
    kept = []
    with torch.no_grad():
        chains = Tempering(
            integrator, exchanger, start, exchange_every, dynamics.free, start.dtype, generator
        )
        for number in range(frames):
            kept.append(chains.advance(stride).positions.float())
            if progress is not None:
                progress("simulation", number + 1, frames)
    return torch.stack(kept), chains.report()
