"""Trajectories as files other programs read: xtc, dcd and pdb, through mdtraj; npz for the rest.

Positions are nm here; pdb and dcd hold Angstrom, and the writers below convert. An xtc of ten beads
or more rounds to 0.001 nm (its format); fewer beads, dcd and npz keep float32. An npz takes any
number of coordinates, and so the test systems: `positions`, `beads` (labels) and `interval_ps`.
"""

from pathlib import Path
from typing import Any

import mdtraj
import numpy as np

from molgen.arrays import read_arrays, write_arrays
from molgen.errors import MolgenError, UsageError
from molgen.files import written_whole
from molgen.md.system.beads import BeadMapping
from molgen.units import ANGSTROM

DCD_DATE = 180
"""Where 80 letters of date and stray memory begin, which would make every file another one."""

CHUNK = 10_000
"""Frames handed to a writer at once."""

SUFFIXES = (".xtc", ".dcd", ".pdb", ".npz")


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


def prepare(path: Path, dims: int) -> Path:
    """`path`, once it is certain that a trajectory of `dims` coordinates a bead can go there.

    Makes its folder if need be; for use before the work begins.

    Raises:
        UsageError: Another ending, a format for three dimensions only, or no such folder.
    """
    path = Path(path)
    _check_suffix(path)
    if dims != 3 and path.suffix != ".npz":
        raise UsageError(
            f"{path}: {path.suffix} holds molecules in three dimensions, these beads have {dims}; "
            "write .npz"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{path.parent}: cannot be made: {reason}") from error
    return path


def write_trajectory(
    path: Path, positions: np.ndarray, mapping: BeadMapping, *, interval_ps: float = 1.0
) -> list[Path]:
    """Write frames to one file, whole; an xtc or dcd gets a .pdb topology beside it.

    Args:
        path: The file; its ending chooses the format.
        positions: [frames, beads, 3] in nm; npz takes other dimensions too.
        mapping: Names, residues and bonds of the beads.
        interval_ps: Time between frames (kept by xtc and npz).

    Returns:
        The files written.

    Raises:
        UsageError: Another ending, or positions of another shape than the mapping.
        MolgenError: A frame that is not finite, or the disk refuses.
    """
    x = np.asarray(positions, dtype=np.float32)
    path = prepare(path, x.shape[-1])
    if x.ndim != 3 or x.shape[1] != len(mapping) or len(x) == 0:
        raise UsageError(
            f"{path}: positions of shape {list(x.shape)} do not fit the mapping "
            f"'{mapping.name}': need [frames, {len(mapping)}, 3] and at least one frame"
        )
    bad = ~np.isfinite(x).all(axis=(1, 2))
    if bad.any():
        raise MolgenError(f"{path}: frame {int(bad.argmax())} is not finite; nothing was written")
    if path.suffix == ".npz":
        labels = np.array([bead.label for bead in mapping.beads])
        interval = np.array(interval_ps)
        write_arrays(path, {"positions": x, "beads": labels, "interval_ps": interval})
        return [path]
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
    """Positions [frames, beads, dims] in nm, float32, of a trajectory file.

    A .pdb or .npz, and the .pdb beside an .xtc or .dcd if there is one, must name the atoms of
    `mapping`.

    Raises:
        UsageError: The file is missing, cannot be read, or holds other atoms.
    """
    path = Path(path)
    _check_suffix(path)
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    if path.suffix == ".npz":
        return _read_npz(path, mapping)
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


def _read_npz(path: Path, mapping: BeadMapping) -> np.ndarray:
    arrays = read_arrays(path)
    if not {"positions", "beads"} <= set(arrays):
        raise UsageError(f"{path}: holds no trajectory (positions and beads)")
    x, labels = arrays["positions"], arrays["beads"].tolist()
    if len(labels) != len(mapping):
        raise UsageError(f"{path}: has {len(labels)} beads, '{mapping.name}' has {len(mapping)}")
    _check_labels(path, labels, mapping)
    return np.asarray(x, dtype=np.float32)


def _check_names(path: Path, found: mdtraj.Topology, mapping: BeadMapping) -> None:
    labels = [f"{atom.residue.resSeq}:{atom.name}" for atom in found.atoms]
    _check_labels(path, labels, mapping)


def _check_labels(path: Path, labels: list[str], mapping: BeadMapping) -> None:
    for k, (label, bead) in enumerate(zip(labels, mapping.beads, strict=False)):
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
    if suffix == ".dcd":
        with open(path, "r+b") as handle:
            handle.seek(DCD_DATE)
            handle.write(b"REMARKS".ljust(80))


def _write_pdb(path: Path, x: np.ndarray, topology: mdtraj.Topology) -> None:
    """One MODEL a frame, Angstrom; mdtraj adds CONECT for bonds that residues do not imply."""
    with mdtraj.formats.PDBTrajectoryFile(str(path), "w", force_overwrite=True) as file:
        try:
            for model, frame in enumerate(x):
                file.write(frame / ANGSTROM, topology, modelIndex=model + 1 if len(x) > 1 else None)
        except ValueError as error:
            raise MolgenError(f"{path}: does not fit a PDB file: {error}") from error
