"""What is read from an OpenMM system: every parameter, and no force that is not known."""

import numpy as np
import openmm
import pytest
import torch
from openmm import app, unit

from molgen.errors import UsageError
from molgen.md.forcefield.force_field import ForceField
from tests.md.forcefield.amber import assert_agrees, make_system, peptide, shaken

pytestmark = pytest.mark.openmm


def test_agrees_with_any_torsion_phase_and_exception():
    system = make_system()
    rng = np.random.default_rng(2)
    for force in system.getForces():
        if isinstance(force, openmm.PeriodicTorsionForce):
            for i in range(force.getNumTorsions()):
                *atoms, _, _, _ = force.getTorsionParameters(i)
                force.setTorsionParameters(
                    i, *atoms, int(rng.integers(1, 7)), rng.uniform(-4, 4), rng.normal()
                )
        if isinstance(force, openmm.NonbondedForce):
            for i in range(force.getNumExceptions()):
                first, second, *_ = force.getExceptionParameters(i)
                sigma, epsilon = rng.uniform(0.05, 0.1), rng.uniform(0, 1)
                force.setExceptionParameters(i, first, second, rng.normal(), sigma, epsilon)
    ff = ForceField.from_openmm(system, torch.float64, compile=False)
    assert_agrees(system, ff, shaken("ala2", 2))


def with_force(force):
    system = make_system()
    system.addForce(force)
    return system


def changed_gb(**change):
    """The OBC1 model of implicit/obc1.xml with one energy expression changed."""
    system = make_system(model="amber14-obc1")
    gb = next(f for f in system.getForces() if isinstance(f, openmm.CustomGBForce))
    expression, kind = gb.getEnergyTermParameters(change["term"])
    gb.setEnergyTermParameters(change["term"], expression.replace(*change["text"]), kind)
    return system


REFUSED = {
    "constraints": (lambda: make_system(constraints=app.HBonds), "constraints"),
    "cutoff": (
        lambda: make_system(
            model="amber14-vacuum",
            nonbondedMethod=app.CutoffNonPeriodic,
            nonbondedCutoff=1 * unit.nanometer,
        ),
        "NonbondedForce has a cutoff",
    ),
    "unknown force": (lambda: with_force(openmm.CustomBondForce("r")), "CustomBondForce"),
    "barostat": (lambda: with_force(openmm.MonteCarloBarostat(1, 300)), "MonteCarloBarostat"),
    "second solvent": (lambda: with_force(openmm.GBSAOBCForce()), "2 implicit-solvent forces"),
    "salt": (
        lambda: make_system(model="amber14-obc1", implicitSolventKappa=1.0 / unit.nanometer),
        "CustomGBForce is not a known OBC",
    ),
    "other surface": (
        lambda: changed_gb(term=1, text=("^6", "^5")),
        r"energy term .*\(radius/B\)\^5",
    ),
    "uneven dielectric": (
        lambda: changed_gb(term=2, text=("-138.935485", "-130.0")),
        "do not belong together",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_supported_is_refused_by_name(case):
    make, message = REFUSED[case]
    with pytest.raises(UsageError, match=message):
        ForceField.from_openmm(make())


def test_gbn2_is_refused_by_name():
    topology, _ = peptide("ala2")
    system = app.ForceField("amber14-all.xml", "implicit/gbn2.xml").createSystem(topology)
    with pytest.raises(UsageError, match="CustomGBForce is not a known OBC"):
        ForceField.from_openmm(system)
