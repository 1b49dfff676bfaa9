"""Molecules from PDB files and OpenMM force fields: atom tables and `openmm.System`s."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from openmm import OpenMMException
from openmm import unit as u
from openmm.app import ForceField, NoCutoff, PDBFile, Topology
from torch import Tensor

from molgen.errors import UsageError
from molgen.md.system.beads import Bead, BeadMapping
from molgen.md.system.definition import ForceFieldTable, PeptideTable


@dataclass(frozen=True)
class Molecule:
    """Atoms, bonds and coordinates in OpenMM's terms.

    Attributes:
        topology: Residues, atoms and bonds.
        positions: [atoms, 3], nm.
        source: What to call it in messages: its file or name.
        folder: Where XML files of a force field may be, besides OpenMM's own.
    """

    topology: Topology
    positions: NDArray[np.float64]
    source: str
    folder: Path | None = None


def molecule_of(table: ForceFieldTable | PeptideTable, folder: Path) -> Molecule:
    """The molecule that a definition names, of a folder or of a sequence.

    Raises:
        UsageError: as `read_pdb`, or the sequence is of no peptide.
    """
    if isinstance(table, ForceFieldTable):
        return read_pdb(folder / table.pdb)
    from molgen.md.peptides.sequence import Peptide
    from molgen.md.peptides.structure import peptide_molecule

    return peptide_molecule(Peptide.parse(table.sequence), table.force_field)


def read_pdb(pdb: Path) -> Molecule:
    """The molecule of a PDB file.

    Raises:
        UsageError: the file is missing or is no PDB, or a coordinate is not a number.
    """
    file = _read_pdb(pdb)
    positions = np.array(file.getPositions(asNumpy=True).value_in_unit(u.nanometer))
    if not np.isfinite(positions).all():
        raise UsageError(f"{pdb}: a coordinate is not a number")
    return Molecule(file.topology, positions, str(pdb), Path(pdb).parent)


def atom_table(molecule: Molecule, force_field: Sequence[str]) -> tuple[BeadMapping, Tensor]:
    """Atom table with bonds, and coordinates [atoms, 3] float64 nm, centred.

    Raises:
        UsageError: the molecule does not fit the force field.
    """
    topology = molecule.topology
    _check_templates(topology, _load_force_field(force_field, molecule.folder), molecule.source)
    beads = tuple(
        Bead(
            name=atom.name,
            residue=atom.residue.name,
            residue_index=atom.residue.index + 1,
            element=atom.element.symbol,
            mass_amu=atom.element.mass.value_in_unit(u.dalton),
            atom=atom.index,
        )
        for atom in topology.atoms()
    )
    bonds = {(min(a.index, b.index), max(a.index, b.index)) for a, b in topology.bonds()}
    start = torch.tensor(molecule.positions, dtype=torch.float64)
    return BeadMapping("all", beads, tuple(sorted(bonds))), start - start.mean(0)


def openmm_system(molecule: Molecule, force_field: Sequence[str]) -> Any:
    """`openmm.System` of a molecule: no cutoff, no constraints, no centre-of-mass removal.

    Raises:
        UsageError: the molecule does not fit the force field.
    """
    topology = molecule.topology
    forces = _load_force_field(force_field, molecule.folder)
    _check_templates(topology, forces, molecule.source)
    try:
        return forces.createSystem(
            topology, nonbondedMethod=NoCutoff, constraints=None, removeCMMotion=False
        )
    except (ValueError, OpenMMException) as error:
        raise UsageError(f"{molecule.source}: {_one_line(error)}") from error


def openmm_topology(pdb: Path) -> Any:
    """`openmm.app.Topology` of a PDB file, for OpenMM's own reporters.

    Raises:
        UsageError: the file is missing or is no PDB.
    """
    return _read_pdb(pdb).topology


def _read_pdb(pdb: Path) -> PDBFile:
    if not Path(pdb).is_file():
        raise UsageError(f"{pdb}: no such PDB file")
    try:
        file = PDBFile(str(pdb))
    except Exception as error:  # OpenMM's parser raises whatever its line of code meets
        raise UsageError(f"{pdb}: cannot be read as PDB: {_one_line(error)}") from error
    if file.topology.getNumAtoms() == 0:
        raise UsageError(f"{pdb}: holds no atoms")
    for atom in file.topology.atoms():
        if atom.element is None:
            raise UsageError(f"{pdb}: atom {atom.id} ({atom.name}) has no element")
    return file


def _load_force_field(names: Sequence[str], folder: Path | None) -> ForceField:
    """The force field of OpenMM files by name, or of XML files in a folder."""
    own = [None if folder is None or not (folder / n).is_file() else folder / n for n in names]
    files = [name if path is None else str(path) for name, path in zip(names, own, strict=True)]
    try:
        return ForceField(*files) if any(own) else _shared_force_field(tuple(files))
    except Exception as error:  # XML and file errors of several kinds
        raise UsageError(f"force field {', '.join(names)}: {_one_line(error)}") from error


@cache
def _shared_force_field(files: tuple[str, ...]) -> ForceField:
    """OpenMM's own files take a second to read, and never change."""
    return ForceField(*files)


def _check_templates(topology: Topology, forces: ForceField, source: str) -> None:
    """Name the first residue whose atoms or bonds no template of the force field has."""
    for residue in forces.getUnmatchedResidues(topology):
        near = forces._templates.get(residue.name)
        where = f"{source}: residue {residue.index + 1} ({residue.name})"
        if near is None:
            raise UsageError(f"{where} matches no residue of the force field")
        found = sorted(atom.element.symbol for atom in residue.atoms())
        wanted = sorted(atom.element.symbol for atom in near.atoms if atom.element is not None)
        if found != wanted:
            raise UsageError(
                f"{where} has {len(found)} atoms ({_formula(found)}), "
                f"the force field's template {len(wanted)} ({_formula(wanted)}); "
                "add missing hydrogens or terminal caps"
            )
        raise UsageError(f"{where} has the right atoms but other bonds than the force field's")


def _formula(elements: list[str]) -> str:
    return " ".join(f"{e}{elements.count(e)}" for e in sorted(set(elements)))


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
