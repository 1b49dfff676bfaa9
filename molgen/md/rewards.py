"""Ready rewards of conformers: collective variables, basins, distances, energies, what is rare.

To add one: a function of a `Modelled` and the user's value, and a line in `REWARDS`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.models import EnergyModel
from molgen.core.steering import Reward
from molgen.core.steering.minority import low_density
from molgen.core.steering.restraints import Restraints
from molgen.errors import UsageError
from molgen.families import choose
from molgen.md.evaluation.ensemble import bead_variables
from molgen.md.models.statistics import Statistics
from molgen.md.potentials import Potential
from molgen.md.reweight import whole_system
from molgen.md.system import System, load_system
from molgen.md.system.collective import collective
from molgen.rewards import RewardFactory, no_value, number_of


@dataclass(frozen=True)
class Modelled:
    """A model of conformers, and the molecule they are of.

    Attributes:
        model: of energies.
        statistics: of the molecule.
    """

    model: EnergyModel
    statistics: Statistics

    @cached_property
    def system(self) -> System:
        """Where the molecule is from."""
        return load_system(self.statistics.system)

    def positions(self, batch: Batch) -> Tensor:
        """`[graphs, beads, dims]` nm."""
        return self.statistics.restore(batch.state["pos"])

    @cached_property
    def variables(self) -> dict[str, tuple[int, ...]]:
        """The collective variables, by the beads they are of; of test systems, by coordinates.

        Raises:
            UsageError: the model does not see an atom that one needs.
        """
        return bead_variables(self.system, self.statistics.mapping)

    def beads_of(self, variable: str) -> tuple[int, ...]:
        """The beads of a collective variable.

        Raises:
            UsageError: there is no such variable, or the model does not see its atoms.
        """
        return choose(self.variables, variable, f"collective variable of {self.system.name}")


def cv(subject: Modelled, value: str) -> Reward:
    """`cv=phi~60`: near a value, -(x - 60)^2 / 2; of a dihedral, in degrees, cos(x - 60) - 1.

    Weights are one over the variance, for dihedrals in rad (the law of von Mises).
    """
    name, _, target = value.partition("~")
    wanted = number_of("cv", target, "a variable and its value, such as cv=phi~60")
    beads = subject.beads_of(name)

    def reward(batch: Batch, t: Tensor) -> Tensor:
        value = collective(subject.positions(batch), beads)
        if len(beads) == 4:
            return torch.cos(value - math.radians(wanted)) - 1
        return -0.5 * (value - wanted).square()

    return reward


def basin(subject: Modelled, value: str) -> Reward:
    """`basin=alpha_L`: 1 inside the basin of that name, 0 outside."""
    known = {found.name: found for found in subject.system.basins}
    box = choose(known, value, f"basin of {subject.system.name}")
    beads = {name: subject.beads_of(name) for name in box.bounds}

    def reward(batch: Batch, t: Tensor) -> Tensor:
        x = subject.positions(batch)
        return box.contains({name: collective(x, own) for name, own in beads.items()}).to(t)

    return reward


def distance(subject: Modelled, value: str) -> Reward:
    """`distance=0-4~0.5`: -(d - 0.5)^2 / 2 of two beads, from 0, in nm^2; `distance=0-4`: d in nm.

    A negative weight of the latter brings the beads together.
    """
    pair, _, target = value.partition("~")
    words = pair.split("-")
    count = len(subject.statistics.mapping)
    if len(words) != 2 or not all(word.strip().isdigit() for word in words):
        raise UsageError(f"distance={value}: give two beads, such as distance=0-4~0.5")
    i, j = (int(word) for word in words)
    if i == j or max(i, j) >= count:
        raise UsageError(f"distance={value}: two of the beads 0 to {count - 1}")
    wanted = number_of("distance", target, "a distance, nm") if target else None

    def reward(batch: Batch, t: Tensor) -> Tensor:
        x = subject.positions(batch)
        d = (x[:, i] - x[:, j]).square().sum(-1).clamp_min(1e-24).sqrt()
        return d if wanted is None else -0.5 * (d - wanted).square()

    return reward


def restraints(subject: Modelled, value: str) -> Reward:
    """`restraints=noe.csv`: flat-bottomed bounds on distances of beads; weight 1 is Bayes' rule."""
    found = Restraints.read(Path(value))
    found.require_atoms(len(subject.statistics.mapping))
    return found.reward(subject.positions)


def energy(subject: Modelled, value: str) -> Reward:
    """`energy`: -U / kT of the system itself, where the model sees all of its atoms."""
    no_value("energy", value)
    system = whole_system("energy", subject.statistics)

    @cache
    def potential(dtype: torch.dtype, device: torch.device) -> Potential:
        return system.potential(dtype, device, compile=False)

    def reward(batch: Batch, t: Tensor) -> Tensor:
        x = subject.positions(batch)
        return -potential(x.dtype, x.device).energy(x) / system.kT

    return reward


def rare(subject: Modelled, value: str) -> Reward:
    """`rare`: -log q of the model: with weight w, draws of q^(1 - w), the law at kT / (1 - w)."""
    no_value("rare", value)
    return low_density(subject.model)


REWARDS: Mapping[str, RewardFactory[Modelled]] = {
    "cv": cv,
    "basin": basin,
    "distance": distance,
    "restraints": restraints,
    "energy": energy,
    "rare": rare,
}
"""By name."""
