"""Complexes whose pose is known, as the programs that are judged may see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from molgen.chem.conformers import conformers
from molgen.chem.ligand import Ligand, Unreadable, read_ligands
from molgen.chem.pocket import centre_of_ligand
from molgen.chem.receptor import Receptor, read_receptor, without_ligand
from molgen.docking.data.prepare import complexes
from molgen.errors import MolgenError


@dataclass(frozen=True)
class Case:
    """One ligand to dock.

    Attributes:
        name: of the complex.
        ligand: its bonds and stereo; no pose.
        receptor: all of its file but waters and what lies where the ligand does.
        centre: [3] nm, where the pocket is said to be.
        reference: [atoms, 3] nm, the known pose, for the judge alone.
        file: of the receptor.
        seed: of the starting conformer and of every program.
    """

    name: str
    ligand: Ligand
    receptor: Receptor
    centre: NDArray[np.float64]
    reference: NDArray[np.float64]
    file: Path
    seed: int

    @cached_property
    def conformer(self) -> NDArray[np.float64]:
        """[atoms, 3] nm, from which every program starts: bonds and stereo alone give it.

        Raises:
            MolgenError: none can be embedded.
        """
        return np.asarray(conformers(self.ligand.molecule, 1, self.seed)[0])

    def shifted(self, distance: float) -> Case:
        """The same with the pocket's centre moved by a distance in nm in a random direction."""
        direction = np.random.default_rng([self.seed, crc32(self.name.encode())]).normal(size=3)
        move = distance * direction / np.linalg.norm(direction)
        return replace(self, centre=self.centre + move)


@dataclass(frozen=True)
class Unusable:
    """A complex that nothing can be docked into.

    Attributes:
        name: of the complex.
        reason: what is wrong with it.
    """

    name: str
    reason: str


def read_cases(folder: Path, seed: int) -> Iterator[Case | Unusable]:
    """The complexes of a folder, see `molgen.docking.data.prepare.complexes`, in order.

    Raises:
        UsageError: there is none.
    """
    for name, protein, file in complexes(folder):
        try:
            receptor = read_receptor(protein)
            ligands = list(read_ligands(file))
        except MolgenError as error:
            yield Unusable(name, str(error))
            continue
        for ligand in ligands:
            label = name if len(ligands) == 1 else f"{name}/{ligand.name}"
            if isinstance(ligand, Unreadable):
                yield Unusable(label, ligand.reason)
                continue
            try:
                centre = centre_of_ligand(ligand)
            except MolgenError as error:
                yield Unusable(label, str(error))
                continue
            assert ligand.pose is not None  # it has a centre
            yield Case(
                label,
                replace(ligand, pose=None),
                without_ligand(receptor, ligand.pose),
                centre,
                ligand.pose,
                protein,
                seed,
            )
