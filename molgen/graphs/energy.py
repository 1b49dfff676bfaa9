"""How likely an energy model finds graphs: to rank what was drawn, and to leave out the unlikely.

    E(G) = -log P(n) - log P(G | n) - log n!

in nats, of a graph without an order of its n nodes, of which there are n!; a graph with symmetries
of its own has fewer, and is likelier by the logarithm of their number. P(G | n) is the energy at
the corners, in the limit of no noise: one evaluation of the network a graph.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.core.likelihood.bounds import surprise_bound
from molgen.core.models.categorical_energy import CategoricalEnergy
from molgen.errors import UsageError
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.dense import as_batch, padded
from molgen.graphs.models.kinds import GraphModel
from molgen.graphs.models.statistics import Statistics

Energies = NDArray[np.float64]


def energies(
    model: nn.Module,
    statistics: Statistics,
    graphs: GraphSet,
    *,
    batch_size: int = 500,
    device: torch.device | str = "cpu",
) -> Energies:
    """E of each graph, in nats: `[graphs]`.

    Args:
        model: of kind `energy`.
        statistics: of the graphs it was trained on.
        graphs: what is ranked, with the types that the model knows.
        batch_size: graphs at a time, those of like size together.
        device: where the model runs.

    Raises:
        UsageError: the model has no energy, or a graph has a type or a size that it does not know.
    """
    energy = with_energy(model)

    def of_corners(batch: Batch) -> Tensor:
        with torch.no_grad():
            return energy.clean_energy(batch)

    return _in_batches(of_corners, energy, statistics, graphs, batch_size, device)


def with_energy(model: nn.Module) -> CategoricalEnergy:
    """The model, if it has an energy.

    Raises:
        UsageError: it has none.
    """
    if not isinstance(model, CategoricalEnergy):
        raise UsageError("energies: this model has none; train one of [model] kind = 'energy'")
    return model


def bounds(
    model: GraphModel,
    statistics: Statistics,
    graphs: GraphSet,
    *,
    points: int = 32,
    batch_size: int = 500,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Energies:
    """At most E of each graph by the scores of any model, in nats: `[graphs]`, with random error.

    See `molgen.core.likelihood.bounds`; only means over many graphs say something.

    Args:
        model: any that draws graphs of one-hot types.
        statistics: of the graphs it was trained on.
        graphs: with the types that the model knows.
        points: times of each graph.
        batch_size: graphs at a time, those of like size together.
        seed: of times and noise.
        device: where the model runs.

    Raises:
        UsageError: a graph has a type or a size that the model does not know.
    """
    generator = torch.Generator(device).manual_seed(seed)

    def of_scores(batch: Batch) -> Tensor:
        return surprise_bound(model, model.processes, batch, generator, points=points)

    return _in_batches(of_scores, model, statistics, graphs, batch_size, device)


def _in_batches(
    of_batch: Callable[[Batch], Tensor],
    model: GraphModel,
    statistics: Statistics,
    graphs: GraphSet,
    batch_size: int,
    device: torch.device | str,
) -> Energies:
    """-log P(n) - log n! of each graph, and what `of_batch` says of it."""
    share = np.array(statistics.sizes, dtype=np.float64)
    for what, known in (("nodes", statistics.nodes), ("edges", statistics.edges)):
        types: NDArray[np.int8] = getattr(graphs, what)
        if types.max(initial=0) >= len(known):
            raise UsageError(
                f"energies: {what} of type {types.max()}; the model knows types below {len(known)}"
            )
    wrong = [n for n in np.unique(graphs.sizes).tolist() if n > statistics.most or not share[n]]
    if wrong:
        raise UsageError(f"energies: the model never saw a graph of {wrong[0]} nodes")
    sizes = graphs.sizes.astype(np.int64)
    found = -np.log(share[sizes] / share.sum())
    found -= torch.lgamma(torch.from_numpy(sizes + 1.0)).numpy()
    model = model.to(device)
    order = torch.from_numpy(np.argsort(sizes, kind="stable"))
    for part in order.split(batch_size):
        bucket = padded(graphs.take(part.numpy())).to(torch.device(device))
        values = of_batch(as_batch(bucket, model.encodings))
        found[part.numpy()] += values.double().numpy(force=True)
    return found


def least(graphs: GraphSet, energy: Energies, count: int) -> NDArray[np.int64]:
    """Numbers of so many graphs that have the least energy among those of their size, in order.

    Size by size, so that sizes stay as frequent as they were drawn.

    Args:
        graphs: what was drawn.
        energy: of each.
        count: how many to keep.
    """
    rank = np.empty(len(graphs))
    for size in np.unique(graphs.sizes):
        same = np.flatnonzero(graphs.sizes == size)
        order = same[np.argsort(energy[same], kind="stable")]
        rank[order] = (np.arange(len(same)) + 0.5) / len(same)
    return np.sort(np.argsort(rank, kind="stable")[:count])
