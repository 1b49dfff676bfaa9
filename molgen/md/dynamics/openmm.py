"""A model's forces in OpenMM, through `openmm.PythonForce` (OpenMM >= 8.5).

Integrators, reporters, checkpoints and restart files are OpenMM's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import openmm
import openmm.app
import torch
from openmm import unit
from torch import Tensor

from molgen.arrays import Array
from molgen.core.compiled import compiled as compile_function
from molgen.errors import MolgenError, UsageError
from molgen.md.dynamics.chains import Dynamics
from molgen.md.dynamics.integrators import MDState, check_chains
from molgen.md.potentials.model import ModelPotential
from molgen.md.system.beads import BeadMapping
from molgen.units import KB


class ModelForce:
    """Energy and forces of an `openmm.State`: what a `PythonForce` of a model computes.

    Pickled with its model (OpenMM keeps it in serialised systems); whoever loads it compiles anew.

    Args:
        potential: of a molecule.
        like: a tensor of the device and dtype in which the model is evaluated; centres are taken
            out in float64 before.
        compiled: compile the model at the first call.
    """

    def __init__(self, potential: ModelPotential, like: Tensor, compiled: bool = True) -> None:
        self.potential = potential
        self.like = like
        self.compiled = compiled
        self._evaluate = self._choose()

    def __call__(self, state: openmm.State) -> tuple[float, Array]:
        """Energy, kJ/mol, and forces [particles, 3], kJ/mol/nm, summed over all molecules.

        state: with positions of whole molecules, one after another.
        """
        x = torch.from_numpy(_numbers(state.getPositions(asNumpy=True), unit.nanometer))
        x = x.reshape(-1, len(self.potential.statistics.mapping), 3)
        if self.potential.statistics.centred:
            x = x - x.mean(1, keepdim=True)
        with torch.no_grad():
            energies, forces = self._evaluate(x.to(self.like))
        return float(energies.double().sum()), forces.double().reshape(-1, 3).numpy(force=True)

    def _choose(self) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        function = self.potential.energy_and_forces
        if not self.compiled:
            return function
        options = {"cpp_wrapper": True} if self.like.device.type == "cpu" else None
        return compile_function(function, "the model", options)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_evaluate"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._evaluate = self._choose()


def openmm_system(
    potential: ModelPotential,
    *,
    molecules: int = 1,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    compiled: bool = True,
) -> openmm.System:
    """Beads that move under a model's forces, as an `openmm.System` for any of its integrators.

    Masses are those of the beads; there are no constraints and no box.

    Args:
        potential: of a molecule.
        molecules: independent copies in one system, which do not feel each other; evaluated
            together, many cost little more than one.
        dtype: in which the model is evaluated.
        device: where it is.
        compiled: compile the model at the first step: a minute's wait, then many times faster.

    Raises:
        UsageError: a test system, which has no three dimensions.
    """
    statistics = potential.statistics
    if len(statistics.offset) != 3:
        raise UsageError(
            f"{statistics.system}: OpenMM moves particles in three dimensions, not in "
            f"{len(statistics.offset)}; use molgen's own engine"
        )
    system = openmm.System()
    for mass in statistics.mapping.masses.tolist() * molecules:
        system.addParticle(mass)
    like = torch.empty(0, dtype=dtype, device=device)
    system.addForce(openmm.PythonForce(ModelForce(potential, like, compiled)))
    return system


def openmm_topology(mapping: BeadMapping) -> openmm.app.Topology:
    """The beads of one molecule with residues, elements and bonds, for `openmm.app.Simulation`."""
    topology = openmm.app.Topology()
    chain = topology.addChain()
    residues: dict[int, Any] = {}
    atoms = []
    for bead in mapping.beads:
        if bead.residue_index not in residues:
            residues[bead.residue_index] = topology.addResidue(
                bead.residue, chain, str(bead.residue_index)
            )
        element = openmm.app.Element.getBySymbol(bead.element)
        atoms.append(topology.addAtom(bead.name, element, residues[bead.residue_index]))
    for i, j in mapping.bonds:
        topology.addBond(atoms[i], atoms[j])
    return topology


class OpenMMModelChains:
    """Chains of OpenMM's LangevinMiddleIntegrator: independent molecules of one OpenMM system.

    On its Reference platform: double precision, and up to thousands of beads no slower than the
    model.

    Args:
        potential: of a molecule.
        start: [chains, beads, 3] nm.
        dynamics: masses, temperature, timestep and friction.
        generator: random numbers, of which OpenMM takes its seed.
        compiled: compile the model; takes up to a minute, here.

    Raises:
        UsageError: a test system, which has no three dimensions.
    """

    def __init__(
        self,
        potential: ModelPotential,
        start: Tensor,
        dynamics: Dynamics,
        *,
        generator: torch.Generator,
        compiled: bool = True,
    ) -> None:
        self.dynamics = dynamics
        self.shape = tuple(start.shape)
        self.step = 0
        system = openmm_system(
            potential, molecules=len(start), device=start.device, compiled=compiled
        )
        temperature_K = dynamics.kT / KB
        integrator = openmm.LangevinMiddleIntegrator(
            temperature_K, dynamics.friction_per_ps, dynamics.timestep_ps
        )
        draw = torch.randint(1, 2**31 - 1, (), generator=generator, device=generator.device)
        seed = int(draw)
        integrator.setRandomNumberSeed(seed)
        platform = openmm.Platform.getPlatform("Reference")
        self.context = openmm.Context(system, integrator, platform)
        self.context.setPositions(start.double().reshape(-1, 3).numpy(force=True))
        self.context.setVelocitiesToTemperature(temperature_K, seed)
        self.context.getState(forces=True)

    def advance(self, steps: int) -> Tensor:
        """Positions [chains, beads, 3] float32 nm `steps` steps later, centred.

        Raises:
            MolgenError: a chain exploded; the chain, the step and the time are named.
        """
        self.step += steps
        try:
            self.context.getIntegrator().step(steps)
        except openmm.OpenMMException as error:
            if not str(error):  # how an interrupt in the middle of a step arrives
                raise KeyboardInterrupt from error
            raise MolgenError(f"OpenMM stopped before step {self.step}: {error}") from error
        state = self.context.getState(positions=True, velocities=True)
        x = _numbers(state.getPositions(asNumpy=True), unit.nanometer)
        v = _numbers(state.getVelocities(asNumpy=True), unit.nanometer / unit.picosecond)
        positions = torch.from_numpy(x).reshape(self.shape)
        velocities = torch.from_numpy(v).reshape(self.shape)
        dynamics, unknown = self.dynamics, torch.zeros_like(positions)
        check_chains(
            MDState(positions, velocities, unknown, unknown[:, 0, 0], self.step),
            dynamics.masses,
            dynamics.kT,
            dynamics.timestep_ps,
        )
        return (positions - positions.mean(1, keepdim=True)).float()

    def arrays(self) -> dict[str, Array]:
        """OpenMM's own checkpoint and the step count."""
        content = np.frombuffer(self.context.createCheckpoint(), dtype=np.uint8)
        return {"checkpoint": content, "step": np.array(self.step)}

    def restore(self, arrays: dict[str, Array]) -> None:
        """Continue from what `arrays` gave, with the same random numbers.

        Raises:
            MolgenError: the checkpoint is of another version of OpenMM.
        """
        self.step = int(arrays["step"])
        try:
            self.context.loadCheckpoint(arrays["checkpoint"].tobytes())
        except openmm.OpenMMException as error:
            raise MolgenError(
                f"OpenMM cannot continue: {error}; remove the folder and start again"
            ) from error

    def report(self) -> dict[str, Any]:
        """Nothing: there is nothing that could be refused."""
        return {}


def _numbers(quantity: Any, in_unit: Any) -> Array:
    return np.asarray(quantity.value_in_unit(in_unit), dtype=np.float64)
