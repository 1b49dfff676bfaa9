"""Ready rewards of molecules: properties and substructures of what a noised graph is likeliest.

A denoised graph is read as the likeliest type of each node and pair. Where that is no molecule,
valid and in one piece, a reward is the worst it can be, which is finite, so that particles on their
way from noise are not lost. To add one: a function of the statistics of graphs and the user's
value, and a line in `REWARDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from molgen.chem import properties
from molgen.chem.substructure import Pattern, patterns_in
from molgen.core.batch import Batch
from molgen.core.steering import Reward
from molgen.core.steering.minority import minority
from molgen.errors import UsageError
from molgen.graphs.checks import checked
from molgen.graphs.dense import decoded
from molgen.graphs.models.kinds import GraphModel
from molgen.graphs.models.statistics import Statistics
from molgen.rewards import RewardFactory, no_value, number_of


@dataclass(frozen=True)
class Modelled:
    """A model of graphs, and what they are.

    Attributes:
        model: of the score.
        statistics: of the graphs it was trained on.
    """

    model: GraphModel
    statistics: Statistics

    def molecules(self, batch: Batch) -> list[Any]:
        """Each clean graph as a molecule of RDKit, None where it is none or in pieces.

        Raises:
            UsageError: the graphs are no molecules.
        """
        if self.statistics.vocabulary is None:
            raise UsageError("this reward is of molecules: the model draws plain graphs")
        classes = {
            name: encoding.decode(batch.state[name])
            for name, encoding in self.model.encodings.items()
        }
        sizes = batch.rows["x"].count(batch.state["x"]).long()
        graphs = decoded(classes, sizes, self.statistics)
        return [found.molecule for _, found in checked(graphs)]

    def each(self, score: Callable[[Any], float], worst: float) -> Reward:
        """A reward of each molecule; `worst` where there is none, and no lower for any."""

        def reward(batch: Batch, t: Tensor) -> Tensor:
            values = [
                worst if mol is None else max(score(mol), worst) for mol in self.molecules(batch)
            ]
            return torch.tensor(values, dtype=torch.float64)

        return reward


def qed(subject: Modelled, value: str) -> Reward:
    """`qed`: drug-likeness, 0 to 1; no molecule: 0."""
    no_value("qed", value)
    return subject.each(properties.qed, 0.0)


def logp(subject: Modelled, value: str) -> Reward:
    """`logp`: log P, at least -5; `logp=2.5`: -(log P - 2.5)^2 / 2, at least -50."""
    if not value:
        return subject.each(properties.logp, -5.0)
    return _near(subject, properties.logp, "logp", value, -50.0)


def sa(subject: Modelled, value: str) -> Reward:
    """`sa`: minus the accessibility score, -1 (easy) to -10, which is that of no molecule too."""
    no_value("sa", value)
    return subject.each(lambda mol: -properties.sa(mol), -10.0)


def substructure(subject: Modelled, value: str) -> Reward:
    """`substructure=SMARTS`: 1 where a molecule matches, 0 where not or where it is none."""
    pattern = Pattern.of(value)
    return subject.each(lambda mol: float(bool(patterns_in(mol, [pattern]))), 0.0)


def rare(subject: Modelled, value: str) -> Reward:
    """`rare`: how far noise of the time (0.5) and denoising change a graph; of any graphs."""
    time = number_of("rare", value, "a time from 0 to 1") if value else 0.5
    return minority(subject.model, subject.model.processes, time=time)


REWARDS: Mapping[str, RewardFactory[Modelled]] = {
    "qed": qed,
    "logp": logp,
    "sa": sa,
    "substructure": substructure,
    "rare": rare,
}
"""By name."""


def _near(
    subject: Modelled, of: Callable[[Any], float], name: str, value: str, worst: float
) -> Reward:
    wanted = number_of(name, value, "a number, such as 2.5")
    return subject.each(lambda mol: -0.5 * (of(mol) - wanted) ** 2, worst)
