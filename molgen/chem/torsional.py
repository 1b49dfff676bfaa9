"""The bonds about which a ligand turns: where it is cut into rigid fragments."""

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem


def torsional_bonds(molecule: Chem.Mol) -> NDArray[np.int64]:
    """Atom pairs [m, 2] of the bonds with a torsion angle: single, in no ring, heavy atoms beyond.

    The non-ring torsions of torsion fingerprints (Schulz-Gasch et al. 2012): conjugated bonds
    (amides, biaryls) are among them. About a triple bond there is no torsion angle of four
    consecutive atoms, yet what it joins does turn: of such a straight run the first single bond
    stands for the whole.
    """
    pairs = []
    for bond in molecule.GetBonds():
        if bond.GetBondType() != Chem.BondType.SINGLE or bond.IsInRing():
            continue
        begin, end = bond.GetBeginAtom(), bond.GetEndAtom()
        near, far = _turning_end(begin, end), _turning_end(end, begin)
        if near is None or far is None:
            continue
        bent = (near == begin.GetIdx()) + (far == end.GetIdx())
        if bent == 2 or (bent == 1 and min(near, far) in (begin.GetIdx(), end.GetIdx())):
            pairs.append((begin.GetIdx(), end.GetIdx()))
    return np.array(pairs, np.int64).reshape(-1, 2)


def _turning_end(atom: Chem.Atom, before: Chem.Atom) -> int | None:
    """The first atom, going on from `before` through straight ones, that has others beyond it."""
    beyond = _heavy(atom, before)
    while beyond and _straight(atom):
        if len(beyond) > 1:
            return None  # no run of a triple bond has branches
        before, atom = atom, beyond[0]
        beyond = _heavy(atom, before)
    return atom.GetIdx() if beyond else None


def _heavy(atom: Chem.Atom, besides: Chem.Atom) -> list[Chem.Atom]:
    """Its neighbours that are no hydrogens, without one of them."""
    return [
        other
        for other in atom.GetNeighbors()
        if other.GetAtomicNum() > 1 and other.GetIdx() != besides.GetIdx()
    ]


def _straight(atom: Chem.Atom) -> bool:
    """Whether it lies on the line of its two neighbours."""
    return any(bond.GetBondType() == Chem.BondType.TRIPLE for bond in atom.GetBonds())
