"""Atoms of a ligand that are to stay where they are: those of a scaffold that lies in place."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from molgen.chem.known_pose import skeleton
from molgen.chem.ligand import Ligand, read_ligand
from molgen.chem.substructure import Pattern
from molgen.errors import UsageError

MOST_WAYS = 24
"""In which a scaffold may fit a ligand, those aside that the ligand's own symmetry makes alike."""

_MOST_MATCHES = 10_000
_FLAT_NM = 0.02  # root of the second moment off a line, above which atoms are not in a line


@dataclass(frozen=True)
class Held:
    """Some atoms of a ligand, and where they stay.

    Attributes:
        atoms: [held] int64, ascending.
        places: [ways, held, 3] nm, in the frame of the receptor's file; each way is as good.
        bonded: so many of the ligand's atoms, the last, are those of the receptor that it is bonded
            to (see `molgen.chem.covalent`).
    """

    atoms: NDArray[np.int64]
    places: NDArray[np.float64]
    bonded: int = 0


@dataclass(frozen=True)
class Part:
    """A part of ligands that lies in place.

    Attributes:
        name: for messages.
        query: that finds it.
        positions: [atoms of the query, 3] nm.
        drawn: the query is a molecule, of which bond orders and charges may be drawn otherwise in a
            ligand; else it is a pattern, meant as it is written.
    """

    name: str
    query: Chem.Mol
    positions: NDArray[np.float64]
    drawn: bool


def part_of(path: Path, pattern: Pattern | None = None) -> Part:
    """The molecule of a file, where it lies, or what a pattern finds of it.

    Args:
        path: .sdf or .mol2 of one structure in the frame of the receptor.
        pattern: which of its atoms; all of them if None.

    Raises:
        UsageError: it has no pose, or the pattern does not fit it in just one place.
    """
    ligand = read_ligand(path)
    if ligand.pose is None:
        raise UsageError(f"{path}: has no 3-D coordinates to hold anything at")
    if pattern is None:
        return Part(str(path), ligand.molecule, ligand.pose, drawn=True)
    found = ligand.molecule.GetSubstructMatches(pattern.query, maxMatches=_MOST_MATCHES)
    if len(found) != 1:
        fits = f"fits in {len(found)} places of it; write one that fits once" if found else ""
        raise UsageError(f"{path}: '{pattern.text}' {fits or 'is no part of it'}")
    name = f"{path} ({pattern.text})"
    return Part(name, pattern.query, ligand.pose[list(found[0])], drawn=False)


def held_by(part: Part, ligand: Ligand) -> list[Held]:
    """All ways in which a ligand has a part, one entry for each set of its atoms.

    Of ways that a symmetry of the ligand turns into one another there is one. Where a drawn part
    does not fit exactly, elements and neighbours decide.

    Raises:
        UsageError: it is not part of the ligand, fits in too many ways, or does not hold it.
    """
    molecule = ligand.molecule
    matches = _matches(molecule, part.query)
    if not matches and part.drawn:
        matches = _matches(skeleton(molecule), skeleton(part.query))
    if not matches:
        raise UsageError(f"{ligand.name}: {part.name} is not part of it, so nothing can be held")
    ways = _different(molecule, matches)
    if len(ways) > MOST_WAYS:
        raise UsageError(
            f"{ligand.name}: {part.name} fits in {len(ways)} ways; hold more of it, at most "
            f"{MOST_WAYS} are tried"
        )
    require_rigid(part.positions, f"{ligand.name}: {part.name}")
    places: dict[tuple[int, ...], list[NDArray[np.float64]]] = defaultdict(list)
    for way in ways:
        order = np.argsort(way)
        places[tuple(sorted(way))].append(part.positions[order])
    return [Held(np.array(atoms, np.int64), np.stack(own)) for atoms, own in places.items()]


def held_in_place(pattern: Pattern, ligand: Ligand) -> list[Held]:
    """All atoms that a pattern finds, where the ligand's own file has them.

    Raises:
        UsageError: the ligand has no pose, nothing is found, or that does not hold it.
    """
    if ligand.pose is None:
        raise UsageError(
            f"{ligand.name}: its file has no 3-D coordinates to hold '{pattern.text}' at; give "
            "those of a scaffold (--hold)"
        )
    found = _matches(ligand.molecule, pattern.query)
    atoms = np.array(sorted({atom for match in found for atom in match}), np.int64)
    if not len(atoms):
        raise UsageError(f"{ligand.name}: '{pattern.text}' is no part of it")
    require_rigid(ligand.pose[atoms], f"{ligand.name}: '{pattern.text}'")
    return [Held(atoms, ligand.pose[atoms][None])]


def require_rigid(positions: NDArray[np.float64], name: str) -> None:
    """Refuse atoms that leave a body free to turn.

    Raises:
        UsageError: there are fewer than three, or all are in a line.
    """
    if in_line(positions):
        raise UsageError(
            f"{name}: {len(positions)} atoms in a line hold nothing, as all may turn about them; "
            "hold at least three that are not"
        )


def in_line(positions: NDArray[np.float64]) -> bool:
    """Whether positions [n, 3] in nm leave a body that is fixed there free to turn."""
    if len(positions) < 3:
        return True
    spread = np.linalg.svd(positions - positions.mean(0), compute_uv=False)
    return bool(spread[1] < _FLAT_NM)


def _matches(molecule: Chem.Mol, query: Chem.Mol) -> list[tuple[int, ...]]:
    """Maps of a query's atoms to those of a molecule."""
    return list(molecule.GetSubstructMatches(query, uniquify=False, maxMatches=_MOST_MATCHES))


def _different(molecule: Chem.Mol, matches: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Those that no symmetry of the molecule turns into an earlier one."""
    symmetries = molecule.GetSubstructMatches(
        molecule, uniquify=False, useChirality=True, maxMatches=_MOST_MATCHES
    )
    seen: set[tuple[int, ...]] = set()
    different = []
    for match in matches:
        if match not in seen:
            different.append(match)
            seen.update(tuple(turn[atom] for atom in match) for turn in symmetries)
    return different
