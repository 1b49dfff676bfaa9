"""What a ligand is docked into: the heavy atoms of a PDB or mmCIF file, each with its kind."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import groupby
from pathlib import Path

import gemmi
import numpy as np
from numpy.typing import NDArray

from molgen.chem.altlocs import one_location, one_residue
from molgen.chem.residues import AMINO_ACIDS, CAPS, WATERS, usual_atom, usual_name
from molgen.chem.structure_files import read_structure
from molgen.errors import UsageError

_NM = 0.1  # of an Å
_LINK_A = 2.0  # atoms of neighbours in a chain nearer than this are bonded


class Kind(IntEnum):
    """What an atom belongs to."""

    PROTEIN = 0
    NUCLEIC = 1
    COFACTOR = 2
    METAL = 3
    WATER = 4


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
    found = list(_residues(structure[0], repairs))
    dropped = sum(kind == Kind.WATER for _, _, _, kind in found)
    if dropped and not waters:
        found = [one for one in found if one[3] != Kind.WATER]
        repairs.append(f"{dropped} waters are left out")
    if not found:
        raise UsageError(f"{path}: holds no heavy atoms of a receptor")
    table = [
        (atom, name, number, kind)
        for number, (_, name, atoms, kind) in enumerate(found)
        for atom in atoms
    ]
    return Receptor(
        path.name.removesuffix(".gz").rpartition(".")[0],
        np.array([atom.pos.tolist() for atom, *_ in table]) * _NM,
        np.array([atom.element.atomic_number for atom, *_ in table], np.int64),
        tuple(atom.name for atom, *_ in table),
        tuple(name for _, name, *_ in table),
        np.array([number for _, _, number, _ in table], np.int64),
        tuple(place for place, *_ in found),
        np.array([kind for *_, kind in table], np.int64),
        tuple(repairs),
        path,
    )


_Found = tuple[str, str, list[gemmi.Atom], Kind]  # id, usual name, atoms, kind


def _residues(model: gemmi.Model, repairs: list[str]) -> Iterator[_Found]:
    """Every residue of a model with its usual names, the repairs appended."""
    seen: dict[str, int] = {}
    for chain in model:
        places = [list(group) for _, group in groupby(chain, key=lambda one: one.seqid)]
        alone = [one_residue(group) for group in places]
        for k, residue in enumerate(alone):
            place = f"{chain.name}:{residue.seqid}"
            seen[place] = seen.get(place, 0) + 1
            if seen[place] > 1:
                place = f"{place}#{seen[place]}"
                repairs.append(f"{place} {residue.name}: the number is used before in this chain")
            if len(places[k]) > 1:
                names = ", ".join(one.name for one in places[k])
                repairs.append(f"{place}: {names} share the place, {residue.name} is taken")
            before, after = (
                alone[k - 1] if k else None,
                alone[k + 1] if k + 1 < len(alone) else None,
            )
            yield from _residue(place, residue, _linked(before, residue, after), repairs)


def _residue(
    place: str, residue: gemmi.Residue, linked: bool, repairs: list[str]
) -> Iterator[_Found]:
    """The residue, unless no heavy atom is left of it."""
    where = f"{place} {residue.name}"
    atoms, label = one_location(residue)
    if unknown := [atom.name for atom in atoms if not atom.element.atomic_number]:
        repairs.append(f"{where}: of unknown element and left out: {', '.join(unknown)}")
        atoms = [atom for atom in atoms if atom.element.atomic_number]
    if not atoms:
        return
    kind = _kind(residue, atoms, linked)
    if kind != Kind.WATER and label:
        repairs.append(f"{where}: alternate location {label} is taken")
    name = residue.name
    if kind == Kind.PROTEIN:
        name = _usual_names(where, residue.name, atoms, repairs)
    yield place, name, atoms, kind


def _usual_names(where: str, name: str, atoms: list[gemmi.Atom], repairs: list[str]) -> str:
    """The usual name of an amino acid; its atoms are renamed in place."""
    usual = usual_name(name, [atom.name for atom in atoms])
    if usual != name:
        repairs.append(f"{where}: read as {usual}")
    for atom in atoms:
        if (other := usual_atom(usual, atom.name)) != atom.name:
            repairs.append(f"{where}: atom {atom.name} read as {other}")
            atom.name = other
            if other == "SD":
                atom.element = gemmi.Element("S")
    if usual not in AMINO_ACIDS:
        if usual not in CAPS:
            repairs.append(f"{where}: a modified residue, kept as it is")
        return usual
    present = {atom.name for atom in atoms}
    if missing := [one for one in AMINO_ACIDS[usual] if one not in present]:
        repairs.append(f"{where}: atoms missing in the file: {', '.join(missing)}")
    return usual


def _kind(residue: gemmi.Residue, atoms: list[gemmi.Atom], linked: bool) -> Kind:
    if residue.name in WATERS:
        return Kind.WATER
    if len(atoms) == 1 and atoms[0].element.is_metal:
        return Kind.METAL
    known, names = gemmi.find_tabulated_residue(residue.name), {atom.name for atom in atoms}
    in_chain = linked or residue.het_flag == "A"
    if usual_name(residue.name, names) in AMINO_ACIDS or known.is_amino_acid():
        # a free amino acid, such as a bound glutamate, has both oxygens and no neighbour
        return Kind.PROTEIN if in_chain or "OXT" not in names else Kind.COFACTOR
    if residue.name in CAPS or (linked and names >= {"N", "CA", "C"}):
        return Kind.PROTEIN
    if known.is_nucleic_acid() and in_chain:
        return Kind.NUCLEIC
    return Kind.COFACTOR


def _linked(
    before: gemmi.Residue | None, residue: gemmi.Residue, after: gemmi.Residue | None
) -> bool:
    """Whether a peptide or phosphodiester bond joins it to a neighbour in the chain."""
    return any(
        _near(first, second, *ends)
        for first, second in ((before, residue), (residue, after))
        for ends in (("C", "N"), ("O3'", "P"))
    )


def _near(first: gemmi.Residue | None, second: gemmi.Residue | None, a: str, b: str) -> bool:
    if first is None or second is None:
        return False
    ends = first.find_atom(a, "*"), second.find_atom(b, "*")
    return all(ends) and ends[0].pos.dist(ends[1].pos) < _LINK_A
