"""A ligand as AutoDock Vina sees it: atom types, and the bonds about which it turns.

The rules are those by which Meeko (Forli group, LGPL; its defaults, rigid macrocycles) writes the
PDBQT that Vina reads, and those by which Vina counts; no hydrogen needs to be explicit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from molgen.chem.vina_types import VinaType, element_type, hydrogen_bonding

# Nitrogens that take no hydrogen bond: pyrrole and aniline, amide, triazene, any cation.
_NO_ACCEPTOR = [
    Chem.MolFromSmarts(smarts)
    for smarts in ("[#7X3v3][a]", "[#7X3v3][#6X3v4]", "[#7X3v3][NX2]=[*]", "[#7+1]")
]
_AMIDE = Chem.MolFromSmarts("[NX3]-[CX3]=[O,N,S]")
_TERTIARY_AMIDE = Chem.MolFromSmarts("[NX3]([!#1])([!#1])-[CX3]=[O,N,S]")
_NEXT_TO_TRIPLE = Chem.MolFromSmarts("[*]-[*]#[*]")
_STRAIGHT = Chem.MolFromSmarts("[*]-[*]#[*]-[*]")


@dataclass(frozen=True)
class VinaLigand:
    """What scoring and turning a ligand needs; heavy atoms in the molecule's order.

    Attributes:
        types: [atoms], `VinaType` of each.
        bonds: [bonds, 2], atoms.
        rotors: [rotors, 2], the bonds that turn and have heavy atoms beyond both ends.
        torsions: Vina's N_rot: a rotor counts 1, one that turns hydrogens alone (OH, NH2) 1/2.
    """

    types: NDArray[np.int64]
    bonds: NDArray[np.int64]
    rotors: NDArray[np.int64]
    torsions: float


def vina_ligand(molecule: Chem.Mol) -> VinaLigand:
    """Types and rotors of a sanitised molecule of heavy atoms, hydrogens being counts."""
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds()]
    turning = _turning(molecule)
    branched = [atom.GetDegree() > 1 for atom in molecule.GetAtoms()]
    rotors = [pair for pair in turning if branched[pair[0]] and branched[pair[1]]]
    return VinaLigand(
        types=ligand_types(molecule),
        bonds=np.array(bonds, np.int64).reshape(-1, 2),
        rotors=np.array(rotors, np.int64).reshape(-1, 2),
        torsions=sum(branched[atom] / 2 for pair in turning for atom in pair),
    )


def ligand_types(molecule: Chem.Mol) -> NDArray[np.int64]:
    """`VinaType` [atoms] of a sanitised molecule of heavy atoms."""
    no_acceptor = {m[0] for smarts in _NO_ACCEPTOR for m in molecule.GetSubstructMatches(smarts)}
    types = []
    for atom in molecule.GetAtoms():
        kind = element_type(atom.GetAtomicNum())
        donor = atom.GetTotalNumHs() > 0
        if kind == VinaType.N_P:
            acceptor = atom.GetIdx() not in no_acceptor
            kind = hydrogen_bonding(kind, donor=donor, acceptor=acceptor)
        elif kind == VinaType.O_P:
            kind = hydrogen_bonding(kind, donor=donor, acceptor=True)
        elif kind == VinaType.C_H and _beside_heteroatom(atom):
            kind = VinaType.C_P
        types.append(kind)
    return np.array(types, np.int64)


def _beside_heteroatom(atom: Chem.Atom) -> bool:
    return any(other.GetAtomicNum() not in (1, 6) for other in atom.GetNeighbors())


def flat_bonds(molecule: Chem.Mol) -> set[tuple[int, int]]:
    """Atom pairs, the smaller index first, of amide bonds, which stay flat.

    Not those whose nitrogen bears two different groups: they have two flat forms.
    """
    flat = {_pair(m[0], m[1]) for m in molecule.GetSubstructMatches(_AMIDE, uniquify=False)}
    ranks = list(Chem.CanonicalRankAtoms(molecule, breakTies=False))
    for n, one, other, carbon, _ in molecule.GetSubstructMatches(_TERTIARY_AMIDE):
        if ranks[one] != ranks[other]:
            flat.discard(_pair(n, carbon))
    return flat


def _turning(molecule: Chem.Mol) -> list[tuple[int, int]]:
    """Atom pairs of the bonds that turn something: single, in no ring, and not flat.

    An alkyne turns about its triple bond, and a nitrile not at all.
    """
    rigid = flat_bonds(molecule)
    rigid |= {_pair(m[0], m[1]) for m in molecule.GetSubstructMatches(_NEXT_TO_TRIPLE)}
    straight = {_pair(m[1], m[2]) for m in molecule.GetSubstructMatches(_STRAIGHT)}
    turning = []
    for bond in molecule.GetBonds():
        begin, end = bond.GetBeginAtom(), bond.GetEndAtom()
        pair = _pair(begin.GetIdx(), end.GetIdx())
        single = bond.GetBondType() == Chem.BondType.SINGLE and pair not in rigid
        if (single or pair in straight) and not bond.IsInRing():
            if _turns(begin) and _turns(end):
                turning.append(pair)
    return turning


def _turns(atom: Chem.Atom) -> bool:
    """Whether there is something off the axis at an end of a bond: heavy atoms or polar H."""
    return atom.GetDegree() > 1 or (atom.GetTotalNumHs() > 0 and atom.GetAtomicNum() in _POLAR)


_POLAR = {7, 8, 9, 15, 16}
"""Elements whose hydrogens Vina keeps."""


def _pair(i: int, j: int) -> tuple[int, int]:
    return min(i, j), max(i, j)
