"""Peptides under Amber force fields: in OpenMM, here, and both compared term by term."""

from functools import cache
from pathlib import Path

import numpy as np
import openmm
import torch
from openmm import app, unit

from molgen.md.forcefield.force_field import ForceField

PEPTIDES = Path(__file__).parent / "peptides"
ALANINE = Path(__file__).parents[3] / "systems" / "ala2" / "ala2.pdb"
NAMES = ["ala2", "asp-lys", "trp", "pro-his"]  # small; charged; aromatic; proline
MODELS = {
    "amber99sb-obc2": ("amber99sbildn.xml", "amber99_obc.xml"),
    "amber14-obc1": ("amber14-all.xml", "implicit/obc1.xml"),
    "amber19-cmap-obc2": ("amber19/protein.ff19SB.xml", "implicit/obc2.xml"),
    "amber14-vacuum": ("amber14-all.xml",),
}
TERMS = {
    openmm.HarmonicBondForce: "bonds",
    openmm.HarmonicAngleForce: "angles",
    openmm.PeriodicTorsionForce: "torsions",
    openmm.CMAPTorsionForce: "cmap",
    openmm.NonbondedForce: "nonbonded",
    openmm.GBSAOBCForce: "gb",
    openmm.CustomGBForce: "gb",
}


@cache
def peptide(name):
    """Topology and positions [atoms, 3] nm, hydrogens by OpenMM's Modeller."""
    pdb = app.PDBFile(str(ALANINE if name == "ala2" else PEPTIDES / f"{name}.pdb"))
    modeller = app.Modeller(pdb.topology, pdb.positions)
    if name != "ala2":
        reference = openmm.Platform.getPlatformByName("Reference")
        modeller.addHydrogens(app.ForceField("amber14-all.xml"), pH=7.0, platform=reference)
    positions = np.array(modeller.positions.value_in_unit(unit.nanometer))
    return modeller.topology, torch.tensor(positions)


def make_system(name="ala2", model="amber99sb-obc2", **options):
    options = {"nonbondedMethod": app.NoCutoff, "constraints": None, "rigidWater": False} | options
    return app.ForceField(*MODELS[model]).createSystem(peptide(name)[0], **options)


@cache
def force_field(name="ala2", model="amber99sb-obc2"):
    return ForceField.from_openmm(make_system(name, model), torch.float64, compile=False)


def shaken(name, replicas, size_nm=0.01):
    """Replicas [n, atoms, 3] around the given structure; ~ thermal strain of bonds and angles."""
    x = peptide(name)[1]
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(replicas, *x.shape, dtype=torch.float64, generator=generator)
    return x + size_nm * noise


def openmm_terms(system, positions):
    """Energies [n] and forces [n, atoms, 3] by term, and in total, of the Reference platform."""
    groups = {"total": set()}
    for k, force in enumerate(system.getForces()):
        force.setForceGroup(k)
        if type(force) in TERMS:
            groups[TERMS[type(force)]] = {k}
            groups["total"].add(k)
    context = openmm.Context(
        system,
        openmm.VerletIntegrator(0.001),
        openmm.Platform.getPlatformByName("Reference"),
    )
    energies = {term: [] for term in groups}
    forces = {term: [] for term in groups}
    for x in positions.numpy():
        context.setPositions(x)
        for term, group in groups.items():
            state = context.getState(energy=True, forces=True, groups=group)
            energies[term].append(state.getPotentialEnergy()._value)
            forces[term].append(state.getForces(asNumpy=True)._value)
    return (
        {term: torch.tensor(values, dtype=torch.float64) for term, values in energies.items()},
        {term: torch.tensor(np.array(values)) for term, values in forces.items()},
    )


def assert_agrees(system, ff, positions, tolerance=1e-9):
    """Energy and force of each term, and in total.

    Both sides compute in float64; 1e-9 relative leaves room for the order of sums and for small
    differences of large pair energies.
    """
    x = positions.clone().requires_grad_()
    terms = ff.terms(x)
    energies, forces = openmm_terms(system, positions)
    assert set(terms) == set(energies) - {"total"}
    for term, energy in terms.items():
        (gradient,) = torch.autograd.grad(energy.sum(), x, retain_graph=True)
        size = forces[term].abs().max()
        torch.testing.assert_close(energy.detach(), energies[term], rtol=tolerance, atol=1e-8)
        torch.testing.assert_close(-gradient, forces[term], rtol=0, atol=tolerance * float(size))
    energy, force = ff.energy_and_forces(positions)
    size = float(forces["total"].abs().max())
    torch.testing.assert_close(energy, energies["total"], rtol=tolerance, atol=1e-8)
    torch.testing.assert_close(force, forces["total"], rtol=0, atol=tolerance * size)
