"""Hydrogen bonds and bonds to metals that a pose may have, judged by heavy atoms alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from molgen.chem.receptor import Receptor
from molgen.chem.vina_ligand import ligand_types
from molgen.chem.vina_receptor import receptor_types
from molgen.chem.vina_types import ACCEPTOR, DONOR, VinaType
from molgen.units import ANGSTROM

_NEAR_NM = 0.35  # a donor and an acceptor
_NEAR_METAL_NM = 0.28


@dataclass(frozen=True)
class Contact:
    """A donor and an acceptor that are near each other; a metal is a donor.

    Attributes:
        atom: Of the ligand, from 0.
        symbol: Its element.
        partner: Atom of the receptor, from 0.
        place: Residue, its name and the atom's, as "A:31 GLU OE1".
        distance: nm.
    """

    atom: int
    symbol: str
    partner: int
    place: str
    distance: float

    def __str__(self) -> str:
        return f"{self.symbol}{self.atom + 1}...{self.place} {self.distance / ANGSTROM:.1f}"


def polar_contacts(
    receptor: Receptor, molecule: Chem.Mol, poses: NDArray[np.float64]
) -> list[list[Contact]]:
    """Those of each pose, in the order of the ligand's atoms, the nearest partner first.

    Args:
        receptor: About the poses.
        molecule: The ligand, heavy atoms only.
        poses: [poses, atoms, 3] nm.
    """
    own, other = ligand_types(molecule), receptor_types(receptor)
    pairs = DONOR[own][:, None] & ACCEPTOR[other] | ACCEPTOR[own][:, None] & DONOR[other]
    reach = np.where(other == VinaType.MET, _NEAR_METAL_NM, _NEAR_NM)
    return [list(_contacts(receptor, molecule, pose, pairs, reach)) for pose in poses]


def _contacts(
    receptor: Receptor,
    molecule: Chem.Mol,
    pose: NDArray[np.float64],
    pairs: NDArray[np.bool_],
    reach: NDArray[np.float64],
) -> Iterator[Contact]:
    apart = np.linalg.norm(pose[:, None] - receptor.coordinates, axis=-1)
    for atom, row in enumerate(apart):
        near = np.flatnonzero(pairs[atom] & (row <= reach))
        for partner in near[np.argsort(row[near])].tolist():
            place = receptor.residue_ids[receptor.residues[partner]]
            names = receptor.residue_names[partner], receptor.atom_names[partner]
            symbol = molecule.GetAtomWithIdx(atom).GetSymbol()
            yield Contact(atom, symbol, partner, " ".join((place, *names)), float(row[partner]))
