"""Peptides as OpenMM molecules: topology with the names of PDB files, and a relaxed start."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import openmm
from openmm import unit as u
from openmm.app import Element, Topology

from molgen.chem.peptides import PeptideAtoms, extended_peptide
from molgen.md.peptides.sequence import Peptide
from molgen.md.system.build import Molecule, openmm_system

TOLERANCE = 50.0  # kJ/mol/nm, root mean square of the forces at the start


def peptide_molecule(peptide: Peptide, force_field: Sequence[str]) -> Molecule:
    """Topology and start of a peptide: extended, and minimised by its force field.

    The same on every call: a fixed conformer, minimised on OpenMM's Reference platform.

    Raises:
        UsageError: the force field has no such residue.
        MolgenError: no conformer was found.
    """
    atoms = extended_peptide(peptide.residues, peptide.acetyl, peptide.amide)
    molecule = Molecule(_topology(atoms), atoms.positions, f"peptide {peptide}")
    context = openmm.Context(
        openmm_system(molecule, force_field),
        openmm.VerletIntegrator(0.001),
        openmm.Platform.getPlatformByName("Reference"),
    )
    context.setPositions(molecule.positions)
    openmm.LocalEnergyMinimizer.minimize(context, TOLERANCE)
    found = context.getState(positions=True).getPositions(asNumpy=True)
    return replace(molecule, positions=np.array(found.value_in_unit(u.nanometer)))


def _topology(atoms: PeptideAtoms) -> Topology:
    topology = Topology()
    chain = topology.addChain("A")
    residues = {
        number: topology.addResidue(name, chain)
        for number, name in sorted({label[:2] for label in atoms.labels})
    }
    made = [
        topology.addAtom(name, Element.getBySymbol(element), residues[number])
        for number, _, name, element in atoms.labels
    ]
    for i, j in atoms.bonds:
        topology.addBond(made[i], made[j])
    return topology
