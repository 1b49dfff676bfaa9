"""Peptides as molecules: every atom of an extended conformer, named as in PDB files."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdMolTransforms

from molgen.chem.conformers import embed

_CHARGED = {"LYS": "NZ", "ARG": "NH1", "ASP": "OD2", "GLU": "OE2"}
_PDB_NAMES = {
    ("ACE", "CA"): "CH3",
    ("NME", "CA"): "C",
    # RDKit's sequences name these two the other way round
    ("ILE", "CG1"): "CG2",
    ("ILE", "CG2"): "CG1",
}
_METHYLS = {"VAL": ("N", "CA", "CB", "CG1", "CG2"), "LEU": ("CA", "CB", "CG", "CD1", "CD2")}
"""Where two methyls are alike, the pro-R is the first: the second lies 120 degrees onwards."""
_EXTENDED = {"phi": -135.0, "psi": 135.0, "omega": 180.0}  # degrees
SEED = 1


@dataclass(frozen=True)
class PeptideAtoms:
    """Every atom of a peptide, each heavy atom followed by its hydrogens.

    Attributes:
        labels: Of each atom: residue from 0, its name (ALA, ACE, ...), the atom's name in PDB
            files, its element.
        positions: [atoms, 3], nm.
        bonds: Pairs of atoms.
    """

    labels: tuple[tuple[int, str, str, str], ...]
    positions: NDArray[np.float64]
    bonds: tuple[tuple[int, int], ...]


def extended_peptide(letters: str, acetyl: bool, amide: bool) -> PeptideAtoms:
    """An extended conformer (ETKDG, a fixed seed) of L-amino acids at pH 7, as `Peptide` says.

    Caps are made of a glycine more at that end, of which CH3 (its CA), C and O, or N and CH3 (its
    CA, named C) stay.

    Args:
        letters: One letter a residue.
        acetyl: Whether the first residue has ACE before it.
        amide: Whether the last residue has NME after it.

    Raises:
        MolgenError: no conformer was found.
    """
    chain = f"{'G' * acetyl}{letters}{'G' * amide}"
    molecule = Chem.RWMol(Chem.MolFromSequence(chain))
    last = len(chain) - 1
    caps = {**({0: "ACE"} if acetyl else {}), **({last: "NME"} if amide else {})}
    dropped = {"ACE": ("N",), "NME": ("C", "O", "OXT")}
    for atom in reversed(list(molecule.GetAtoms())):
        residue, name = _key(atom)
        if residue in caps and name in dropped[caps[residue]]:
            molecule.RemoveAtom(atom.GetIdx())
    _protonate(molecule, acetyl)
    full = Chem.AddHs(molecule)
    embed(full, SEED)
    _extend(full, len(chain))
    return _table(full, caps)


def _key(atom: Chem.Atom) -> tuple[int, str]:
    info = atom.GetPDBResidueInfo()
    return info.GetResidueNumber() - 1, info.GetName().strip()


def _protonate(molecule: Chem.RWMol, acetyl: bool) -> None:
    """Charges at pH 7, and the hydrogen of histidine at NE2; RDKit's sequences come neutral."""
    for atom in molecule.GetAtoms():
        residue, name = _key(atom)
        charged = _CHARGED.get(atom.GetPDBResidueInfo().GetResidueName())
        first = residue == 0 and name == "N" and not acetyl
        if name == "OXT" or (name == charged and atom.GetSymbol() == "O"):
            atom.SetFormalCharge(-1)
        elif first or name == charged:
            atom.SetFormalCharge(1)
        if atom.GetPDBResidueInfo().GetResidueName() == "HIS" and name in ("ND1", "NE2"):
            atom.SetNumExplicitHs(int(name == "NE2"))
    Chem.SanitizeMol(molecule)


def _extend(molecule: Chem.Mol, residues: int) -> None:
    """Turn every backbone dihedral to the extended one; proline's phi is in its ring."""
    at = {_key(atom): atom.GetIdx() for atom in molecule.GetAtoms() if atom.GetPDBResidueInfo()}
    rings, conformer = molecule.GetRingInfo(), molecule.GetConformer()
    for residue in range(residues):
        phi = ((residue - 1, "C"), (residue, "N"), (residue, "CA"), (residue, "C"))
        psi = ((residue, "N"), (residue, "CA"), (residue, "C"), (residue + 1, "N"))
        omega = ((residue, "CA"), (residue, "C"), (residue + 1, "N"), (residue + 1, "CA"))
        for name, labels in (("phi", phi), ("psi", psi), ("omega", omega)):
            if all(label in at for label in labels):
                i, j, k, m = (at[label] for label in labels)
                if not rings.NumBondRings(molecule.GetBondBetweenAtoms(j, k).GetIdx()):
                    rdMolTransforms.SetDihedralDeg(conformer, i, j, k, m, _EXTENDED[name])


def _table(molecule: Chem.Mol, caps: dict[int, str]) -> PeptideAtoms:
    swapped = _swapped_methyls(molecule)
    order: list[int] = []
    labels: list[tuple[int, str, str, str]] = []
    for atom in molecule.GetAtoms():
        if atom.GetAtomicNum() == 1:
            continue
        residue, name = _key(atom)
        residue_name = caps.get(residue, atom.GetPDBResidueInfo().GetResidueName())
        name = swapped.get((residue, name), _PDB_NAMES.get((residue_name, name), name))
        hydrogens = [n.GetIdx() for n in atom.GetNeighbors() if n.GetAtomicNum() == 1]
        order += [atom.GetIdx(), *hydrogens]
        labels.append((residue, residue_name, name, atom.GetSymbol()))
        for hydrogen in _hydrogen_names(residue_name, name, len(hydrogens)):
            labels.append((residue, residue_name, hydrogen, "H"))
    place = {index: position for position, index in enumerate(order)}
    bonds = [(place[b.GetBeginAtomIdx()], place[b.GetEndAtomIdx()]) for b in molecule.GetBonds()]
    x = molecule.GetConformer().GetPositions()[order] / 10  # Angstrom
    return PeptideAtoms(tuple(labels), x, tuple(sorted((min(b), max(b)) for b in bonds)))


def _swapped_methyls(molecule: Chem.Mol) -> dict[tuple[int, str], str]:
    """Other names for methyls that came out in the wrong order: (residue, name) -> name."""
    heavy = [atom for atom in molecule.GetAtoms() if atom.GetAtomicNum() > 1]
    at = {_key(atom): atom.GetIdx() for atom in heavy}
    kinds = {_key(atom)[0]: atom.GetPDBResidueInfo().GetResidueName() for atom in heavy}
    names: dict[tuple[int, str], str] = {}
    for residue, kind in kinds.items():
        if kind in _METHYLS:
            *chain, first, second = _METHYLS[kind]
            one, other = (
                rdMolTransforms.GetDihedralRad(
                    molecule.GetConformer(), *(at[residue, n] for n in (*chain, end))
                )
                for end in (first, second)
            )
            if math.sin(other - one) < 0:
                names |= {(residue, first): second, (residue, second): first}
    return names


def _hydrogen_names(residue: str, parent: str, count: int) -> list[str]:
    """Names of the hydrogens of a heavy atom, as PDB files have them."""
    if residue in ("ACE", "NME") and count == 3:
        return ["H1", "H2", "H3"]
    base = f"H{parent[1:]}"
    if count < 2:
        return [base] * count
    first = 2 if count == 2 and (parent.startswith("C") or parent == "N") else 1
    return [f"{base}{number}" for number in range(first, first + count)]
