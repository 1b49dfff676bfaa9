"""What comes of docking one ligand into one pocket."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from molgen.chem.ligand import Ligand
from molgen.chem.pocket import Pocket
from molgen.steering import Record


@dataclass(frozen=True)
class Docked:
    """Poses of one ligand, the best first.

    Attributes:
        ligand: what was docked.
        pocket: into what; without the atoms that the ligand is bonded to.
        poses: [poses, atoms, 3] nm, in the frame of the receptor's file.
        energy: [poses] kcal/mol, of the scoring function, with the ligand's own.
        affinity: [poses] kcal/mol, as Vina reports it.
        confidence: [poses], how sure the model is that the pose is within 2 Å of the true one: its
            probability among poses of which half are; None where no model ranked them.
        seconds: by stage.
        steering: what it said of the drawn poses; None where nothing steered them.
    """

    ligand: Ligand
    pocket: Pocket
    poses: NDArray[np.float64]
    energy: NDArray[np.float64]
    affinity: NDArray[np.float64]
    confidence: NDArray[np.float64] | None
    seconds: dict[str, float]
    steering: Record | None = None

    def take(self, order: NDArray[np.int64]) -> Docked:
        """Some of the poses, in this order."""
        return replace(
            self,
            poses=self.poses[order],
            energy=self.energy[order],
            affinity=self.affinity[order],
            confidence=None if self.confidence is None else self.confidence[order],
        )
