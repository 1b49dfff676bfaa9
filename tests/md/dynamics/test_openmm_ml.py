"""A checkpoint through openmm-ml: light to import, the same forces, wrong atoms refused."""

import subprocess
import sys

import openmm
import pytest
import torch
from openmm import unit

from molgen import checkpoint
from molgen.errors import UsageError
from molgen.md.dynamics.engines import potential_of
from molgen.md.dynamics.openmm import openmm_topology
from molgen.md.dynamics.openmm_ml import MolgenPotentialImplFactory

pytestmark = pytest.mark.openmm


def test_the_factory_is_light_and_imports_without_openmm_ml():
    code = (
        "import sys, molgen.md.dynamics.openmm_ml as m; m.MolgenPotentialImplFactory(); "
        "assert not {'torch', 'openmm', 'openmmml', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_ml_potential_gives_the_forces_of_the_checkpoint(harmonic_checkpoint, generator):
    openmmml = pytest.importorskip("openmmml")
    openmmml.MLPotential.registerImplFactory("molgen", MolgenPotentialImplFactory())
    folder = harmonic_checkpoint()
    potential = potential_of(checkpoint.load(folder))
    topology = openmm_topology(potential.statistics.mapping)
    system = openmmml.MLPotential("molgen", checkpoint=str(folder)).createSystem(
        topology, removeCMMotion=False, compiled=False
    )
    x = 0.1 * torch.randn(1, 5, 3, dtype=torch.float64, generator=generator)
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference")
    )
    context.setPositions(x[0].numpy())
    state = context.getState(forces=True, energy=True)
    forces = state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer)
    # the checkpoint's model runs in float32
    assert forces == pytest.approx(potential.forces(x.float())[0].numpy(), rel=1e-4, abs=1e-3)


def test_a_topology_of_other_atoms_is_refused(harmonic_checkpoint):
    impl = MolgenPotentialImplFactory().createImpl("molgen", checkpoint=str(harmonic_checkpoint()))
    topology = openmm_topology(impl.potential.statistics.mapping)
    with pytest.raises(UsageError, match="has the beads C N CA C N, the atoms are CA N"):
        impl.addForces(topology, openmm.System(), [2, 1], 0)


def test_the_noise_can_be_chosen(harmonic_checkpoint):
    folder = str(harmonic_checkpoint(simulate={"noise": 0.4}))
    factory = MolgenPotentialImplFactory()
    assert factory.createImpl("molgen", folder).potential.noise == pytest.approx(0.4)
    assert factory.createImpl("molgen", folder, noise=0.6).potential.noise == pytest.approx(0.6)
