"""Graphs drawn from a trained model: sizes, noise of each graph's own, a solver, types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from molgen.core.batch import DenseRows
from molgen.core.random import Streams
from molgen.errors import UsageError
from molgen.graphs.conditions.given import Given
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.dense import decoded, empty
from molgen.graphs.models.kinds import GraphModel
from molgen.graphs.models.statistics import Statistics
from molgen.sampler import SampleTable
from molgen.steering import Steerer

Progress = Callable[[str, int, int], None]


def draw(
    model: GraphModel,
    statistics: Statistics,
    count: int,
    *,
    first: int = 0,
    sizes: Tensor | None = None,
    given: Given | None = None,
    table: SampleTable | None = None,
    steerer: Steerer | None = None,
    batch_size: int = 500,
    seed: int = 0,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> GraphSet:
    """Independent graphs.

    Graph k of a seed is the same whatever is drawn with it: its noise is a stream of its own, and
    its size is drawn from the same before it. Forbidden patterns are not looked for here: see
    `molgen.graphs.conditions.rejection`.

    Args:
        model: trained on graphs.
        statistics: of those graphs.
        count: how many.
        first: number of the first.
        sizes: `[count]` nodes of each; drawn if None, as `given` says or as in training.
        given: what they are asked to be; see `molgen.graphs.conditions`.
        table: how they are drawn.
        steerer: steers them; each is one of the particles it takes.
        batch_size: graphs at a time, those of like size together.
        seed: of all random numbers.
        device: where the model runs.
        progress: told (what, done, total).

    Raises:
        UsageError: no such solver or grid, or sizes beyond the model's.
        MolgenError: a score is not finite.
    """
    table = table or SampleTable()
    given = given or Given(statistics.sizes)
    n = sizes_of(given.sizes, seed, first, count) if sizes is None else sizes
    if int(n.min()) < 1 or int(n.max()) > statistics.most:
        raise UsageError(
            f"graphs of {int(n.min())} to {int(n.max())} nodes: the model was trained on 1 to "
            f"{statistics.most}"
        )
    given.require_room(n)
    drawn: list[GraphSet] = []
    order = torch.argsort(n, stable=True)
    done = 0
    for part in order.split(batch_size):
        streams = Streams.of(seed, first, count, device)
        streams.seeds = streams.seeds[part.to(device)]
        solve = partial(table.integrate, generator=streams)
        if steerer is not None:
            solve = partial(steerer.integrate, table, generator=streams)
        batch = replace(
            empty(n[part].to(device), model.encodings),
            ids=tuple(str(first + k) for k in part.tolist()),
        )
        with torch.no_grad():
            classes = given.integrate(model, batch, solve)
        drawn.append(decoded(classes, n[part], statistics))
        done += len(part)
        if progress is not None:
            progress("sampling", done, count)
    place = torch.empty_like(order)
    place[order] = torch.arange(count)
    return GraphSet.joined(drawn).take(place.numpy())


def sizes_of(frequencies: Sequence[float], seed: int, first: int, count: int) -> Tensor:
    """`[count]` int64: nodes of the graphs `first`, `first + 1`, ... of a seed.

    Args:
        frequencies: how frequent n nodes are, n = 0, 1, ...
        seed: of all random numbers.
        first: number of the first.
        count: how many.
    """
    rows = DenseRows(count, ())
    streams = Streams.of(seed, first, count)
    streams.drawn = -1  # a draw before the first of the noise, which must not know the size
    normal = streams.normal(torch.zeros(count, dtype=torch.float64), rows)
    uniform = 0.5 * torch.erfc(-normal * 0.5**0.5)
    share = torch.tensor(frequencies, dtype=torch.float64).cumsum(0)
    return torch.searchsorted(share / share[-1], uniform, right=False)
