"""The known pose of a ligand, from a file that may list its atoms in another order."""

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from molgen.chem.ligand import Ligand
from molgen.errors import UsageError


def known_pose(ligand: Ligand, reference: Ligand) -> NDArray[np.float64]:
    """The pose of `reference` with the atoms in the order of `ligand`: [atoms, 3] nm.

    Where the two are drawn differently (bond orders, charges), elements and neighbours decide;
    which of several symmetric orders it is makes no difference to `symmetric_rmsd`.

    Raises:
        UsageError: it has no pose, or is of another molecule.
    """
    if reference.pose is None:
        raise UsageError(f"reference {reference.name}: has no 3-D coordinates")
    wanted, other = ligand.molecule, reference.molecule
    order: tuple[int, ...] = ()
    if wanted.GetNumAtoms() == other.GetNumAtoms() and wanted.GetNumBonds() == other.GetNumBonds():
        order = other.GetSubstructMatch(wanted) or skeleton(other).GetSubstructMatch(
            skeleton(wanted)
        )
    if not order:
        raise UsageError(
            f"reference {reference.name}: is another molecule "
            f"({Chem.MolToSmiles(other)}, not {Chem.MolToSmiles(wanted)})"
        )
    return np.asarray(reference.pose[list(order)], np.float64)


def skeleton(molecule: Chem.Mol) -> Chem.Mol:
    """A molecule as elements and neighbours alone: what finds another that is drawn otherwise."""
    bare = Chem.RWMol()
    for atom in molecule.GetAtoms():
        bare.AddAtom(Chem.Atom(atom.GetAtomicNum()))
    for bond in molecule.GetBonds():
        bare.AddBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), Chem.BondType.SINGLE)
    return bare.GetMol()
