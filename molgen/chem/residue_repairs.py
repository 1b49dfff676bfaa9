"""Residues of a model by their usual names, each change and each lack said in a line."""

from collections.abc import Iterator
from dataclasses import dataclass

import gemmi

from molgen.chem.altlocs import one_location, one_residue, places
from molgen.chem.kinds import Kind, kind_of, linked
from molgen.chem.residues import AMINO_ACIDS, CAPS, usual_atom, usual_name


@dataclass(frozen=True)
class Residue:
    """The heavy atoms of a residue, each once.

    Attributes:
        place: Chain, number and insertion code, as "A:45B"; no two residues share it.
        name: The usual one.
        kind: Protein, cofactor, ...
        atoms: As gemmi reads them, with their usual names.
    """

    place: str
    name: str
    kind: Kind
    atoms: list[gemmi.Atom]


def residues_of(model: gemmi.Model, repairs: list[str]) -> Iterator[Residue]:
    """The residues of a model that have heavy atoms; lines are appended to `repairs`."""
    seen: dict[str, int] = {}
    for chain in model:
        alternatives = places(chain)
        row = [one_residue(group) for group in alternatives]
        for before, group, residue, after in zip(
            [None, *row], alternatives, row, [*row[1:], None], strict=False
        ):
            place = f"{chain.name}:{residue.seqid}"
            seen[place] = seen.get(place, 0) + 1
            if seen[place] > 1:
                place = f"{place}#{seen[place]}"
                repairs.append(f"{place} {residue.name}: bears the number of an earlier residue")
            if len(group) > 1:
                names = ", ".join(one.name for one in group)
                repairs.append(f"{place}: {names} share the place; {residue.name} is taken")
            found = _residue(place, residue, linked(before, residue, after), repairs)
            if found.atoms:
                yield found


def _residue(place: str, residue: gemmi.Residue, in_chain: bool, repairs: list[str]) -> Residue:
    where = f"{place} {residue.name}"
    atoms, label = one_location(residue)
    kind = kind_of(residue, atoms, linked=in_chain)
    if label and kind != Kind.WATER:
        repairs.append(f"{where}: alternate location {label} is taken")
    name = residue.name
    if kind == Kind.PROTEIN:
        name = usual_name(name, [atom.name for atom in atoms])
        if name != residue.name:
            repairs.append(f"{where}: read as {name}")
        if name in AMINO_ACIDS:
            atoms = _amino_acid(where, name, atoms, repairs)
        elif name not in CAPS:
            repairs.append(f"{where}: a modified residue, kept as it is")
    if unknown := [atom.name for atom in atoms if not atom.element.atomic_number]:
        repairs.append(f"{where}: of unknown element and left out: {', '.join(unknown)}")
    return Residue(place, name, kind, [atom for atom in atoms if atom.element.atomic_number])


def _amino_acid(
    where: str, name: str, atoms: list[gemmi.Atom], repairs: list[str]
) -> list[gemmi.Atom]:
    """The atoms of one of the twenty, by their usual names and with the elements these say."""
    kept: dict[str, gemmi.Atom] = {}
    for atom in atoms:
        if (usual := usual_atom(name, atom.name)) != atom.name:
            repairs.append(f"{where}: atom {atom.name} read as {usual}")
            atom.name = usual
        if atom.name.lstrip("0123456789").startswith(("H", "D")):
            continue  # a hydrogen that stands where metals do, such as HG of serine
        if atom.name in kept:
            repairs.append(f"{where}: atom {atom.name} is given twice; the first is taken")
            continue
        kept[atom.name] = atom
        if atom.name in AMINO_ACIDS[name] and atom.element.name != atom.name[0]:
            repairs.append(f"{where}: atom {atom.name} is {atom.name[0]}, not {atom.element.name}")
            atom.element = gemmi.Element(atom.name[0])
    if missing := [atom for atom in AMINO_ACIDS[name] if atom not in kept]:
        repairs.append(f"{where}: atoms missing in the file: {', '.join(missing)}")
    return list(kept.values())
