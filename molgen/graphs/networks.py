"""What molgen's own models of graphs learn with: a transformer of nodes and undirected pairs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from molgen.core.batch import Batch, DenseRows
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
