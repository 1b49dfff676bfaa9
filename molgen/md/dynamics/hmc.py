"""Hybrid Monte Carlo: the ensemble of a potential, without any error of the timestep."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from molgen.arrays import Array
from molgen.errors import MolgenError
from molgen.md.dynamics.chains import Dynamics, LangevinChains
from molgen.md.dynamics.integrators import MDState, centred, kinetic_energies, maxwell
from molgen.md.potentials import Potential

TRAJECTORY = 20
"""Steps of one trajectory, at most; at least half of them."""

ENOUGH = 100
"""Trajectories of which one must have been taken."""


class HMCChains(LangevinChains):
    """Chains of Hybrid Monte Carlo (Duane et al. 1987, Phys. Lett. B 195, 216).

    Fresh Maxwell velocities, some steps of velocity Verlet, and the end is taken with probability
    min(1, exp(-dH / kT)); else the chain stays where it was. The ensemble is that of the potential
    at every timestep, and a trajectory that explodes is one that is not taken. How many steps is
    drawn at random: a mode whose period divides them would never move (Mackenzie 1989).

    Args:
        potential: energies and forces, taking float32.
        start: [chains, beads, dims] nm.
        dynamics: masses, temperature and timestep; its friction plays no part.
        stride: steps that `advance` will be asked for.
        generator: random numbers, on the device of `start`; its state is part of `arrays`.
        compiled: compile the integrator with the potential; takes up to a minute, here.

    Raises:
        MolgenError: the energy of a start is not finite.
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
        super().__init__(
            potential,
            start,
            replace(dynamics, friction_per_ps=0.0),  # BAOAB is velocity Verlet then
            stride=min(stride, TRAJECTORY),
            generator=generator,
            compiled=compiled,
        )
        self.tried, self.taken = 0, 0
        bad = ~torch.isfinite(self.state.energies)
        if bad.any():
            raise MolgenError(
                f"chain {int(bad.nonzero()[0])}: the energy of its start is not finite"
            )

    def advance(self, steps: int) -> Tensor:
        """Positions [chains, beads, dims] float32 nm `steps` steps later; centred if free.

        Raises:
            MolgenError: no trajectory was taken so far, of many.
        """
        left = steps
        with torch.no_grad():
            while left > 0:
                drawn = torch.randint(
                    TRAJECTORY // 2,
                    TRAJECTORY + 1,
                    (),
                    generator=self.generator,
                    device=self.generator.device,
                )
                length = min(int(drawn), left)
                self._move(length)
                left -= length
            if self.dynamics.free:
                self.state = centred(self.state)
        if self.tried >= ENOUGH and not self.taken:
            raise MolgenError(
                f"none of {self.tried} trajectories was taken at a timestep of "
                f"{self.dynamics.timestep_ps:g} ps; use a shorter one"
            )
        return self.state.positions.float()

    def _move(self, steps: int) -> None:
        """One trajectory of every chain, taken or not."""
        kT, state = self.dynamics.kT, self.state
        fresh = maxwell(state.velocities, self.integrator.masses, kT, self.generator)
        begin = replace(state, velocities=fresh)
        end = self.integrator.advance(begin, steps, kT, self.generator)
        rise = (self._hamiltonian(end) - self._hamiltonian(begin)) / kT
        u = torch.rand(rise.shape, dtype=rise.dtype, device=rise.device, generator=self.generator)
        take = u.log() < -rise  # never where the rise is not a number
        self.tried += len(take)
        self.taken += int(take.sum())
        self.state = end.where(take, begin)

    def _hamiltonian(self, state: MDState) -> Tensor:
        kinetic = kinetic_energies(state, self.integrator.masses)
        return kinetic.double() + state.energies.double()

    def arrays(self) -> dict[str, Array]:
        """Everything needed to continue exactly here."""
        counts = {"tried": np.array(self.tried), "taken": np.array(self.taken)}
        return {**super().arrays(), **counts}

    def restore(self, arrays: dict[str, Array]) -> None:
        """Continue from what `arrays` gave."""
        super().restore(arrays)
        self.tried, self.taken = int(arrays["tried"]), int(arrays["taken"])

    def report(self) -> dict[str, Any]:
        """The share of trajectories that were taken."""
        return {"acceptance": round(self.taken / max(self.tried, 1), 4)}
