"""What molgen's own models of graphs learn with: a transformer of nodes and undirected pairs."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from molgen.core.batch import Batch, DenseRows, Rows
from molgen.core.processes import Processes
from molgen.graphs.statistics import Statistics
from molgen.nn.embeddings import NoiseEmbedding
from molgen.nn.node_pair_transformer import NodePairTransformer
from molgen.nn.pairs import Pairs


class GraphInputs(nn.Module):
    """What networks are told of a noised graph.

    A node enters as its noised coordinates, of unit size, and the probabilities that it has by
    itself; a pair alike; the graph as its noise level and its size.

    Args:
        processes: of `x` and `adj`; their range of noise is embedded.
        statistics: of the training graphs.
        pairs: tables for the largest graph.
    """

    def __init__(self, processes: Processes, statistics: Statistics, pairs: Pairs) -> None:
        super().__init__()
        first = next(iter(processes.values()))
        ends = torch.tensor([first.t_min, 1.0], dtype=torch.float64)
        low, high = (first.noise(ends) / first.signal(ends)).tolist()
        self.noise = NoiseEmbedding(low, high, frequencies=6)
        self.pairs = pairs
        nodes, edges = len(statistics.nodes), len(statistics.edges)
        self.widths = (2 * nodes, 2 * edges, self.noise.width + 1)

    def forward(
        self, batch: Batch, level: Tensor, alone: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Of nodes, pairs and the whole, and which nodes are real: what the transformer takes."""
        x, adj, rows = batch.state["x"], batch.state["adj"], batch.rows["x"]
        assert isinstance(rows, DenseRows)
        of_nodes = torch.cat([x, alone["x"].exp()], -1)
        of_pairs = self.pairs.pack(torch.cat([adj, alone["adj"].exp()], -1))
        size = rows.count(x)[:, None] / self.pairs.most
        whole = torch.cat([self.noise(level.exp()), size], 1)
        return of_nodes, of_pairs, whole, rows.mask


class GraphTransformer(nn.Module):
    """Corrections to the log probabilities of node and edge types, of all rows from all rows.

    Equivariant under permutations.

    Args:
        processes: of `x` and `adj`; their range of noise is embedded.
        statistics: of the training graphs.
        width: of a node's features.
        pair_width: of a pair's.
        whole_width: of the graph's.
        layers: how many.
        heads: of the attention.
        triangles: channels of the product over a third node.
    """

    def __init__(
        self,
        processes: Processes,
        statistics: Statistics,
        *,
        width: int = 128,
        pair_width: int = 48,
        whole_width: int = 96,
        layers: int = 6,
        heads: int = 8,
        triangles: int = 16,
    ) -> None:
        super().__init__()
        self.pairs = Pairs(statistics.most)
        self.inputs = GraphInputs(processes, statistics, self.pairs)
        self.transformer = NodePairTransformer(
            self.inputs.widths,
            (len(statistics.nodes), len(statistics.edges), 0),
            self.pairs,
            width=width,
            pair_width=pair_width,
            whole_width=whole_width,
            layers=layers,
            heads=heads,
            triangles=triangles,
        )

    def forward(self, batch: Batch, level: Tensor, alone: dict[str, Tensor]) -> dict[str, Tensor]:
        """See `molgen.core.categorical.CategoricalModel`."""
        nodes, edges = self.transformer(*self.inputs(batch, level, alone))
        return {"x": nodes, "adj": self.pairs.square(edges, batch.state["x"].shape[1])}


class GraphEnergy(nn.Module):
    r"""What the rows of a graph tell of each other, c(p), from their own probabilities alone.

        c(p) = f(p) - f(pi),    f(p) = sum_rows log sum_k p_row(k) e^{phi_row,k(p)} + phi(p)

    The transformer answers phi: for constant phi of rows, e^c is linear in each row's p, as it is
    for the exact c, and the posterior of a row is its own times e^phi. It sees p and p^(1/4), which
    tells probabilities apart down to 1e-7, and neither time nor noise, on which c does not depend.
    f(pi) is that of a graph of as many nodes of which nothing is known: c vanishes at the prior.

    Args:
        processes: of `x` and `adj`; not needed.
        statistics: of the training graphs.
        width: of a node's features.
        pair_width: of a pair's.
        whole_width: of the graph's.
        layers: how many.
        heads: of the attention.
        triangles: channels of the product over a third node.
    """

    def __init__(
        self,
        processes: Processes,
        statistics: Statistics,
        *,
        width: int = 64,
        pair_width: int = 24,
        whole_width: int = 32,
        layers: int = 3,
        heads: int = 4,
        triangles: int = 8,
    ) -> None:
        super().__init__()
        del processes
        self.pairs = Pairs(statistics.most)
        self.widths = (len(statistics.nodes), len(statistics.edges))
        for name, frequencies in (("log_x", statistics.nodes), ("log_adj", statistics.edges)):
            self.register_buffer(name, torch.tensor(frequencies).log(), persistent=False)
        self.log_x: Tensor
        self.log_adj: Tensor
        nodes, edges = self.widths
        self.transformer = NodePairTransformer(
            (2 * nodes, 2 * edges, 3),
            (nodes, edges, 1),
            self.pairs,
            width=width,
            pair_width=pair_width,
            whole_width=whole_width,
            layers=layers,
            heads=heads,
            triangles=triangles,
        )

    def forward(self, rows: Mapping[str, Rows], alone: Mapping[str, Tensor]) -> Tensor:
        """See `molgen.core.categorical_energy.CategoricalEnergy`."""
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
        shares, squares = [], []
        for log_p, weights in ((of_nodes, real), (of_pairs, real[:, i] * real[:, j])):
            p = log_p.exp()
            shares.append(torch.cat([p, (log_p / 4).exp()], -1))
            total = weights.sum(1).clamp_min(1)
            squares.append((p.square().sum(-1) * weights).sum(1) / total)
        size = real.sum(1) / self.pairs.most
        whole = torch.stack([size, *squares], 1)
        phi_x, phi_adj, phi = self.transformer(*shares, whole, mask)
        by_nodes = (real * (of_nodes + phi_x).logsumexp(-1)).sum(1)
        by_pairs = (real[:, i] * real[:, j] * (of_pairs + phi_adj).logsumexp(-1)).sum(1)
        return by_nodes + by_pairs + phi[:, 0]
