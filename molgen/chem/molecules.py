"""Molecules to labelled graphs and back, exactly: heavy atoms, formal charges, bond orders.

Hydrogens are not stored: a molecule is a graph only if every atom has the hydrogens that its bonds
and charge imply, so radicals are refused. What has no place in a graph (stereo, isotopes) is
dropped.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from molgen.chem.vocabulary import Vocabulary
from molgen.errors import UsageError

_ORDERS = {
    Chem.BondType.SINGLE: 1,
    Chem.BondType.DOUBLE: 2,
    Chem.BondType.TRIPLE: 3,
    Chem.BondType.AROMATIC: 4,
}
_TYPES = {index: bond for bond, index in _ORDERS.items()}
_AROMATIC = _ORDERS[Chem.BondType.AROMATIC]


@dataclass(frozen=True)
class MolecularGraph:
    """The heavy atoms of a molecule and the bonds between them, as indices into a `Vocabulary`.

    Attributes:
        atoms: [n] int8.
        bonds: [n, n] int8, symmetric, 0 on the diagonal and where there is no bond.
    """

    atoms: NDArray[np.int8]
    bonds: NDArray[np.int8]

    def __post_init__(self) -> None:
        count = len(self.atoms)
        if self.bonds.shape != (count, count):
            raise UsageError(f"graph: {count} atoms, but bonds of shape {self.bonds.shape}")
        if self.bonds.diagonal().any() or not (self.bonds == self.bonds.T).all():
            raise UsageError("graph: bonds must be symmetric and 0 on the diagonal")


def graph_of(mol: Chem.Mol, vocabulary: Vocabulary) -> MolecularGraph:
    """The graph of a sanitised molecule; atoms keep their order.

    Without `aromatic` in the vocabulary the molecule is kekulised. With it, aromatic bonds are a
    type of their own, except in ring systems with a hydrogen on a heteroatom (pyrrole's [nH]):
    these stay kekulised, since aromatic bonds alone would not say which atom bears it.

    Raises:
        UsageError: an atom or bond is outside the vocabulary, or an atom has other hydrogens than
            its bonds and charge imply (radicals, carbenes).
    """
    keys, bonds = typed_atoms_and_bonds(mol, aromatic=vocabulary.has_aromatic)
    atoms = [vocabulary.atom_index(*key) for key in keys]
    return MolecularGraph(np.array(atoms, np.int8), bonds)


def atoms_of(mol: Chem.Mol) -> list[Chem.Atom]:
    """Its atoms. `mol.GetAtoms()` calls Python for each: sets take a third longer to read."""
    return [mol.GetAtomWithIdx(k) for k in range(mol.GetNumAtoms())]


def bonds_of(mol: Chem.Mol) -> list[Chem.Bond]:
    """Its bonds, as `atoms_of` its atoms."""
    return [mol.GetBondWithIdx(k) for k in range(mol.GetNumBonds())]


def typed_atoms_and_bonds(
    mol: Chem.Mol, *, aromatic: bool = False
) -> tuple[list[tuple[str, int]], NDArray[np.int8]]:
    """Element and charge of each atom, and bond types [n, n]: a graph before any vocabulary.

    Raises:
        UsageError: as `graph_of`, of bonds and hydrogens.
    """
    kekulised = Chem.Mol(mol)
    Chem.Kekulize(kekulised, clearAromaticFlags=True)
    _require_usual_hydrogens(kekulised)
    keys = [(atom.GetSymbol(), atom.GetFormalCharge()) for atom in atoms_of(kekulised)]
    bonds = np.zeros((len(keys), len(keys)), np.int8)
    for bond in bonds_of(kekulised):
        i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        bonds[i, j] = bonds[j, i] = _order(bond)
    if aromatic:
        for i, j in _explicit_aromatic_bonds(mol):
            bonds[i, j] = bonds[j, i] = _AROMATIC
    return keys, bonds


def molecule_of(graph: MolecularGraph, vocabulary: Vocabulary) -> Chem.Mol:
    """The molecule that a graph draws, as it is: unsanitised, hydrogens implicit, every atom kept.

    Valences may be exceeded and parts unconnected; `Chem.SanitizeMol` or `molgen.chem.validity`
    tell.

    Raises:
        UsageError: an index is outside the vocabulary.
    """
    _require_indices(graph, vocabulary)
    mol = Chem.RWMol()
    for index in graph.atoms:
        kind = vocabulary.atoms[index]
        atom = Chem.Atom(kind.element)
        atom.SetFormalCharge(kind.charge)
        mol.AddAtom(atom)
    for i, j in np.argwhere(np.triu(graph.bonds, 1)).tolist():
        order = int(graph.bonds[i, j])
        mol.AddBond(i, j, _TYPES[order])
        if order == _AROMATIC:
            mol.GetBondBetweenAtoms(i, j).SetIsAromatic(True)
            mol.GetAtomWithIdx(i).SetIsAromatic(True)
            mol.GetAtomWithIdx(j).SetIsAromatic(True)
    return mol.GetMol()


def _require_usual_hydrogens(mol: Chem.Mol) -> None:
    """Refuse an atom with other hydrogens than its bonds and charge imply (kekulised input).

    Raises:
        UsageError: naming the first such atom.
    """
    # Only atoms written in brackets carry hydrogens of their own choice.
    special = [atom for atom in atoms_of(mol) if atom.GetNoImplicit()]
    if not special:
        return
    free = Chem.Mol(mol)
    for atom in special:
        copy = free.GetAtomWithIdx(atom.GetIdx())
        copy.SetNoImplicit(False)
        copy.SetNumExplicitHs(0)
        copy.SetNumRadicalElectrons(0)
    free.UpdatePropertyCache(strict=False)
    for atom in special:
        has, usual = atom.GetTotalNumHs(), free.GetAtomWithIdx(atom.GetIdx()).GetTotalNumHs()
        if has != usual:
            raise UsageError(
                f"unusual hydrogens: atom {atom.GetIdx()} ({atom.GetSymbol()}) has {has} where "
                f"its bonds and charge imply {usual} (a radical?)"
            )


def _order(bond: Chem.Bond) -> int:
    try:
        return _ORDERS[bond.GetBondType()]
    except KeyError:
        name = str(bond.GetBondType()).lower()
        raise UsageError(f"a {name} bond is not in the vocabulary") from None


def _explicit_aromatic_bonds(mol: Chem.Mol) -> Iterable[tuple[int, int]]:
    """Aromatic bonds of the ring systems whose hydrogens follow from the bonds alone."""
    bonds = [b for b in mol.GetBonds() if b.GetIsAromatic()]
    system = list(range(mol.GetNumAtoms()))  # atom -> name of its aromatic ring system

    def name(atom: int) -> int:
        while system[atom] != atom:
            atom = system[atom]
        return atom

    for bond in bonds:
        system[name(bond.GetBeginAtomIdx())] = name(bond.GetEndAtomIdx())
    hidden = {
        name(atom.GetIdx())
        for atom in mol.GetAtoms()
        if atom.GetIsAromatic() and atom.GetSymbol() != "C" and atom.GetTotalNumHs()
    }
    for bond in bonds:
        if name(bond.GetBeginAtomIdx()) not in hidden:
            yield bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()


def _require_indices(graph: MolecularGraph, vocabulary: Vocabulary) -> None:
    for name, values, known in (
        ("atom", graph.atoms, vocabulary.atoms),
        ("bond", graph.bonds, vocabulary.bonds),
    ):
        if values.size and (values.min() < 0 or values.max() >= len(known)):
            raise UsageError(
                f"graph: {name} types run from {values.min()} to {values.max()}, the vocabulary "
                f"has {len(known)}"
            )
