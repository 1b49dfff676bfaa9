"""Parts of molecules: scaffolds that sampling keeps, patterns that it keeps out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase

from molgen.chem.molecules import MolecularGraph, typed_atoms_and_bonds
from molgen.chem.vocabulary import Vocabulary
from molgen.errors import UsageError

_ANY = ("*", 0)  # an attachment point, as a typed atom
_BONDS = {
    # Of the Kekulé structure; what grows from a scaffold may make its bonds aromatic, or (a bridge
    # across a benzene ring) no longer so.
    Chem.BondType.SINGLE: "-,:",
    Chem.BondType.DOUBLE: "=,:",
    Chem.BondType.TRIPLE: "#",
}


@dataclass(frozen=True)
class Scaffold:
    """A structure that every molecule drawn with it contains.

    Attributes:
        text: The SMILES it was written as.
        graph: Its atoms and bonds, without attachment points: what inpainting holds fixed.
        open: [n] bool, the atoms that further atoms may be bonded to.
        pattern: Query that finds it: same elements, charges and bonds, and on atoms that are not
            open no further neighbours.
    """

    text: str
    graph: MolecularGraph
    open: NDArray[np.bool_]
    pattern: Chem.Mol

    def __len__(self) -> int:
        return len(self.graph.atoms)

    def match(self, mol: Chem.Mol) -> tuple[int, ...] | None:
        """Where it is in a sanitised molecule, atom by atom; None if it is not."""
        return tuple(mol.GetSubstructMatch(self.pattern)) or None

    def require_room(self, size: int) -> None:
        """Refuse a size in which it cannot be embedded.

        Raises:
            UsageError: fewer atoms than it has, or more although it is closed.
        """
        if size < len(self):
            raise UsageError(
                f"scaffold '{self.text}' has {len(self)} heavy atoms: it does not fit into a "
                f"molecule of {size}"
            )
        if size > len(self) and not self.open.any():
            raise UsageError(
                f"scaffold '{self.text}' has no atom that could bear another bond, so no molecule "
                f"of {size} atoms grows from its {len(self)}"
            )


def scaffold_of(text: str, vocabulary: Vocabulary) -> Scaffold:
    """The scaffold that a SMILES draws.

    Attachment points are written `*`, as in `c1ccc(*)cc1` or `c1ccc([*:1])cc1`: the molecule may
    grow there only. Without any it may grow wherever there is a hydrogen. Several parts
    (`c1ccccc1.C1CCNC1`) are all kept, to be linked.

    Raises:
        UsageError: no SMILES of one structure, or atoms or bonds outside the vocabulary.
    """
    mol = _parsed(text)
    try:
        keys, bonds = typed_atoms_and_bonds(mol, aromatic=vocabulary.has_aromatic)
        kept = np.array([key != _ANY for key in keys], bool)
        if not kept.any():
            raise UsageError("it has no atoms")
        atoms = [vocabulary.atom_index(*key) for key in keys if key != _ANY]
    except UsageError as error:
        raise UsageError(f"scaffold '{text}': {error}") from None
    if kept.all():
        opened = np.array([atom.GetTotalNumHs() > 0 for atom in mol.GetAtoms()], bool)
    else:
        opened = (bonds[np.ix_(kept, ~kept)] > 0).any(axis=1)
    graph = MolecularGraph(np.array(atoms, np.int8), bonds[np.ix_(kept, kept)])
    return Scaffold(text, graph, opened, _pattern(mol, kept, opened))


@dataclass(frozen=True)
class Pattern:
    """A SMARTS pattern."""

    text: str
    query: Chem.Mol

    @classmethod
    def of(cls, text: str) -> "Pattern":
        """The pattern that a SMARTS spells.

        Raises:
            UsageError: it spells none.
        """
        with rdBase.BlockLogs():
            query = Chem.MolFromSmarts(text) if text.strip() else None
        if query is None or query.GetNumAtoms() == 0:
            raise UsageError(f"'{text}' is not a SMARTS pattern")
        return cls(text, query)


def patterns_in(mol: Chem.Mol, patterns: Sequence[Pattern]) -> list[Pattern]:
    """Those of the patterns that a sanitised molecule matches."""
    return [pattern for pattern in patterns if mol.HasSubstructMatch(pattern.query)]


def _parsed(text: str) -> Chem.Mol:
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(text)
        pattern = Chem.MolFromSmarts(text) if mol is None else None
    if mol is None and pattern is not None and Chem.MolFromSmiles(text, sanitize=False) is None:
        raise UsageError(
            f"scaffold '{text}' is a pattern of several structures; write one as SMILES, with * "
            "where it may grow"
        )
    if mol is None:
        raise UsageError(f"scaffold '{text}' cannot be read as SMILES")
    Chem.RemoveStereochemistry(mol)
    return mol


def _pattern(mol: Chem.Mol, kept: NDArray[np.bool_], opened: NDArray[np.bool_]) -> Chem.Mol:
    Chem.Kekulize(mol, clearAromaticFlags=True)
    query = Chem.RWMol()
    place = np.cumsum(kept) - 1
    for atom in mol.GetAtoms():
        k = atom.GetIdx()
        if kept[k]:
            closed = "" if opened[place[k]] else f";D{atom.GetDegree()}"
            query.AddAtom(
                Chem.AtomFromSmarts(f"[#{atom.GetAtomicNum()};{atom.GetFormalCharge():+d}{closed}]")
            )
    for bond in mol.GetBonds():
        i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        if kept[i] and kept[j]:
            query.AddBond(int(place[i]), int(place[j]))
            query.ReplaceBond(
                query.GetNumBonds() - 1, Chem.BondFromSmarts(_BONDS[bond.GetBondType()])
            )
    return query.GetMol()
