"""Whether two structures have the same pocket, and how one is laid upon the other."""

from __future__ import annotations

from dataclasses import dataclass

import gemmi
import numpy as np
from numpy.typing import NDArray

from molgen.chem.kinds import Kind
from molgen.chem.pocket import Pocket
from molgen.chem.superposition import superpose

IDENTITY = 0.9
"""Share of the residues that lie upon one another that are the same, from which on pockets are of
one protein: crystal forms and a few mutations are, most relatives (kinases: 0.7) are not."""

FEWEST = 20
"""Residues that lie upon one another."""

_ALIGNED = 0.5  # share of the smaller pocket's residues that align; of unrelated ones 0.3 do
_UPON_NM = 0.15  # between CA atoms of residues that lie upon one another
_ROUNDS = 5  # of laying one upon the other by those that do


@dataclass(frozen=True)
class Laid:
    """How one structure is laid upon another: x -> R x + T, nm.

    Attributes:
        rotation: R [3, 3].
        shift: T [3].
        identity: share of the residues upon one another that are the same.
        residues: that lie upon one another.
    """

    rotation: NDArray[np.float64]
    shift: NDArray[np.float64]
    identity: float
    residues: int

    def moved(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions [n, 3] of the one, in the frame of the other."""
        return np.asarray(positions @ self.rotation.T + self.shift)


def laid_upon(one: Pocket, other: Pocket) -> Laid | None:
    """How a pocket is laid upon another of the same protein; None if it is of another.

    The residues are aligned by their names, in the order of the files, and the one is laid upon the
    other by those that agree and, after that, lie near (Gerstein & Altman 1995 leave out what moves
    likewise). Half of the smaller pocket must, so that it is the same site.
    """
    names, places = _backbone(one)
    others, aims = _backbone(other)
    shorter = min(len(names), len(others))
    pairs = _aligned(names, others)
    same = np.array([(i, j) for i, j in pairs if names[i] == others[j]], np.int64).reshape(-1, 2)
    if len(same) < max(FEWEST, _ALIGNED * shorter):
        return None
    body, target = places[same[:, 0]], aims[same[:, 1]]
    kept = np.ones(len(same), bool)
    for _ in range(_ROUNDS):
        rotation, shift = superpose(body[kept], target[kept])
        apart = np.linalg.norm(body @ rotation.T + shift - target, axis=-1)
        near = apart < max(_UPON_NM, float(np.median(apart)))
        if (near == kept).all():
            break
        kept = near
    apart = np.linalg.norm((places @ rotation.T + shift)[:, None] - aims, axis=-1)
    upon = np.flatnonzero(apart.min(1) < _UPON_NM)
    if len(upon) < max(FEWEST, shorter / 2):
        return None
    agree = [names[i] == others[apart[i].argmin()] for i in upon]
    identity = float(np.mean(agree))
    return Laid(rotation, shift, identity, len(upon)) if identity >= IDENTITY else None


def _backbone(pocket: Pocket) -> tuple[list[str], NDArray[np.float64]]:
    """Names and CA atoms [residues, 3] nm of a pocket's residues."""
    receptor = pocket.receptor
    rows = [
        k
        for k, name in enumerate(receptor.atom_names)
        if name == "CA" and receptor.kinds[k] == Kind.PROTEIN
    ]
    return [receptor.residue_names[k] for k in rows], receptor.coordinates[rows]


def _aligned(one: list[str], other: list[str]) -> list[tuple[int, int]]:
    """Places of two sequences that stand one above the other."""
    gaps = [0] * (len(one) + 1)  # a pocket is made of pieces: a gap opens for nothing
    found = gemmi.align_string_sequences(one, other, gaps)
    i = j = 0
    pairs = []
    for above, below in zip(
        found.add_gaps("x" * len(one), 1), found.add_gaps("x" * len(other), 2), strict=True
    ):
        if above == below == "x":
            pairs.append((i, j))
        i, j = i + (above == "x"), j + (below == "x")
    return pairs
