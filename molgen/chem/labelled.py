"""Molecules as the labelled graphs that graph kernels compare."""

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from molgen.chem.spelled import sanitised

Labelled = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Labels of the nodes [n]; labels of the edges [n, n], symmetric, 0 where there is none."""


def labelled_graph(mol: Chem.Mol) -> Labelled:
    """Atomic numbers [n] and whole bond orders [n, n]; an aromatic bond counts 1.

    As published evaluations draw a molecule for the NSPDK: element and int(bond order), which makes
    1 of an aromatic 1.5; charges, hydrogens and stereo play no part.
    """
    elements = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()], np.int64)
    orders = np.zeros((len(elements), len(elements)), np.int64)
    for bond in mol.GetBonds():
        i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        orders[i, j] = orders[j, i] = int(bond.GetBondTypeAsDouble())
    return elements, orders


def labelled_smiles(smiles: str) -> Labelled:
    """The labelled graph of the molecule that a SMILES spells.

    Raises:
        UsageError: it spells none.
    """
    return labelled_graph(sanitised(smiles))
