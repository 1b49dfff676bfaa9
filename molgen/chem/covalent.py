"""A ligand bonded to an atom of the receptor, whose side chain becomes part of what is docked."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from molgen.chem.ligand import Ligand
from molgen.chem.pocket import residue_number
from molgen.chem.receptor import Receptor
from molgen.chem.substructure import Pattern
from molgen.errors import UsageError

_CARBOXYLATE = "OC(=O)C"
_TAILS = {
    ("CYS", "SG"): ("SCC", "SG CB CA"),
    ("SER", "OG"): ("OCC", "OG CB CA"),
    ("THR", "OG1"): ("OC(C)C", "OG1 CB CG2 CA"),
    ("LYS", "NZ"): ("NCC", "NZ CE CD"),
    ("TYR", "OH"): ("Oc1ccccc1", "OH CZ CE1 CD1 CG CD2 CE2"),
    ("HIS", "NE2"): ("[nH]1cncc1", "NE2 CE1 ND1 CG CD2"),
    ("HIS", "ND1"): ("[nH]1cncc1", "ND1 CE1 NE2 CD2 CG"),
    ("ASP", "OD1"): (_CARBOXYLATE, "OD1 CG OD2 CB"),
    ("ASP", "OD2"): (_CARBOXYLATE, "OD2 CG OD1 CB"),
    ("GLU", "OE1"): (_CARBOXYLATE, "OE1 CD OE2 CG"),
    ("GLU", "OE2"): (_CARBOXYLATE, "OE2 CD OE1 CG"),
}
"""By residue and atom: the end of the side chain, the atom first, and its atoms' names. All that is
within two bonds of the atom is there, so that bond angles and what does not clash are right."""


@dataclass(frozen=True)
class Tail:
    """The end of a side chain, up to the atom that a ligand is bonded to.

    Attributes:
        name: of that atom, as "A:145:SG".
        molecule: the atom first.
        rows: [atoms] int64, of the receptor.
        positions: [atoms, 3] nm.
    """

    name: str
    molecule: Chem.Mol
    rows: NDArray[np.int64]
    positions: NDArray[np.float64]

    @property
    def touching(self) -> NDArray[np.float64]:
        """Where the atom [k, 3] and those bonded to it are, which touch the ligand as bonds do."""
        others = [one.GetIdx() for one in self.molecule.GetAtomWithIdx(0).GetNeighbors()]
        return self.positions[[0, *others]]


def tail_of(receptor: Receptor, place: str) -> Tail:
    """The side chain of an atom that a ligand may be bonded to.

    Args:
        receptor: where it is.
        place: residue and atom, as "A:145:SG".

    Raises:
        UsageError: there is no such atom, it binds no ligand, or atoms beside it are missing.
    """
    residue, _, name = place.rpartition(":")
    if ":" not in residue:
        raise UsageError(f"bonded atom '{place}': write residue and atom, such as A:145:SG")
    own = np.flatnonzero(receptor.residues == residue_number(receptor, residue))
    rows = {receptor.atom_names[row]: row for row in own}
    kind = receptor.residue_names[own[0]]
    if name not in rows:
        raise UsageError(
            f"{receptor.source}: {residue} {kind} has no atom {name}; it has {', '.join(rows)}"
        )
    if (kind, name) not in _TAILS:
        known = ", ".join(" ".join(key) for key in _TAILS)
        raise UsageError(f"{place}: no ligand can be bonded to {kind} {name}; to these: {known}")
    smiles, names = _TAILS[kind, name]
    missing = [one for one in names.split() if one not in rows]
    if missing:
        raise UsageError(
            f"{receptor.source}: {residue} {kind} lacks {', '.join(missing)}, beside which a "
            "ligand would be bonded; complete the side chain"
        )
    chosen = np.array([rows[one] for one in names.split()], np.int64)
    return Tail(place, Chem.MolFromSmiles(smiles), chosen, receptor.coordinates[chosen])


def bonded_atom(ligand: Ligand, said: str) -> int:
    """The atom of a ligand, from 0, that is to be bonded.

    Args:
        ligand: as it is once bonded, with a hydrogen where the bond will be.
        said: number of a heavy atom in the ligand's file, from 1; or a SMARTS, whose first atom it
            is.

    Raises:
        UsageError: there is no such atom, there are several unlike ones, or it has no hydrogen.
    """
    molecule, count = ligand.molecule, ligand.molecule.GetNumAtoms()
    if said.strip().isdigit():
        if not 1 <= int(said) <= count:
            raise UsageError(f"{ligand.name}: no atom {said}; its heavy atoms are 1 to {count}")
        found = [int(said) - 1]
    else:
        matches = molecule.GetSubstructMatches(Pattern.of(said).query, uniquify=False)
        ranks = list(Chem.CanonicalRankAtoms(molecule, breakTies=False))
        found = list({ranks[match[0]]: match[0] for match in reversed(matches)}.values())
        if len(found) != 1:
            names = ", ".join(f"{molecule.GetAtomWithIdx(k).GetSymbol()}{k + 1}" for k in found)
            what = f"finds unlike atoms ({names}): write it so that it finds one" if found else ""
            raise UsageError(f"{ligand.name}: '{said}' {what or 'finds no atom to be bonded'}")
    atom = molecule.GetAtomWithIdx(found[0])
    if not atom.GetTotalNumHs():
        raise UsageError(
            f"{ligand.name}: {atom.GetSymbol()}{found[0] + 1} has no hydrogen that a bond could "
            "take the place of; give the ligand as it is once bonded (a double bond added to, a "
            "leaving group gone)"
        )
    return found[0]


def bonded(ligand: Ligand, atom: int, tail: Tail) -> Ligand:
    """The ligand with a tail in place of a hydrogen of an atom; its own atoms come first."""
    whole = Chem.RWMol(Chem.CombineMols(ligand.molecule, tail.molecule))
    first = ligand.molecule.GetNumAtoms()
    for end in (atom, first):
        one = whole.GetAtomWithIdx(end)
        one.SetNumExplicitHs(max(0, one.GetNumExplicitHs() - 1))
    whole.AddBond(atom, first, Chem.BondType.SINGLE)
    molecule = whole.GetMol()
    Chem.SanitizeMol(molecule)
    molecule.SetProp("_Name", ligand.name)
    symbol = ligand.molecule.GetAtomWithIdx(atom).GetSymbol()
    note = f"{symbol}{atom + 1} is bonded to {tail.name}"
    return replace(ligand, molecule=molecule, pose=None, notes=(*ligand.notes, note))
