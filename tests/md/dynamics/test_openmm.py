"""A model inside OpenMM: the same forces and ensemble, and OpenMM's own files keep working."""

import io
import math

import mdtraj
import numpy as np
import openmm
import pytest
import torch
from openmm import app, unit

from molgen.errors import MolgenError, UsageError
from molgen.md.dynamics.chains import Dynamics
from molgen.md.dynamics.openmm import OpenMMModelChains, openmm_system, openmm_topology
from molgen.md.potentials.model import ModelPotential
from molgen.units import KB

pytestmark = pytest.mark.openmm

PS = unit.picosecond


@pytest.fixture
def potential(harmonic):
    return ModelPotential(*harmonic())


def context_of(system, x):
    integrator = openmm.VerletIntegrator(0.001)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatform("Reference"))
    context.setPositions(x.reshape(-1, 3).numpy())
    return context


def energy_and_forces(context):
    state = context.getState(energy=True, forces=True)
    forces = state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer)
    return state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole), forces


@pytest.mark.parametrize("molecules", [1, 3])
def test_python_force_equals_the_direct_call(potential, generator, molecules):
    x = 0.1 * torch.randn(molecules, 5, 3, dtype=torch.float64, generator=generator)
    system = openmm_system(potential, molecules=molecules, dtype=torch.float64, compiled=False)
    energy, forces = energy_and_forces(context_of(system, x + 7.0))
    expected, direct = potential.energy_and_forces(x)
    # float64 all the way: what is left is the rounding of x + 7
    assert energy == pytest.approx(expected.sum().item(), rel=1e-10)
    assert forces == pytest.approx(direct.reshape(-1, 3).numpy(), abs=1e-8)


def test_single_precision_does_not_see_how_far_the_molecule_went(potential, generator):
    x = 0.1 * torch.randn(1, 5, 3, dtype=torch.float64, generator=generator)
    system = openmm_system(potential, compiled=False)
    _, here = energy_and_forces(context_of(system, x))
    _, far = energy_and_forces(context_of(system, x + 1000.0))
    # 1000 nm in float32 would round to 6e-5 nm: forces of 250 kJ/mol/nm/nm off by 1e-2
    assert far == pytest.approx(here, abs=1e-4)


def test_masses_are_those_of_the_beads_and_topology_names_them(potential):
    mapping = potential.statistics.mapping
    system = openmm_system(potential, compiled=False)
    masses = [system.getParticleMass(i).value_in_unit(unit.dalton) for i in range(5)]
    assert masses == mapping.masses.tolist()
    topology = openmm_topology(mapping)
    assert [atom.name for atom in topology.atoms()] == ["C", "N", "CA", "C", "N"]
    assert [residue.name for residue in topology.residues()] == ["ACE", "ALA", "NME"]
    assert {(a.index, b.index) for a, b in topology.bonds()} == set(mapping.bonds)


def test_a_serialised_system_carries_its_model(potential, generator):
    x = 0.1 * torch.randn(1, 5, 3, dtype=torch.float64, generator=generator)
    system = openmm_system(potential, compiled=False)
    again = openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(system))
    energy, forces = energy_and_forces(context_of(again, x))
    expected, direct = energy_and_forces(context_of(system, x))
    assert energy == expected
    assert np.array_equal(forces, direct)


def test_reporters_and_checkpoints_of_openmm_keep_working(potential, generator, tmp_path):
    mapping = potential.statistics.mapping
    start = 0.1 * torch.randn(5, 3, dtype=torch.float64, generator=generator).numpy()

    def make():
        integrator = openmm.LangevinMiddleIntegrator(300, 1 / PS, 0.002 * PS)
        integrator.setRandomNumberSeed(5)
        simulation = app.Simulation(
            openmm_topology(mapping),
            openmm_system(potential, compiled=False),
            integrator,
            openmm.Platform.getPlatform("Reference"),
        )
        simulation.context.setPositions(start)
        simulation.context.setVelocitiesToTemperature(300, 7)
        return simulation

    def end(simulation):
        state = simulation.context.getState(positions=True)
        return state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)

    table = io.StringIO()
    simulation = make()
    simulation.reporters += [
        app.DCDReporter(str(tmp_path / "run.dcd"), 10),
        app.XTCReporter(str(tmp_path / "run.xtc"), 10),
        app.StateDataReporter(table, 10, step=True, potentialEnergy=True, temperature=True),
    ]
    simulation.step(50)
    simulation.saveCheckpoint(str(tmp_path / "half.chk"))
    simulation.saveState(str(tmp_path / "half.xml"))
    simulation.step(50)
    uninterrupted = end(simulation)
    del simulation

    again = make()
    again.loadCheckpoint(str(tmp_path / "half.chk"))
    assert again.currentStep == 50
    again.step(50)
    assert np.array_equal(end(again), uninterrupted)

    restarted = make()
    restarted.loadState(str(tmp_path / "half.xml"))  # a state has no random numbers
    restarted.step(1)

    top = mdtraj.Topology.from_openmm(openmm_topology(mapping))
    for name in ("run.dcd", "run.xtc"):
        found = mdtraj.load(str(tmp_path / name), top=top)
        assert len(found) == 10
        assert found.xyz[-1] == pytest.approx(uninterrupted, abs=1e-5)  # single precision
    lines = [line.split(",") for line in table.getvalue().splitlines()[1:]]
    energy = potential.energy(torch.from_numpy(uninterrupted)[None]).item()
    assert float(lines[-1][1]) == pytest.approx(energy, rel=1e-5)


@pytest.fixture
def dynamics(potential):
    statistics = potential.statistics
    return Dynamics(statistics.mapping.masses, statistics.kT, 0.005, 5.0, free=True)


def test_chains_in_one_system_are_harmonic_and_independent(potential, dynamics, generator):
    chains = 400
    start = 0.1 * torch.randn(chains, 5, 3, generator=generator)
    run = OpenMMModelChains(potential, start, dynamics, generator=generator, compiled=False)
    run.advance(200)
    x = torch.stack([run.advance(100) for _ in range(10)])
    statistics = potential.statistics
    variance = statistics.scale**2 * (1 + potential.noise**2)
    # 12 degrees of freedom of 400 chains at 10 moments 0.5 ps apart, of which at least a few are
    # independent: standard error of the variance below sqrt(2 / (3 * 4800)) = 1.2 %; 4 sigma
    free = 12 * x[..., 0, 0].numel()
    assert x.square().sum().item() / free == pytest.approx(variance, rel=0.05)
    # chains do not feel each other: correlations between neighbours vanish
    y = x[-1] / math.sqrt(variance)
    neighbours = (y[1:] * y[:-1]).sum().item() / (12 * (chains - 1))
    assert abs(neighbours) < 4 / math.sqrt(12 * chains)
    velocities = run.context.getState(velocities=True).getVelocities(asNumpy=True)
    v = velocities.value_in_unit(unit.nanometer / PS).reshape(chains, 5, 3)
    kinetic = (dynamics.masses[:, None].numpy() * v**2).mean() / KB
    # 6000 velocities: standard error 1.8 %
    assert kinetic == pytest.approx(dynamics.kT / KB, rel=0.07)


def test_chains_continue_to_the_bit(potential, dynamics):
    start = 0.1 * torch.randn(6, 5, 3, generator=torch.Generator().manual_seed(1))

    def make():
        random = torch.Generator().manual_seed(2)
        return OpenMMModelChains(potential, start, dynamics, generator=random, compiled=False)

    run = make()
    run.advance(20)
    half = run.arrays()
    whole = run.advance(20)
    again = make()
    again.advance(3)  # other random numbers used up
    again.restore(half)
    assert torch.equal(again.advance(20), whole)
    with pytest.raises(MolgenError, match="OpenMM cannot continue"):
        again.restore({**half, "checkpoint": half["checkpoint"][::-1]})


def test_a_chain_that_blows_up_is_named(potential, dynamics, generator):
    start = 0.1 * torch.randn(6, 5, 3, generator=generator)
    start[4] *= 1e6
    run = OpenMMModelChains(potential, start, dynamics, generator=generator, compiled=False)
    with pytest.raises(MolgenError, match=r"chain 4 blew up by step 20 \(0\.1 ps\)"):
        run.advance(20)


def test_a_surface_is_refused(harmonic):
    with pytest.raises(UsageError, match="mueller_brown: OpenMM moves particles in three dim"):
        openmm_system(ModelPotential(*harmonic("mueller_brown")))
