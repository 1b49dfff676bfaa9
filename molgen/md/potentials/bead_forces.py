"""Forces on the beads of a model, from the force field of all atoms."""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

from molgen.md.system import System
from molgen.md.system.beads import BeadMapping

AT_ONCE = 2000
"""Frames whose forces are computed together."""


class BeadForces:
    """Forces on beads whose mean, given where the beads are, is that of the mean force.

    An atom that is no bead moves with the bead that is nearest along bonds: its force counts there.
    Any such sharing gives the same mean (Ciccotti, Kapral & Vanden-Eijnden 2005); this one has no
    part in how the bonds to what is left out swing, which is most of the scatter otherwise
    (Kraemer et al. 2023, J. Phys. Chem. Lett. 14, 3970).

    Args:
        system: a molecule.
        mapping: its beads.
    """

    def __init__(self, system: System, mapping: BeadMapping) -> None:
        self.owner = nearest_bead(system.atoms, mapping)
        self.beads = len(mapping)
        self.potential = system.potential()

    def __call__(self, x: Tensor) -> Tensor:
        """Forces `[n, beads, 3]` kJ/mol/nm of frames of all atoms `[n, atoms, 3]` nm, float32."""
        found = []
        with torch.no_grad():
            for part in x.split(AT_ONCE):
                forces = self.potential.forces(part)
                found.append(
                    forces.new_zeros(len(part), self.beads, 3).index_add(1, self.owner, forces)
                )
        return torch.cat(found)


def nearest_bead(atoms: BeadMapping, mapping: BeadMapping) -> Tensor:
    """Position among the beads of the one that is nearest along bonds, of each atom: int64.

    Of two that are equally near, the one that comes first among the beads.
    """
    owner = {atom: bead for bead, atom in enumerate(mapping.atoms)}
    queue = deque(mapping.atoms)
    while queue:
        atom = queue.popleft()
        for other in atoms.neighbours[atom]:
            if other not in owner:
                owner[other] = owner[atom]
                queue.append(other)
    return torch.tensor([owner[atom] for atom in range(len(atoms))])
