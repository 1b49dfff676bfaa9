"""From a pocket, a ligand and a conformer of it to the tensors of a `System`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molgen.chem.atom_features import bond_features, ligand_features, pocket_features
from molgen.chem.fragments import Fragmentation, place, reference_distances
from molgen.chem.ligand import Ligand
from molgen.chem.pocket import Pocket
from molgen.docking.data.system import System


@dataclass(frozen=True)
class Scene:
    """A pocket and a ligand, in numbers: what all conformers and poses of it share.

    Attributes:
        centre: [3] nm, of the pocket.
        shared: the tensors of a `System` that do not depend on the fragments.
    """

    centre: NDArray[np.float64]
    shared: dict[str, Tensor]

    @classmethod
    def of(cls, pocket: Pocket, ligand: Ligand) -> Scene:
        """The pocket and the ligand that it may bind."""
        return cls(
            pocket.centre,
            {
                "pocket": _real(pocket.receptor.coordinates - pocket.centre),
                "pocket_kinds": torch.from_numpy(pocket_features(pocket.receptor)),
                "atoms": torch.from_numpy(ligand_features(ligand.molecule)),
                "bonds": torch.from_numpy(bond_features(ligand.molecule)),
            },
        )

    def assemble(
        self,
        fragmentation: Fragmentation,
        conformer: NDArray[np.float64],
        pose: NDArray[np.float64] | None = None,
    ) -> System:
        """The fragments of a conformer, about the pocket's centre.

        Args:
            fragmentation: of the ligand.
            conformer: [atoms, 3] nm, the shape of each fragment.
            pose: [atoms, 3] nm, upon which each fragment is laid; where there is none they lie as
                in the conformer, moved to the pocket's centre.
        """
        target = conformer - conformer.mean(0) + self.centre if pose is None else pose
        used = fragmentation.active
        placed = (place(fragmentation, conformer, target) - self.centre)[used]
        fragment = fragmentation.fragment[used]
        centres = np.stack([placed[fragment == k].mean(0) for k in range(fragmentation.fragments)])
        number = np.cumsum(used) - 1  # of a point among those used
        return System(
            **self.shared,
            body=_real(placed - centres[fragment]),
            fragment=torch.from_numpy(fragment),
            atom=torch.from_numpy(fragmentation.atom[used]),
            links=torch.from_numpy(number[fragmentation.links]),
            link_kinds=torch.from_numpy(fragmentation.link_kinds),
            link_lengths=_real(reference_distances(fragmentation, conformer)),
            trans=_real(centres),
            rot=torch.eye(3).repeat(len(centres), 1, 1),
        )


def _real(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
