"""What molgen's own models of graphs learn with: a transformer of nodes and undirected pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from molgen.core.batch import DenseRows, Rows
from molgen.graphs.models.connection import Connected
from molgen.graphs.models.knowledge import Guess, Knowledge
from molgen.graphs.models.rings import Rings
from molgen.graphs.models.statistics import Statistics
from molgen.graphs.models.valence import Bounded
from molgen.graphs.models.walks import Walks
from molgen.nn.node_pair_transformer import NodePairTransformer, Shape
from molgen.nn.pairs import Pairs

_NATS = 4.0
"""What one unit of a network's answer means. Corrections are large: with 1, learning takes twice as
long."""


def widths_of(statistics: Statistics) -> tuple[int, int, int]:
    """Widths of what `inputs` gives."""
    return 2 * len(statistics.nodes), 2 * len(statistics.edges), 3


def inputs(
    pairs: Pairs, of_nodes: Tensor, of_pairs: Tensor, mask: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """What networks are told of noised graphs: of nodes, pairs and the whole, and what is real.

    A row enters as the probabilities p that it has by itself, and p^(1/4), which tells them apart
    down to 1e-7; a graph as its size and how certain its nodes and pairs are, the mean of sum p^2.
    Neither coordinates nor time: what rows tell of each other depends on them by p alone, see
    `molgen.core.models.categorical_energy`.

    Args:
        pairs: tables for the largest graph.
        of_nodes: `[graphs, N, types]`, log p.
        of_pairs: `[graphs, N (N - 1) / 2, types]`, alike.
        mask: bool `[graphs, N]`, the real nodes; None if all are.
    """
    i, j = pairs.ends(of_nodes.shape[1])
    real = of_nodes.new_ones(of_nodes.shape[:2]) if mask is None else mask.to(of_nodes)
    shares, certain = [], []
    for log_p, weights in ((of_nodes, real), (of_pairs, real[:, i] * real[:, j])):
        p = log_p.exp()
        shares.append(torch.cat([p, (log_p / 4).exp()], -1))
        squares = p.square().sum(-1) * weights
        certain.append(squares.sum(1) / weights.sum(1).clamp_min(1))
    whole = torch.stack([real.sum(1) / pairs.most, *certain], 1)
    return shares[0], shares[1], whole, mask


def inputs_of(
    pairs: Pairs, rows: Mapping[str, Rows], alone: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """`inputs` of log p of each row by itself, `[*rows, types]` of `x` and `adj`."""
    nodes = rows["x"]
    assert isinstance(nodes, DenseRows)
    return inputs(pairs, alone["x"], pairs.pack(alone["adj"]), nodes.mask)


@dataclass(frozen=True)
class GraphShape(Shape):
    """How large a `GraphTransformer` is, and what it is given to know.

    Attributes:
        connected: that graphs are connected; see `molgen.graphs.models.connection`.
        bounded: that a node's edges sum to no more than in training; see
            `molgen.graphs.models.valence`.
        rings: how large the cycle is that a pair closes; see `molgen.graphs.models.rings`.
        walks: where random walks of up to so many steps lead; see `molgen.graphs.models.walks`.
    """

    connected: bool = False
    bounded: bool = False
    rings: bool = False
    walks: int = 0


class GraphTransformer(nn.Module):
    """Corrections to the log probabilities of node and edge types, of all rows from all rows.

    Equivariant under permutations.

    Args:
        statistics: of the training graphs.
        shape: of the transformer.

    Raises:
        UsageError: it is to know what cannot be known of these graphs.
    """

    def __init__(self, statistics: Statistics, shape: GraphShape) -> None:
        super().__init__()
        self.pairs = Pairs(statistics.most)
        nodes, edges = len(statistics.nodes), len(statistics.edges)
        # training may begin with the weights of a network that is told less, but for the last of it
        knowledge: list[Knowledge] = []
        if shape.bounded:
            knowledge.append(Bounded(statistics))
        if shape.connected:
            knowledge.append(Connected(edges))
        if shape.rings:
            knowledge.append(Rings())
        if shape.walks != 0:
            knowledge.append(Walks(shape.walks))
        self.added = [_columns(knowledge[k:]) for k in range(len(knowledge))]
        self.knowledge: Iterable[Any] = nn.ModuleList(knowledge)
        self.answers = (
            (nodes, *(own.gates[0] for own in knowledge)),
            (edges, *(own.gates[1] for own in knowledge)),
        )
        of_nodes, of_pairs, of_whole = widths_of(statistics)
        self.transformer = NodePairTransformer(
            (
                of_nodes + sum(own.told[0] for own in knowledge),
                of_pairs + sum(own.told[1] for own in knowledge),
                of_whole,
            ),
            (sum(self.answers[0]), sum(self.answers[1]), 0),
            self.pairs,
            shape,
        )

    def forward(self, rows: Mapping[str, Rows], alone: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `molgen.core.models.categorical.CategoricalModel`."""
        x, e, y, mask = inputs_of(self.pairs, rows, alone)
        real = x.new_ones(x.shape[:2]) if mask is None else mask.to(x)
        before = Guess(self.pairs, alone["x"], self.pairs.pack(alone["adj"]), real)
        told = [own.tell(before) for own in self.knowledge]
        x = torch.cat([x, *(of_nodes for of_nodes, _ in told)], -1)
        e = torch.cat([e, *(of_pairs for _, of_pairs in told)], -1)
        (nodes, *of_nodes), (edges, *of_pairs) = (
            answer.split(widths, -1)
            for answer, widths in zip(self.transformer(x, e, y, mask), self.answers, strict=False)
        )
        nodes, edges = _NATS * nodes, _NATS * edges
        for own, *gates in zip(self.knowledge, of_nodes, of_pairs, strict=True):
            more = own.correct(before.plus(nodes, edges), *gates)
            nodes, edges = nodes + more[0], edges + more[1]
        return {"x": nodes, "adj": self.pairs.square(edges, nodes.shape[1])}


def _columns(knowledge: list[Knowledge]) -> dict[str, int]:
    """By name of the tensor, how many of its last rows or columns are of some knowledge."""
    counts = {}
    for k in (0, 1):
        counts[f"transformer.embed.{k}.weight"] = sum(own.told[k] for own in knowledge)
        gates = sum(own.gates[k] for own in knowledge)
        counts[f"transformer.answer.{k}.out.weight"] = gates
        counts[f"transformer.answer.{k}.out.bias"] = gates
    return {name: count for name, count in counts.items() if count}


class GraphEnergy(nn.Module):
    r"""What the rows of a graph tell of each other, c(p), from their own probabilities alone.

        c(p) = f(p) - f(pi),    f(p) = sum_rows log sum_k p_row(k) e^{phi_row,k(p)} + phi(p)

    The transformer answers phi: for constant phi of rows, e^c is linear in each row's p, as it is
    for the exact c, and the posterior of a row is its own times e^phi. It sees p and p^(1/4), which
    tells probabilities apart down to 1e-7, and neither time nor noise, on which c does not depend.
    f(pi) is that of a graph of as many nodes of which nothing is known: c vanishes at the prior.

    Args:
        statistics: of the training graphs.
        shape: of the transformer.
    """

    def __init__(self, statistics: Statistics, shape: Shape) -> None:
        super().__init__()
        self.pairs = Pairs(statistics.most)
        for name, frequencies in (("log_x", statistics.nodes), ("log_adj", statistics.edges)):
            self.register_buffer(name, torch.tensor(frequencies).log(), persistent=False)
        self.log_x: Tensor
        self.log_adj: Tensor
        self.transformer = NodePairTransformer(
            widths_of(statistics),
            (len(statistics.nodes), len(statistics.edges), 1),
            self.pairs,
            shape,
        )

    def forward(self, rows: Mapping[str, Rows], alone: Mapping[str, Tensor]) -> Tensor:
        """See `molgen.core.models.categorical_energy.CategoricalEnergy`."""
        of_nodes, of_pairs = alone["x"], self.pairs.pack(alone["adj"])
        n, nodes = of_nodes.shape[1], rows["x"]
        assert isinstance(nodes, DenseRows)
        real = of_nodes.new_ones(of_nodes.shape[:2]) if nodes.mask is None else nodes.mask
        unknown = torch.arange(n, device=of_nodes.device)
        sizes = real.sum(1).long()
        found = self.sums(
            torch.cat([of_nodes, self.log_x.expand(n, n, -1)]),
            torch.cat([of_pairs, self.log_adj.expand(n, of_pairs.shape[1], -1)]),
            torch.cat([real.bool(), unknown <= unknown[:, None]]),
        )
        return found[: len(sizes)] - found[len(sizes) + sizes - 1]

    def sums(self, of_nodes: Tensor, of_pairs: Tensor, mask: Tensor) -> Tensor:
        """f(p) `[graphs]` of log p of nodes `[graphs, N, .]` and packed pairs, real ones masked."""
        i, j = self.pairs.ends(of_nodes.shape[1])
        real = mask.to(of_nodes)
        phi_x, phi_adj, phi = self.transformer(*inputs(self.pairs, of_nodes, of_pairs, mask))
        by_nodes = (real * (of_nodes + _NATS * phi_x).logsumexp(-1)).sum(1)
        by_pairs = (real[:, i] * real[:, j] * (of_pairs + _NATS * phi_adj).logsumexp(-1)).sum(1)
        return by_nodes + by_pairs + _NATS * phi[:, 0]
