"""Plain OpenMM Langevin chains: an independent check of the batched engine, in the same form."""

from typing import Any

import numpy as np
import openmm
import torch
from openmm import unit as u
from torch import Tensor

from molgen.errors import MolgenError, UsageError
from molgen.md.dynamics.tempering import Arrays, Frames


class OpenMMChains:
    """Independent chains, one after another, with OpenMM's LangevinMiddleIntegrator.

    On OpenMM's Reference platform: double precision, and on small molecules several times faster
    than its CPU platform. A continued run draws other random numbers than an uninterrupted one
    would have.

    Args:
        system: `openmm.System`.
        start: Coordinates [atoms, 3] nm of every chain.
        masses: [atoms] amu.
        temperature_K: Temperature.
        melt_K: Temperature at which chains first move apart.
        timestep_ps: Timestep.
        friction_per_ps: Friction.
        chains: Number of chains.
        seed: Of all random numbers.

    Raises:
        UsageError: the system has no temperature (analytic surfaces have no OpenMM form).
    """

    def __init__(
        self,
        system: Any,
        start: Tensor,
        masses: Tensor,
        temperature_K: float,
        melt_K: float,
        timestep_ps: float,
        friction_per_ps: float,
        chains: int,
        seed: int,
    ) -> None:
        if temperature_K <= 0:
            raise UsageError("engine openmm: needs a molecule with a temperature")
        for atom, mass in enumerate(masses.tolist()):
            system.setParticleMass(atom, mass)
        self.temperature_K = temperature_K
        self.melt_K = melt_K
        self.timestep_ps = timestep_ps
        self.steps = 0
        self.contexts = []
        platform = openmm.Platform.getPlatform("Reference")
        for chain in range(chains):
            integrator = openmm.LangevinMiddleIntegrator(
                temperature_K, friction_per_ps, timestep_ps
            )
            # OpenMM takes seed 0 as "choose one"
            integrator.setRandomNumberSeed(1 + (seed * chains + chain) % 2**30)
            context = openmm.Context(system, integrator, platform)
            context.setPositions(start.numpy())
            context.setVelocitiesToTemperature(temperature_K, 1 + (seed * chains + chain) % 2**30)
            self.contexts.append(context)

    def melt(self, steps: int) -> None:
        """Plain dynamics at the higher temperature."""
        for context in self.contexts:
            context.getIntegrator().setTemperature(self.melt_K)
        self.equilibrate(steps)
        for context in self.contexts:
            context.getIntegrator().setTemperature(self.temperature_K)

    def equilibrate(self, steps: int) -> None:
        """Every chain `steps` steps on."""
        for chain, context in enumerate(self.contexts):
            try:
                context.getIntegrator().step(steps)
            except openmm.OpenMMException as error:
                time = (self.steps + steps) * self.timestep_ps
                raise MolgenError(
                    f"chain {chain} blew up by step {self.steps + steps} ({time:.6g} ps): {error}"
                ) from error
        self.steps += steps

    def advance(self, steps: int) -> Frames:
        """The frames of all chains `steps` steps later, centred."""
        self.equilibrate(steps)
        positions, forces, energies = [], [], []
        for context in self.contexts:
            state = context.getState(positions=True, forces=True, energy=True)
            positions.append(_numbers(state.getPositions(asNumpy=True), u.nanometer))
            forces.append(
                _numbers(state.getForces(asNumpy=True), u.kilojoule_per_mole / u.nanometer)
            )
            energies.append(state.getPotentialEnergy().value_in_unit(u.kilojoule_per_mole))
        x = torch.from_numpy(np.stack(positions))
        return Frames(
            x - x.mean(1, keepdim=True),
            torch.from_numpy(np.stack(forces)),
            torch.tensor(energies, dtype=torch.float64),
            torch.arange(len(self.contexts)),
            torch.zeros(len(self.contexts), dtype=torch.long),
        )

    def arrays(self) -> Arrays:
        """Positions, velocities and the step count."""
        positions, velocities = [], []
        for context in self.contexts:
            state = context.getState(positions=True, velocities=True)
            positions.append(_numbers(state.getPositions(asNumpy=True), u.nanometer))
            velocities.append(
                _numbers(state.getVelocities(asNumpy=True), u.nanometer / u.picosecond)
            )
        return {
            "positions": np.stack(positions),
            "velocities": np.stack(velocities),
            "step": np.array(self.steps),
        }

    def restore(self, arrays: Arrays) -> None:
        """Continue from what `arrays` gave, with other random numbers."""
        self.steps = int(arrays["step"])
        for chain, context in enumerate(self.contexts):
            integrator = context.getIntegrator()
            seed = integrator.getRandomNumberSeed() + 7919 * (1 + self.steps)
            integrator.setRandomNumberSeed(1 + seed % 2**30)
            context.reinitialize()
            context.setPositions(arrays["positions"][chain])
            context.setVelocities(arrays["velocities"][chain])

    def report(self) -> dict[str, Any]:
        """Nothing beyond the basins."""
        return {}


def _numbers(quantity: Any, unit: Any) -> Any:
    return np.asarray(quantity.value_in_unit(unit), dtype=np.float64)
