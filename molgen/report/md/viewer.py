"""Conformers for the 3-D viewer: aligned, with explicit bonds, as the JSON that viewer.js draws."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from molgen.md.system.beads import BeadMapping
from molgen.units import ANGSTROM


def superpose(positions: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """Conformers [k, beads, 3] rotated and moved onto one [beads, 3]; least squares, no mirror.

    Kabsch 1976: R = V diag(1, 1, det(V U^T)) U^T from the SVD U S V^T of the covariance.
    """
    centred = positions - positions.mean(axis=1, keepdims=True)
    target = onto - onto.mean(axis=0)
    u, _, vt = np.linalg.svd(np.einsum("kai,aj->kij", centred, target))
    sign = np.sign(np.linalg.det(u @ vt))
    u[:, :, -1] *= sign[:, None]
    return centred @ (u @ vt)


def flat_view(positions: np.ndarray) -> np.ndarray:
    """One conformer [beads, 3] with its longest axis along x and its thinnest along the sight."""
    centred = positions - positions.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=len(positions) < 3)
    if np.linalg.det(axes) < 0:
        axes[2] *= -1
    return np.asarray(centred @ axes.T)


def viewer_data(conformers: Mapping[str, np.ndarray], mapping: BeadMapping) -> dict[str, Any]:
    """What viewer.js reads: elements, labels, bonds, and Angstrom coordinates of every source.

    All conformers of all sources are superposed on one, so that the eye compares shapes.
    """
    first = next(iter(conformers.values()))
    onto = flat_view(np.asarray(first[0], dtype=np.float64))
    return {
        "elements": [bead.element for bead in mapping.beads],
        "labels": [f"{bead.residue}{bead.residue_index} {bead.name}" for bead in mapping.beads],
        "bonds": [list(bond) for bond in mapping.bonds],
        "sources": {
            source: np.round(superpose(np.asarray(x, dtype=np.float64), onto) / ANGSTROM, 3)
            .reshape(len(x), -1)
            .tolist()
            for source, x in conformers.items()
        },
    }
