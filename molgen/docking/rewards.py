"""Ready rewards of poses: energies of Vina's kind, clashes, and known contacts.

All are asked of the ligand's atoms where the fragments are, whose junctions are not quite closed
before the last step. To add one: a function of a `Modelled` and the user's value, and a line in
`REWARDS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molgen.chem.ligand import Ligand
from molgen.chem.pocket import Pocket
from molgen.chem.vina_ligand import vina_ligand
from molgen.chem.vina_receptor import receptor_types
from molgen.chem.vina_types import RADII_NM
from molgen.core.batch import Batch
from molgen.core.steering import Reward
from molgen.core.steering.minority import minority
from molgen.core.steering.restraints import Restraints, table_of
from molgen.docking.data.system import atom_positions
from molgen.docking.models.kinds import PoseModel
from molgen.docking.physics import Scoring
from molgen.errors import UsageError
from molgen.rewards import RewardFactory, no_value, number_of
from molgen.units import ANGSTROM

COLUMNS = ("atom", "residue", "name", "lower", "upper", "weight")
"""Of a file of known contacts."""

_CLASH_NM = 0.04
"""Overlap of two atoms' radii, those of Vinardo, from which on they clash."""


@dataclass(frozen=True)
class Modelled:
    """A model of poses, and what is docked.

    Attributes:
        model: of the score.
        pocket: into what.
        ligand: what is docked.
        scoring: of poses about the pocket's centre.
    """

    model: PoseModel
    pocket: Pocket
    ligand: Ligand
    scoring: Scoring

    @property
    def atoms(self) -> int:
        """Of the ligand."""
        return int(self.ligand.molecule.GetNumAtoms())

    def positions(self, batch: Batch) -> Tensor:
        """`[graphs, atoms, 3]` nm, about the pocket's centre."""
        return atom_positions(batch)[:, : self.atoms]


def vinardo(subject: Modelled, value: str) -> Reward:
    """`vinardo`: minus the energy between ligand and pocket, kcal/mol, at least -20.

    Of the scoring function that docking is asked to use. A weight of 1.7 is Boltzmann's at 300 K.
    """
    no_value("vinardo", value)
    return lambda batch, t: -_soft(subject.scoring.intermolecular(subject.positions(batch)), 20.0)


def clash(subject: Modelled, value: str) -> Reward:
    """`clash`: minus the sum of squared overlaps with the pocket, in units of (0.1 nm)^2."""
    no_value("clash", value)
    radii = RADII_NM["vinardo"]
    types = receptor_types(subject.pocket.receptor)
    own = vina_ligand(subject.ligand.molecule).types
    like = next(subject.model.parameters())
    touching = torch.as_tensor(radii[own][:, None] + radii[types]).to(like) - _CLASH_NM
    pocket = torch.as_tensor(subject.pocket.receptor.coordinates - subject.pocket.centre).to(like)

    def reward(batch: Batch, t: Tensor) -> Tensor:
        x = subject.positions(batch)
        apart = torch.cdist(x, pocket.expand(len(x), -1, -1), compute_mode=_EXACT)
        return -100 * (touching - apart).clamp_min(0).square().sum((1, 2))

    return reward


def contacts(subject: Modelled, value: str) -> Reward:
    """`contacts=known.csv`: flat-bottomed bounds on distances to the receptor; weight 1 is Bayes'.

    A line has an atom of the ligand from 1, a residue such as A:45, an atom's name such as OG, the
    bounds in Å, and a weight in Å^-2: -weight / 2 times the square of what is beyond the bounds.
    """
    found, places = _known(value, subject)
    points = torch.as_tensor(places).to(next(subject.model.parameters()))

    def positions(batch: Batch) -> Tensor:
        atoms = subject.positions(batch)
        return torch.cat([atoms, points.expand(len(atoms), -1, -1)], 1)

    return found.reward(positions)


def rare(subject: Modelled, value: str) -> Reward:
    """`rare`: how far noise of the time (0.5) and denoising carry a pose."""
    time = number_of("rare", value, "a time from 0 to 1") if value else 0.5
    return minority(subject.model, subject.model.processes, time=time)


REWARDS: Mapping[str, RewardFactory[Modelled]] = {
    "vinardo": vinardo,
    "clash": clash,
    "contacts": contacts,
    "rare": rare,
}
"""By name."""

_EXACT = "donot_use_mm_for_euclid_dist"
"""Distances by differences, whose gradients are right for near atoms in single precision."""


def _soft(energy: Tensor, most: float) -> Tensor:
    """An energy that rises to `most` and no further, so that a clash on the way is no end."""
    return torch.where(energy > 0, most * energy / (most + energy), energy)


def _known(path: str, subject: Modelled) -> tuple[Restraints, NDArray[np.float64]]:
    """Known contacts as restraints, whose atoms are the ligand's and then the receptor's places.

    Raises:
        UsageError: the file cannot be read, or a line is wrong; it is named.
    """
    receptor = subject.pocket.receptor
    names = {
        (receptor.residue_ids[receptor.residues[k]], name): k
        for k, name in enumerate(receptor.atom_names)
    }
    rows: list[tuple[int, int, float, float, float]] = []
    places: list[NDArray[np.float64]] = []
    for where, row in table_of(path, COLUMNS):
        try:
            atom = int(row["atom"])
            lower, upper, weight = (float(row[name]) for name in COLUMNS[3:])
        except (TypeError, ValueError):
            raise UsageError(f"{where}: give an atom's number, bounds and a weight") from None
        if not 1 <= atom <= subject.atoms:
            raise UsageError(f"{where}: the ligand's heavy atoms are 1 to {subject.atoms}")
        other = names.get((row["residue"].strip(), row["name"].strip()))
        if other is None:
            raise UsageError(
                f"{where}: no atom {row['name']} of {row['residue']} within the pocket's radius"
            )
        bounds = lower * ANGSTROM, upper * ANGSTROM, weight / ANGSTROM**2
        rows.append((atom - 1, subject.atoms + len(places), *bounds))
        places.append(receptor.coordinates[other] - subject.pocket.centre)
    return Restraints.of(rows), np.array(places)
