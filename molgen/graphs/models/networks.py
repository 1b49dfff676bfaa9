"""What molgen's own models of graphs learn with: a transformer of nodes and undirected pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from molgen.core.batch import DenseRows, Rows
from molgen.core.softmax import log_softmax
from molgen.errors import UsageError
from molgen.graphs.models import connection, rings, valence
from molgen.graphs.models.statistics import Statistics
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
    """

    connected: bool = False
    bounded: bool = False
    rings: bool = False


class GraphTransformer(nn.Module):
    """Corrections to the log probabilities of node and edge types, of all rows from all rows.

    Equivariant under permutations.

    Args:
        statistics: of the training graphs.
        shape: of the transformer.

    Raises:
        UsageError: bounds that were not measured, or of aromatic bonds, whose types are no orders.
    """

    def __init__(self, statistics: Statistics, shape: GraphShape) -> None:
        super().__init__()
        if shape.bounded and not statistics.limits:
            raise UsageError(
                "bounded = true: these graphs' statistics say no bounds of their edges"
            )
        if shape.bounded and statistics.vocabulary and statistics.vocabulary.has_aromatic:
            raise UsageError("bounded = true: aromatic bonds have no order: kekulise first")
        self.pairs = Pairs(statistics.most)
        self.shape = shape
        nodes, edges = len(statistics.nodes), len(statistics.edges)
        knowledge = (
            # what is told of nodes and of pairs, and how many gates each answers
            ("connected", connection.widths(edges), (0, 1)),
            ("bounded", (0, 0), (1, 1)),
            ("rings", (0, rings.CLASSES), (0, rings.CLASSES)),
        )
        given = [(told, gates) for name, told, gates in knowledge if getattr(shape, name)]
        widths = widths_of(statistics)
        self.nodes = (nodes, int(shape.bounded))
        self.edges = (edges, int(shape.connected), int(shape.bounded), shape.rings * rings.CLASSES)
        self.transformer = NodePairTransformer(
            (
                widths[0] + sum(told[0] for told, _ in given),
                widths[1] + sum(told[1] for told, _ in given),
                widths[2],
            ),
            (sum(self.nodes), sum(self.edges), 0),
            self.pairs,
            shape,
        )
        # training may begin with the weights of a network that is told less
        self.added = [_columns(given[k:]) for k in range(len(given))]
        limits = torch.tensor(statistics.limits, dtype=torch.float32)
        self.register_buffer("limits", limits, persistent=False)
        self.limits: Tensor

    def forward(self, rows: Mapping[str, Rows], alone: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `molgen.core.models.categorical.CategoricalModel`."""
        x, e, y, mask = inputs_of(self.pairs, rows, alone)
        real = x.new_ones(x.shape[:2]) if mask is None else mask.to(x)
        of_nodes, of_pairs = alone["x"], self.pairs.pack(alone["adj"])
        shape = self.shape
        if shape.connected or shape.rings:
            tree = connection.tree_of(self.pairs, of_pairs, real)
        if shape.connected:
            of_x, of_e = connection.told(self.pairs, of_pairs, tree, real)
            x, e = torch.cat([x, of_x], -1), torch.cat([e, of_e], -1)
        if shape.rings:
            e = torch.cat([e, rings.told(self.pairs, of_pairs, tree, real)], -1)
        answers = self.transformer(x, e, y, mask)
        nodes, gate = answers[0].split(self.nodes, -1)
        edges, connecting, bounding, strengths = answers[1].split(self.edges, -1)
        nodes, edges = _NATS * nodes, _NATS * edges
        if shape.bounded:
            found = (of_nodes + nodes, of_pairs + edges)
            more_x, more_e = valence.room(self.pairs, *found, self.limits, real)
            nodes = nodes + gate * more_x
            edges = edges + bounding * more_e
        if shape.connected or shape.rings:
            answered = of_pairs + edges
            tree = connection.tree_of(self.pairs, answered, real)
        if shape.connected:
            more = connection.connecting(answered, tree, connecting[..., 0])
            edges = torch.cat([edges[..., :1], edges[..., 1:] + more[..., None]], -1)
        if shape.rings:
            shares = rings.told(self.pairs, log_softmax(answered), tree, real)
            more = rings.closing(shares, _NATS * strengths)
            edges = torch.cat([edges[..., :1], edges[..., 1:] + more[..., None]], -1)
        return {"x": nodes, "adj": self.pairs.square(edges, nodes.shape[1])}


def _columns(given: list[tuple[tuple[int, int], tuple[int, int]]]) -> dict[str, int]:
    """By name of the tensor, how many of its last rows or columns are of some knowledge."""
    return {
        f"transformer.{name.format(k)}": sum(one[which][k] for one in given)
        for name, which in (
            ("embed.{}.weight", 0),
            ("answer.{}.out.weight", 1),
            ("answer.{}.out.bias", 1),
        )
        for k in (0, 1)
    }


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
