"""Trajectories as files other programs read: xtc, dcd and pdb, through mdtraj.

Positions are nm here; pdb and dcd hold Angstrom, and the writers below convert. An xtc of ten beads
or more rounds to 0.001 nm (its format); fewer beads, and dcd, keep float32.
"""

from pathlib import Path
from typing import Any

import mdtraj
import numpy as np

from molgen.errors import MolgenError, UsageError
from molgen.files import written_whole
from molgen.md.beads import BeadMapping
from molgen.units import ANGSTROM

CHUNK = 10_000
"""Frames handed to a writer at once."""

SUFFIXES = (".xtc", ".dcd", ".pdb")


def topology_of(mapping: BeadMapping) -> mdtraj.Topology:
    """The mdtraj topology of a bead mapping: one chain, its residues, atoms and bonds."""
    topology = mdtraj.Topology()
    chain = topology.add_chain()
    atoms, residues = [], {}
    for bead in mapping.beads:
        if bead.residue_index not in residues:
            residues[bead.residue_index] = topology.add_residue(
                bead.residue, chain, resSeq=bead.residue_index
            )
        try:
            element = mdtraj.element.Element.getBySymbol(bead.element)
        except KeyError:  # a bead that is no atom, such as the particle of a test system
            element = mdtraj.element.virtual
        atoms.append(topology.add_atom(bead.name, element, residues[bead.residue_index]))
    for i, j in mapping.bonds:
        topology.add_bond(atoms[i], atoms[j])
    return topology


def write_trajectory(
    path: Path, positions: np.ndarray, mapping: BeadMapping, *, interval_ps: float = 1.0
) -> list[Path]:
    """Write frames to .xtc, .dcd or .pdb, whole; an xtc or dcd gets a .pdb topology beside it.

    Args:
        path: The file; its ending chooses the format.
        positions: [frames, beads, 3] in nm.
        mapping: Names, residues and bonds of the beads.
        interval_ps: Time between frames (kept by xtc alone).

    Returns:
        The files written.

    Raises:
        UsageError: Another ending, or positions of another shape than the mapping.
        MolgenError: A frame that is not finite, or the disk refuses.
    """
    path = Path(path)
    _check_suffix(path)
    x = np.asarray(positions, dtype=np.float32)
    if x.ndim != 3 or x.shape[1:] != (len(mapping), 3) or len(x) == 0:
        raise UsageError(
            f"{path}: positions of shape {list(np.shape(positions))} do not fit the mapping "
            f"'{mapping.name}': need [frames, {len(mapping)}, 3] and at least one frame"
        )
    bad = ~np.isfinite(x).all(axis=(1, 2))
    if bad.any():
        raise MolgenError(f"{path}: frame {int(bad.argmax())} is not finite; nothing was written")
    topology = topology_of(mapping)
    with written_whole(path) as temporary:
        if path.suffix == ".pdb":
            _write_pdb(temporary, x, topology)
        else:
            _write_binary(temporary, path.suffix, x, interval_ps)
    if path.suffix == ".pdb":
        return [path]
    beside = path.with_suffix(".pdb")
    with written_whole(beside) as temporary:
        _write_pdb(temporary, x[:1], topology)
    return [path, beside]


def read_trajectory(path: Path, mapping: BeadMapping) -> np.ndarray:
    """Positions [frames, beads, 3] in nm, float32, of an .xtc, .dcd or .pdb file.

    A .pdb, and the one beside an .xtc or .dcd if there is one, must name the atoms of `mapping`.

    Raises:
        UsageError: The file is missing, cannot be read, or holds other atoms.
    """
    path = Path(path)
    _check_suffix(path)
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    names = path.with_suffix(".pdb")
    try:
        if path.suffix == ".pdb":
            with mdtraj.formats.PDBTrajectoryFile(str(path)) as file:
                x, found = file.positions * ANGSTROM, file.topology
        else:
            with _binary(path.suffix)(str(path)) as file:
                x = file.read()[0] * (ANGSTROM if path.suffix == ".dcd" else 1.0)
            found = mdtraj.load_topology(str(names)) if names.is_file() else None
    except (OSError, ValueError, RuntimeError, IndexError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
    if x.ndim != 3 or x.shape[1] != len(mapping):
        raise UsageError(
            f"{path}: has {x.shape[1]} atoms, the mapping '{mapping.name}' has {len(mapping)}; "
            "choose the mapping it was written with"
        )
    if found is not None:
        _check_names(path if path.suffix == ".pdb" else names, found, mapping)
    return np.asarray(x, dtype=np.float32)


def _check_suffix(path: Path) -> None:
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path}: unknown trajectory format; use {', '.join(SUFFIXES)}")


def _check_names(path: Path, found: mdtraj.Topology, mapping: BeadMapping) -> None:
    for k, (atom, bead) in enumerate(zip(found.atoms, mapping.beads, strict=False)):
        label = f"{atom.residue.resSeq}:{atom.name}"
        if label != bead.label:
            raise UsageError(
                f"{path}: atom {k + 1} is {label}, the mapping '{mapping.name}' has {bead.label}"
            )


def _binary(suffix: str) -> Any:
    formats = mdtraj.formats
    return formats.XTCTrajectoryFile if suffix == ".xtc" else formats.DCDTrajectoryFile


def _write_binary(path: Path, suffix: str, x: np.ndarray, interval_ps: float) -> None:
    """Every frame to an xtc (nm, with times) or a dcd (Angstrom)."""
    try:
        with _binary(suffix)(str(path), "w", force_overwrite=True) as file:
            for start in range(0, len(x), CHUNK):
                part = x[start : start + CHUNK]
                if suffix == ".xtc":
                    step = np.arange(start, start + len(part), dtype=np.int32)
                    file.write(part, time=(step * interval_ps).astype(np.float32), step=step)
                else:
                    file.write(part / np.float32(ANGSTROM))
    except RuntimeError as error:  # how the C writers report a full disk
        raise MolgenError(f"{path}: cannot be written: {error}") from error


def _write_pdb(path: Path, x: np.ndarray, topology: mdtraj.Topology) -> None:
    """One MODEL a frame, Angstrom; mdtraj adds CONECT for bonds that residues do not imply."""
    with mdtraj.formats.PDBTrajectoryFile(str(path), "w", force_overwrite=True) as file:
        try:
            for model, frame in enumerate(x):
                file.write(frame / ANGSTROM, topology, modelIndex=model + 1 if len(x) > 1 else None)
        except ValueError as error:
            raise MolgenError(f"{path}: does not fit a PDB file: {error}") from error
