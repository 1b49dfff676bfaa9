"""A tree of internal coordinates that places every atom of a molecule after its beads.

    atom d:  distance |d - c|,  angle (d, c, b),  dihedral (d, c, b, a)

where a, b, c were placed before. c is bonded to d. Where d closes a ring, a is its other neighbour;
where c has two placed neighbours b and a, the dihedral is between siblings: both are nearly fixed.
Elsewhere a is bonded to b, and the dihedral is that of a rotor about the bond c - b.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from molgen.errors import UsageError
from molgen.md.system.beads import BeadMapping

FEWEST = 3
"""Beads that the first dihedral needs."""


@dataclass(frozen=True)
class Row:
    """One placed atom, by numbers in the full topology.

    Attributes:
        atom: the one that is placed.
        centre: its distance is from; bonded to it.
        arm: its angle is to, about the centre.
        plane: its dihedral is to, about the axis from the centre to the arm.
        rotor: whether the dihedral turns about a bond, and no sibling and no ring fixes it.
        ring: whether the bonds to the centre and on to the arm are parts of rings.
    """

    atom: int
    centre: int
    arm: int
    plane: int
    rotor: bool
    ring: bool

    @property
    def quadruple(self) -> tuple[int, int, int, int]:
        """The atoms of the dihedral, the placed one first."""
        return self.atom, self.centre, self.arm, self.plane


def zmatrix(atoms: BeadMapping, beads: Sequence[int]) -> tuple[Row, ...]:
    """Rows of all atoms that are no beads, in the order in which they are placed.

    Heavy atoms come first, so that hydrogens find their siblings; those next to two placed
    neighbours before rotors.

    Args:
        atoms: of the whole molecule, with bonds.
        beads: atoms whose places are given.

    Raises:
        UsageError: there are fewer than three beads, or bonds do not reach an atom.
    """
    if len(beads) < FEWEST:
        raise UsageError(
            f"{len(beads)} beads do not say where the other atoms are: {FEWEST} are needed"
        )
    around = atoms.neighbours
    order = {atom: number for number, atom in enumerate(beads)}
    light = [bead.element == "H" for bead in atoms.beads]
    rows: list[Row] = []
    missing = set(range(len(atoms))) - set(order)
    while missing:
        found = [
            (light[atom], kind, order[centre], atom, centre, arm, plane)
            for atom in missing
            for centre in around[atom]
            if centre in order
            for kind, arm, plane in [_frame(around, order, atom, centre)]
        ]
        if not found:
            lost = atoms.beads[min(missing)]
            raise UsageError(f"atom {lost.label} ({lost.residue}) is not bonded to any bead")
        _, kind, _, atom, centre, arm, plane = min(found)
        ring = _in_ring(around, atom, centre) and _in_ring(around, centre, arm)
        rows.append(Row(atom, centre, arm, plane, kind > 1, ring))
        order[atom] = len(order)
        missing.remove(atom)
    return tuple(rows)


def _frame(
    around: Sequence[Sequence[int]], order: dict[int, int], atom: int, centre: int
) -> tuple[int, int, int]:
    """Kind, arm and plane of an atom, the earliest placed.

    The kinds are 0, it closes a ring; 1, a sibling; 2, a rotor; 3, nothing is bonded as wanted.
    """
    arms = [k for k in _earliest(around[centre], order) if k != atom]
    closing = [k for k in _earliest(around[atom], order) if k not in (centre, *arms)]
    if arms and closing:
        return 0, arms[0], closing[0]
    if len(arms) > 1:
        return 1, arms[0], arms[1]
    for arm in arms:
        planes = [k for k in _earliest(around[arm], order) if k != centre]
        if planes:
            return 2, arm, planes[0]
    near = (k for k in (*_nearest(around, centre), *order) if k in order and k != centre)
    first, second, *_ = dict.fromkeys(near)
    return 3, first, second


def _earliest(atoms: Sequence[int], order: dict[int, int]) -> list[int]:
    """Those that are placed, by when."""
    return sorted((k for k in atoms if k in order), key=lambda k: order[k])


def _nearest(around: Sequence[Sequence[int]], start: int) -> list[int]:
    """The other atoms by the number of bonds to them."""
    seen = [start]
    for atom in seen:
        seen += [k for k in around[atom] if k not in seen]
    return seen[1:]


def _in_ring(around: Sequence[Sequence[int]], atom: int, centre: int) -> bool:
    """Whether the bond of two atoms is part of a ring: they are joined without it, too."""
    seen = [atom]
    for here in seen:
        for k in around[here]:
            if k not in seen and {here, k} != {atom, centre}:
                seen.append(k)
    return centre in seen
