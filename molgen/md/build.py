"""Molecules from PDB files and OpenMM force fields: atom tables and `openmm.System`s."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from openmm import OpenMMException
from openmm import unit as u
from openmm.app import ForceField, NoCutoff, PDBFile, Topology
from torch import Tensor

from molgen.errors import UsageError
from molgen.md.beads import Bead, BeadMapping


def read_molecule(pdb: Path, force_field: Sequence[str]) -> tuple[BeadMapping, Tensor]:
    """Atom table with bonds, and coordinates [atoms, 3] float64 nm, of a PDB file.

    Raises:
        UsageError: the file is missing, is no PDB, or does not fit the force field.
    """
    file = _read_pdb(pdb)
    topology = file.topology
    _check_templates(topology, _load_force_field(force_field, pdb), pdb)
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
    positions = file.getPositions(asNumpy=True).value_in_unit(u.nanometer)
    start = torch.tensor(positions, dtype=torch.float64)
    if not torch.isfinite(start).all():
        raise UsageError(f"{pdb}: a coordinate is not a number")
    return BeadMapping("all", beads, tuple(sorted(bonds))), start - start.mean(0)


def openmm_system(pdb: Path, force_field: Sequence[str]) -> Any:
    """`openmm.System` of a PDB file: no cutoff, no constraints, no centre-of-mass removal.

    Raises:
        UsageError: the file is missing, is no PDB, or does not fit the force field.
    """
    topology = _read_pdb(pdb).topology
    forces = _load_force_field(force_field, pdb)
    _check_templates(topology, forces, pdb)
    try:
        return forces.createSystem(
            topology, nonbondedMethod=NoCutoff, constraints=None, removeCMMotion=False
        )
    except (ValueError, OpenMMException) as error:
        raise UsageError(f"{pdb}: {_one_line(error)}") from error


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


def _load_force_field(names: Sequence[str], pdb: Path) -> ForceField:
    """The force field of OpenMM files by name, or of XML files beside the PDB."""
    local = [str(pdb.parent / name) if (pdb.parent / name).is_file() else name for name in names]
    try:
        return ForceField(*local)
    except Exception as error:  # XML and file errors of several kinds
        raise UsageError(f"force field {', '.join(names)}: {_one_line(error)}") from error


def _check_templates(topology: Topology, forces: ForceField, pdb: Path) -> None:
    """Name the first residue whose atoms or bonds no template of the force field has."""
    for residue in forces.getUnmatchedResidues(topology):
        near = forces._templates.get(residue.name)
        where = f"{pdb}: residue {residue.index + 1} ({residue.name})"
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
