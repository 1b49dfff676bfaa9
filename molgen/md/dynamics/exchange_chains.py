"""Replica exchange of chains that each have a potential and a temperature of their own.

The levels of a ladder may be one model at several temperatures or at several diffusion times: where
more noise has filled the barriers, chains cross them freely and bring what they found down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from molgen.arrays import Array
from molgen.errors import UsageError
from molgen.md.dynamics.chains import Dynamics
from molgen.md.dynamics.integrators import BAOAB, MDState, centred, check_chains, langevin_init
from molgen.md.dynamics.levels import Level
from molgen.md.potentials import AutogradPotential

EXCHANGE_EVERY = 100
"""Steps between rounds of exchange."""


class LadderPotential(AutogradPotential):
    """The potentials of all levels side by side: the first chains are the first level's."""

    def __init__(self, levels: Sequence[Level]) -> None:
        self.levels = tuple(levels)

    def energy(self, x: Tensor) -> Tensor:
        """Energies [levels * chains] kJ/mol of x: [levels * chains, beads, dims] nm."""
        parts = x.chunk(len(self.levels))
        pairs = zip(self.levels, parts, strict=True)
        return torch.cat([level.potential.energy(part) for level, part in pairs])


class ExchangeChains:
    """Chains of a ladder of levels that trade configurations with their neighbours.

    Two of neighbouring levels trade with probability

        min(1, exp(u_i(x_i) + u_j(x_j) - u_i(x_j) - u_j(x_i))),   u_i = U_i / kT_i,

    which keeps the ensemble of every level (Sugita, Kitao & Okamoto 2000, J. Chem. Phys. 113,
    6042); velocities are scaled by sqrt(kT_new / kT_old). The integrator is BAOAB.

    Args:
        levels: two or more; the first is the one whose chains are wanted.
        start: [chains, beads, dims] nm, of every level.
        dynamics: masses, timestep and friction; the temperatures are those of the levels.
        generator: random numbers, on the device of `start`; its state is part of `arrays`.
        compiled: compile the integrator with the potentials.

    Raises:
        UsageError: there is a single level.
    """

    def __init__(
        self,
        levels: Sequence[Level],
        start: Tensor,
        dynamics: Dynamics,
        *,
        generator: torch.Generator,
        compiled: bool = True,
    ) -> None:
        if len(levels) < 2:
            raise UsageError("replica exchange: a ladder needs two levels or more")
        self.levels = tuple(levels)
        self.dynamics = dynamics
        self.generator = generator
        self.chains = len(start)
        kT = torch.tensor([level.kT for level in levels], dtype=torch.float64)
        self.kT = kT.repeat_interleave(self.chains).to(start.device)
        self.potential = LadderPotential(levels)
        masses = dynamics.masses.to(start.device)
        self.integrator = BAOAB(
            self.potential,
            masses,
            dynamics.timestep_ps,
            dynamics.friction_per_ps,
            EXCHANGE_EVERY,
            compiled,
        )
        with torch.no_grad():
            begin = start.repeat(len(levels), *(1,) * (start.ndim - 1))
            self.state = langevin_init(self.potential, begin, masses, self.kT, generator)
        self.rounds = 0
        self.attempts = np.zeros(len(levels) - 1, dtype=np.int64)
        self.accepted = np.zeros(len(levels) - 1, dtype=np.int64)

    def advance(self, steps: int) -> Tensor:
        """Positions [chains, beads, dims] float32 nm at the first level `steps` steps later.

        Raises:
            MolgenError: a chain exploded; the chain, its level, the step and the time are named.
        """
        dynamics = self.dynamics
        with torch.no_grad():
            while steps > 0:
                block = min(EXCHANGE_EVERY - self.state.step % EXCHANGE_EVERY, steps)
                state = self.integrator.advance(self.state, block, self.kT, self.generator)
                check_chains(
                    state, self.integrator.masses, self.kT, dynamics.timestep_ps, self._name
                )
                self.state = centred(state) if dynamics.free else state
                if self.state.step % EXCHANGE_EVERY == 0:
                    self._exchange()
                steps -= block
        return self.state.positions[: self.chains].float()

    def _name(self, number: int) -> str:
        """What the user calls a chain, such as `chain 3 at 350 K`; `number`: among all levels'."""
        level, chain = divmod(number, self.chains)
        return f"chain {chain} at {self.levels[level].name}"

    def _exchange(self) -> None:
        """Every second pair of neighbours tries to trade, chain by chain."""
        state, chains = self.state, self.chains
        begin = self.rounds % 2 if len(self.levels) > 2 else 0
        lower = torch.arange(begin, len(self.levels) - 1, 2)
        self.rounds += 1
        rows = torch.arange(len(state), device=state.positions.device).reshape(-1, chains)
        partner = rows.clone()
        partner[lower], partner[lower + 1] = rows[lower + 1], rows[lower]
        swapped = self._arrived(partner.flatten())
        rise = ((swapped.energies.double() - state.energies.double()) / self.kT).reshape(-1, chains)
        rise = rise[lower] + rise[lower + 1]
        u = torch.rand(rise.shape, dtype=rise.dtype, device=rise.device, generator=self.generator)
        trade = u.log() < -rise
        take = torch.zeros(len(self.levels), chains, dtype=torch.bool, device=rise.device)
        take[lower], take[lower + 1] = trade, trade
        self.state = swapped.where(take.flatten(), state)
        self.attempts[lower.numpy()] += chains
        self.accepted[lower.numpy()] += trade.sum(1).numpy(force=True)

    def _arrived(self, partner: Tensor) -> MDState:
        """The state in which every chain has what its partner had."""
        state = self.state
        x = state.positions[partner]
        scale = (self.kT / self.kT[partner]).sqrt().to(state.velocities)
        energies, forces = self.potential.energy_and_forces(x.to(state.velocities.dtype))
        velocities = state.velocities[partner] * scale[:, None, None]
        return replace(state, positions=x, velocities=velocities, forces=forces, energies=energies)

    def arrays(self) -> dict[str, Array]:
        """Everything needed to continue exactly here."""
        return {
            **self.state.arrays(),
            "generator": self.generator.get_state().numpy(),
            "rounds": np.array(self.rounds),
            "attempts": self.attempts.copy(),
            "accepted": self.accepted.copy(),
        }

    def restore(self, arrays: dict[str, Array]) -> None:
        """Continue from what `arrays` gave."""
        self.state = MDState.from_arrays(arrays, self.state.positions.device)
        self.generator.set_state(torch.from_numpy(arrays["generator"]))
        self.rounds = int(arrays["rounds"])
        self.attempts, self.accepted = arrays["attempts"].copy(), arrays["accepted"].copy()

    def report(self) -> dict[str, Any]:
        """The levels, and the share of trades that were made between each and the next."""
        share = self.accepted / np.maximum(self.attempts, 1)
        return {
            "levels": [level.name for level in self.levels],
            "acceptance": [round(float(one), 4) for one in share],
        }
