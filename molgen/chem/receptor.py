"""What a ligand is docked into: the heavy atoms of a PDB or mmCIF file, each with its kind."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molgen.chem.kinds import Kind
from molgen.chem.residue_repairs import residues_of
from molgen.chem.structure_files import read_structure
from molgen.errors import UsageError

_NM = 0.1  # of an Å
_SAME_NM = 0.1  # nearer than any bond of heavy atoms


@dataclass(frozen=True)
class Receptor:
    """Heavy atoms in the order of the file.

    Attributes:
        name: Of the file.
        coordinates: [atoms, 3] float64, nm.
        elements: [atoms] int64, atomic numbers.
        atom_names: One an atom, as in the PDB.
        residue_names: One an atom, by the usual name (HIS for HIE, MET for MSE).
        residues: [atoms] int64, the residue of each atom, from 0.
        residue_ids: One a residue: chain, number and insertion code, as "A:45B".
        kinds: [atoms] int64, `Kind`.
        repairs: One line for each thing that was changed or left out, or looks amiss.
        source: The file.
    """

    name: str
    coordinates: NDArray[np.float64]
    elements: NDArray[np.int64]
    atom_names: tuple[str, ...]
    residue_names: tuple[str, ...]
    residues: NDArray[np.int64]
    residue_ids: tuple[str, ...]
    kinds: NDArray[np.int64]
    repairs: tuple[str, ...]
    source: Path

    def __len__(self) -> int:
        return len(self.elements)

    def take(self, mask: NDArray[np.bool_]) -> "Receptor":
        """The atoms for which `mask` [atoms] holds; residues left without atoms go."""
        kept, residues = np.unique(self.residues[mask], return_inverse=True)
        chosen = np.flatnonzero(mask)
        return replace(
            self,
            coordinates=self.coordinates[mask],
            elements=self.elements[mask],
            atom_names=tuple(self.atom_names[k] for k in chosen),
            residue_names=tuple(self.residue_names[k] for k in chosen),
            residues=residues.astype(np.int64),
            residue_ids=tuple(self.residue_ids[k] for k in kept),
            kinds=self.kinds[mask],
        )


def read_receptor(path: str | Path, *, waters: bool = False) -> Receptor:
    """The receptor in a PDB or mmCIF file (first model, no hydrogens, one alternate location).

    Args:
        path: .pdb, .ent or .cif, perhaps with .gz.
        waters: Keep them, as atoms of a kind of their own.

    Raises:
        UsageError: the file cannot be read, or holds no atoms.
    """
    path = Path(path)
    structure = read_structure(path)
    repairs: list[str] = []
    if len(structure) > 1:
        repairs.append(f"{len(structure)} models: the first is taken")
    found = list(residues_of(structure[0], repairs))
    if not waters:
        if left_out := sum(len(one.atoms) for one in found if one.kind == Kind.WATER):
            repairs.append(f"waters left out: {left_out}")
        found = [one for one in found if one.kind != Kind.WATER]
    if not found:
        raise UsageError(f"{path}: holds no heavy atoms of a receptor")
    sizes = [len(residue.atoms) for residue in found]
    atoms = [atom for residue in found for atom in residue.atoms]
    return Receptor(
        path.name.removesuffix(".gz").rpartition(".")[0],
        np.array([atom.pos.tolist() for atom in atoms]) * _NM,
        np.array([atom.element.atomic_number for atom in atoms], np.int64),
        tuple(atom.name for atom in atoms),
        tuple(residue.name for residue in found for _ in residue.atoms),
        np.repeat(np.arange(len(found)), sizes),
        tuple(residue.place for residue in found),
        np.repeat(np.array([residue.kind for residue in found], np.int64), sizes),
        tuple(repairs),
        path,
    )


def without_ligand(receptor: Receptor, pose: NDArray[np.float64]) -> Receptor:
    """The receptor without the residues that lie where a ligand does, each named in `repairs`.

    A file from a crystal often holds the very ligand that is to be docked. A residue goes if at
    least half of its atoms are within 0.1 nm of an atom of the pose, nearer than any bond is long.

    Args:
        receptor: Perhaps with the ligand.
        pose: [ligand atoms, 3] nm.
    """
    near = np.zeros(len(receptor), bool)
    for position in pose:
        near |= np.linalg.norm(receptor.coordinates - position, axis=-1) < _SAME_NM
    count = len(receptor.residue_ids)
    share = np.bincount(receptor.residues, near, count) / np.bincount(receptor.residues)
    goes = share >= 0.5
    lines = [
        f"{receptor.residue_ids[k]} {receptor.residue_names[np.argmax(receptor.residues == k)]}: "
        "lies where the ligand does and is left out"
        for k in np.flatnonzero(goes)
    ]
    return replace(receptor.take(~goes[receptor.residues]), repairs=(*receptor.repairs, *lines))
