"""Atoms and bonds as small whole numbers, for networks that embed them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from molgen.chem.receptor import Kind, Receptor
from molgen.chem.residues import AMINO_ACIDS
from molgen.chem.vina_ligand import ligand_types
from molgen.chem.vina_receptor import receptor_types
from molgen.chem.vina_types import VinaType

_RESIDUES = {name: k for k, name in enumerate(sorted(AMINO_ACIDS))}
_NAMES = {
    name: k + 1
    for k, name in enumerate(sorted({atom for atoms in AMINO_ACIDS.values() for atom in atoms}))
}
_HYBRIDS = {
    Chem.HybridizationType.SP: 0,
    Chem.HybridizationType.SP2: 1,
    Chem.HybridizationType.SP3: 2,
}
_BONDS = {
    Chem.BondType.SINGLE: 1,
    Chem.BondType.DOUBLE: 2,
    Chem.BondType.TRIPLE: 3,
    Chem.BondType.AROMATIC: 4,
}

POCKET_SIZES = (len(VinaType), len(_RESIDUES) + len(Kind), len(_NAMES) + 1)
"""Values of each feature of a pocket's atom: X-Score type, residue or kind, name in the residue."""
LIGAND_SIZES = (len(VinaType), 5, 5, 3, 2, 5)
"""Of a ligand's atom: X-Score type, shape, hydrogens, sign of the charge, in a ring, neighbours."""
BOND_KINDS = len(_BONDS)
"""Kinds of bonds, from 1: single, double, triple, aromatic."""
VOCABULARY = {"pocket": POCKET_SIZES, "ligand": LIGAND_SIZES, "bonds": BOND_KINDS}
"""The same as files of complexes tell it."""


def pocket_features(receptor: Receptor) -> NDArray[np.int64]:
    """Features of a receptor's atoms, `[atoms, 3]`; see `POCKET_SIZES`."""
    residue = [
        _RESIDUES.get(name, len(_RESIDUES) + int(kind))
        if kind == Kind.PROTEIN
        else len(_RESIDUES) + int(kind)
        for name, kind in zip(receptor.residue_names, receptor.kinds, strict=True)
    ]
    names = [
        _NAMES.get(name, 0) if kind == Kind.PROTEIN else 0
        for name, kind in zip(receptor.atom_names, receptor.kinds, strict=True)
    ]
    return np.stack([receptor_types(receptor), np.array(residue), np.array(names)], axis=-1)


def ligand_features(molecule: Chem.Mol) -> NDArray[np.int64]:
    """Features of a ligand's heavy atoms, `[atoms, 6]`; see `LIGAND_SIZES`."""
    own = [
        (
            3 if atom.GetIsAromatic() else _HYBRIDS.get(atom.GetHybridization(), 4),
            min(atom.GetTotalNumHs(), 4),
            int(np.sign(atom.GetFormalCharge())) + 1,
            int(atom.IsInRing()),
            min(atom.GetDegree(), 4),
        )
        for atom in molecule.GetAtoms()
    ]
    return np.concatenate([ligand_types(molecule)[:, None], np.array(own, np.int64)], axis=1)


def bond_features(molecule: Chem.Mol) -> NDArray[np.int64]:
    """Kind of the bond of two atoms, 0 for none: `[atoms, atoms]`; kinds not named are single."""
    count = molecule.GetNumAtoms()
    kinds = np.zeros((count, count), np.int64)
    for bond in molecule.GetBonds():
        i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        kinds[i, j] = kinds[j, i] = _BONDS.get(bond.GetBondType(), 1)
    return kinds
