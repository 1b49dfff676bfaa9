r"""What log P of a graph is at least: types have no density that a flow could tell.

A drawn graph is what the end of the reverse process is read as; all states that are read alike
together have its probability, which no single path through the flow gives. What is known is

    log P(G) >= log P(n) + log n! - 1/2 int g^2 E |error of the score|^2 dt

of a graph without an order of its n nodes (`molgen.core.likelihood.bounds`), by a random estimate:
of a single graph it tells little, of the mean over many its standard error tells how much.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molgen.core.models.categorical import Categories
from molgen.core.models.categorical_energy import CategoricalEnergy
from molgen.errors import UsageError
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.energy import bounds, energies
from molgen.graphs.models.kinds import GraphModel
from molgen.graphs.models.statistics import Statistics
from molgen.likelihood import Columns, write_scores

AT_LEAST = "log_p_at_least"
"""Nats; an estimate of the lower bound."""

BY_ENERGY = "log_p_by_energy"
"""Nats, of a model that has one; no estimate, and right as far as its energy is normalised."""

QUANTITY = "lower bound on log P of a graph without an order of its nodes, nats, a random estimate"

POINTS = 32
"""Times at which the error of the score of a graph is looked at, one evaluation each."""


def lower_bounds(
    model: GraphModel, statistics: Statistics, graphs: GraphSet, *, seed: int, device: str = "cpu"
) -> NDArray[np.float64]:
    """Of each graph a random estimate of what its log P is at least: `[graphs]` nats.

    Args:
        model: that draws graphs of one-hot types.
        statistics: of the graphs it was trained on.
        graphs: with types and sizes that the model knows.
        seed: of times and noise.
        device: where the model runs.

    Raises:
        UsageError: types are not one-hot, or ones that the model does not know.
    """
    for name, encoding in model.encodings.items():
        if not isinstance(encoding, Categories):
            raise UsageError(
                f"likelihood: '{name}' of this model is a number, not one of some types; only "
                "models of one-hot types have a bound"
            )
    return -bounds(model, statistics, graphs, points=POINTS, seed=seed, device=device)


def log_probabilities(
    model: GraphModel, statistics: Statistics, graphs: GraphSet, *, seed: int, device: str = "cpu"
) -> Columns:
    """What is known of log P of each graph: `lower_bounds`, and what an energy says.

    Args and errors as of `lower_bounds`.
    """
    found = {AT_LEAST: lower_bounds(model, statistics, graphs, seed=seed, device=device)}
    if isinstance(model, CategoricalEnergy):
        found[BY_ENERGY] = -energies(model, statistics, graphs, device=device)
    return found


def write_bounds(
    path: Path,
    model: GraphModel,
    statistics: Statistics,
    drawn: GraphSet,
    *,
    first: int,
    seed: int,
    device: str,
) -> None:
    """Bounds of drawn graphs beside their file, by their numbers from `first` on, the invalid too.

    Args and errors as of `lower_bounds`.
    """
    fresh = fresh_seed(seed, first)
    found = log_probabilities(model, statistics, drawn, seed=fresh, device=device)
    names = [str(first + k) for k in range(len(drawn))]
    write_scores(path.with_suffix(".bound.csv"), names, found)


def fresh_seed(seed: int, first: int) -> int:
    """A seed of the graphs from number `first` on."""
    return int(np.random.SeedSequence([seed, first]).generate_state(1)[0])
