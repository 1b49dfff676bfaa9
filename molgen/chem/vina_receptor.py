"""AutoDock Vina's atom types of a receptor whose hydrogens are not in the file.

Donors and acceptors are known for the residues of proteins and nucleic acids. Both nitrogens of a
histidine may bear its hydrogen: each is a donor and an acceptor. Elsewhere (cofactors, sugars,
modified residues) they follow from the neighbours and from the lengths of the bonds to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from molgen.chem.residues import AMINO_ACIDS
from molgen.chem.vina_types import VinaType, element_type, hydrogen_bonding

if TYPE_CHECKING:
    from molgen.chem.receptor import Receptor

_P, _D, _A, _DA = (False, False), (True, False), (False, True), (True, True)
"""(donor, acceptor)"""

_NITROGENS = {
    **dict.fromkeys([("ARG", "NE"), ("ARG", "NH1"), ("ARG", "NH2"), ("LYS", "NZ")], _D),
    **dict.fromkeys([("ASN", "ND2"), ("GLN", "NE2"), ("TRP", "NE1")], _D),
    **dict.fromkeys([("HIS", "ND1"), ("HIS", "NE2")], _DA),
    ("PRO", "N"): _P,
}
_HYDROXYLS = {("SER", "OG"), ("THR", "OG1"), ("TYR", "OH"), ("HOH", "O")}
_BASES = {
    "A": {"N1": _A, "N3": _A, "N6": _D, "N7": _A, "N9": _P},
    "G": {"N1": _D, "N2": _D, "N3": _A, "N7": _A, "N9": _P},
    "C": {"N1": _P, "N3": _A, "N4": _D},
    "U": {"N1": _P, "N3": _D},
    "T": {"N1": _P, "N3": _D},
    "I": {"N1": _D, "N3": _A, "N7": _A, "N9": _P},
}

_COVALENT_NM = {5: 0.084, 6: 0.077, 7: 0.075, 8: 0.073, 9: 0.071, 14: 0.111, 15: 0.106, 16: 0.102}
_COVALENT_NM |= {17: 0.099, 34: 0.116, 35: 0.114, 53: 0.133}
_TOLERANCE = 1.1  # Vina's: atoms are bonded below 1.1 times the sum of the covalent radii
_METAL_REACH_NM = 0.26
_HYDROXYL_NM = 0.131  # C-O: a carboxylate or carbonyl is shorter, an alcohol or phenol longer
_NITRILE_NM = 0.122


def receptor_types(receptor: Receptor) -> NDArray[np.int64]:
    """`VinaType` [atoms] of a receptor of heavy atoms."""
    neighbours = _Neighbours(receptor)
    types = []
    for index, number in enumerate(receptor.elements):
        kind = element_type(int(number))
        if kind == VinaType.C_H and neighbours.heteroatoms(index):
            kind = VinaType.C_P
        elif kind in (VinaType.N_P, VinaType.O_P):
            nitrogen = kind == VinaType.N_P
            donor, acceptor = (_nitrogen if nitrogen else _oxygen)(receptor, index, neighbours)
            kind = hydrogen_bonding(kind, donor=donor, acceptor=acceptor)
        types.append(kind)
    return np.array(types, np.int64)


class _Neighbours:
    """The atoms bonded to each, by distance, and whether a metal is near."""

    def __init__(self, receptor: Receptor) -> None:
        positions, self.elements = receptor.coordinates, receptor.elements
        radius = np.array([_COVALENT_NM.get(int(number), 0.0) for number in self.elements])
        self.metal = np.array([element_type(int(n)) == VinaType.MET for n in self.elements], bool)
        self.near_metal = np.zeros(len(self.elements), bool)
        self.of: list[list[tuple[int, float]]] = [[] for _ in self.elements]
        for i, j in cKDTree(positions).query_pairs(0.3, output_type="ndarray").tolist():
            length = float(np.linalg.norm(positions[i] - positions[j]))
            if self.metal[i] or self.metal[j]:
                if length < _METAL_REACH_NM:
                    self.near_metal[[i, j]] = True
            elif length < _TOLERANCE * (radius[i] + radius[j]) and radius[i] and radius[j]:
                self.of[i].append((j, length))
                self.of[j].append((i, length))

    def heteroatoms(self, index: int) -> bool:
        return any(self.elements[other] != 6 for other, _ in self.of[index])


def _nitrogen(receptor: Receptor, index: int, neighbours: _Neighbours) -> tuple[bool, bool]:
    residue, name = receptor.residue_names[index], receptor.atom_names[index]
    if (residue, name) in _NITROGENS:
        return _NITROGENS[residue, name]
    if residue in AMINO_ACIDS:
        return _D
    base = _BASES.get(residue.removeprefix("D"), {})
    if name in base:
        return base[name]
    bonded = neighbours.of[index]
    if neighbours.near_metal[index] or len(bonded) > 2:
        return _P
    if len(bonded) < 2:
        nitrile = bool(bonded) and bonded[0][1] < _NITRILE_NM
        return _A if nitrile else _D
    own = sum(receptor.residues[other] == receptor.residues[index] for other, _ in bonded)
    if name == "N" and "CA" in _names(receptor, bonded):
        return _P if own > 1 else _D  # the backbone of a modified residue, or of a modified proline
    if any(_is_carbonyl(other, neighbours) for other, _ in bonded):
        return _D
    return _DA


def _oxygen(receptor: Receptor, index: int, neighbours: _Neighbours) -> tuple[bool, bool]:
    residue, name = receptor.residue_names[index], receptor.atom_names[index]
    if (residue, name) in _HYDROXYLS:
        return _DA
    if residue in AMINO_ACIDS:
        return _A
    bonded = neighbours.of[index]
    if not bonded:
        return _DA  # water
    other, length = bonded[0]
    alone = len(bonded) == 1 and neighbours.elements[other] == 6
    return _DA if alone and length > _HYDROXYL_NM else _A


def _is_carbonyl(index: int, neighbours: _Neighbours) -> bool:
    """Whether an atom has an oxygen on a double bond."""
    return any(
        neighbours.elements[other] == 8 and length < _HYDROXYL_NM and len(neighbours.of[other]) == 1
        for other, length in neighbours.of[index]
    )


def _names(receptor: Receptor, bonded: list[tuple[int, float]]) -> set[str]:
    return {receptor.atom_names[other] for other, _ in bonded}
