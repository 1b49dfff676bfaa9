"""A ligand in its poses, each as a program that reads it from a file would see it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from molgen.chem.pose_files import pose_block
from molgen.errors import MolgenError

Verdicts = dict[str, list[bool | None]]
"""Of each check the verdict on every pose; None where there is none."""


@dataclass(frozen=True)
class Posed:
    """One ligand in several poses.

    Attributes:
        molecule: The ligand itself, its stereo as it should be.
        copies: One molecule a pose as read from an SDF, stereo by its coordinates, not sanitised.
        reference: Like these, of the pose it should have; without one the ligand itself.
        positions: [poses, atoms, 3], Å, as the file writes them.
    """

    molecule: Chem.Mol
    copies: Sequence[Chem.Mol]
    reference: Chem.Mol
    positions: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        molecule: Chem.Mol,
        poses: NDArray[np.float64],
        reference: NDArray[np.float64] | None,
    ) -> "Posed":
        """The ligand in poses [poses, atoms, 3] and reference [atoms, 3] in nm.

        Raises:
            MolgenError: there is no pose, or it has another number of atoms, or no numbers.
        """
        wanted = (molecule.GetNumAtoms(), 3)
        if not len(poses) or poses.shape[1:] != wanted or not np.isfinite(poses).all():
            raise MolgenError(
                f"poses to check must be numbers [poses, {wanted[0]} atoms, 3], and one at least"
            )
        copies = [as_read(molecule, pose) for pose in poses]
        return cls(
            molecule=molecule,
            copies=copies,
            reference=molecule if reference is None else as_read(molecule, reference),
            positions=np.stack([copy.GetConformer().GetPositions() for copy in copies]),
        )

    def __len__(self) -> int:
        return len(self.copies)

    def all(self, verdict: bool | None) -> list[bool | None]:
        """The same verdict on every pose."""
        return [verdict] * len(self)


def as_read(molecule: Chem.Mol, pose: NDArray[np.float64]) -> Chem.Mol:
    """The molecule in a pose [atoms, 3] in nm, as an SDF of it would be read, not sanitised."""
    return Chem.MolFromMolBlock(pose_block(molecule, pose), sanitize=False, removeHs=False)
