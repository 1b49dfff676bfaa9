"""The score networks of GDSS (Jo et al. 2022, section 3.3 and appendix B), for comparison.

They see the noised node types `[graphs, N, F]` and one channel of noised bond orders, and not the
time, which they have to tell from the noise. Their loops over channels are one product here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from molgen.core.batch import Batch, DenseRows
from molgen.core.compiled import compiled
from molgen.core.models.categorical import Encoding
from molgen.core.processes import Processes
from molgen.graphs.models.statistics import Statistics


class NoiseScore(nn.Module):
    """A score model whose network answers the noise: score = -network / s(t).

    That is how GDSS reads its networks under VP; under VE it reads them as the score itself.

    Args:
        processes: of `x` and `adj`.
        encodings: what their coordinates mean.
        network: `network(batch, level) -> {field: tensor}`.
    """

    def __init__(
        self, processes: Processes, encodings: Mapping[str, Encoding], network: nn.Module
    ) -> None:
        super().__init__()
        self.processes = dict(processes)
        held: Any = nn.ModuleDict(encodings)  # type: ignore[arg-type] # moves with the model
        self.encodings: Mapping[str, Encoding] = held
        self.network = network

    def accelerate(self, *, sizes_vary: bool = False) -> None:
        """Compile `score` for the shapes it meets."""
        self.score = compiled(self.score, "the model", sizes_vary=sizes_vary)  # type: ignore[method-assign]

    def score(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """grad log q(x, t) of each field; `t`: `[graphs]`."""
        first = next(iter(self.processes.values()))
        noise = self.network(batch, torch.log(first.noise(t) / first.signal(t)))
        return {
            name: -eps / batch.rows[name].spread(self.processes[name].noise(t), eps)
            for name, eps in noise.items()
        }

    def classes(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """The nearest type of each row: int64 `[*rows]`; padded rows mean nothing."""
        del t
        return {name: self.encodings[name].decode(x) for name, x in batch.state.items()}


@dataclass(frozen=True)
class ReferenceShape:
    """How large GDSS's networks are; as published for QM9.

    Attributes:
        depth: graph convolutions of ScoreNetworkX.
        hidden: width of both.
        layers: of ScoreNetworkA.
        linears: of the perceptron over a layer's edge channels.
        attention: width of queries and keys, in all layers but the first.
        heads: of the attention.
        channels: of the edges: powers of the adjacency matrix, inside, at the end.
    """

    depth: int = 2
    hidden: int = 16
    layers: int = 3
    linears: int = 3
    attention: int = 16
    heads: int = 4
    channels: tuple[int, int, int] = (2, 8, 4)


class ReferenceNetworks(nn.Module):
    """ScoreNetworkX and ScoreNetworkA side by side: what noise is in `x` and in `adj`.

    Args:
        statistics: of the training graphs.
        shape: of both.
    """

    def __init__(self, statistics: Statistics, shape: ReferenceShape) -> None:
        super().__init__()
        nodes = len(statistics.nodes)
        self.of_nodes = ScoreNetworkX(nodes, shape.depth, shape.hidden)
        self.of_edges = ScoreNetworkA(
            nodes,
            shape.hidden,
            shape.layers,
            shape.linears,
            shape.attention,
            shape.heads,
            shape.channels,
        )

    def forward(self, batch: Batch, level: Tensor) -> dict[str, Tensor]:
        """Shaped as `x` and `adj`; the noise level is not looked at."""
        del level
        rows = batch.rows["x"]
        assert isinstance(rows, DenseRows)
        x, adj = batch.state["x"], batch.state["adj"].squeeze(-1)
        of_edges = self.of_edges(x, adj, rows)[..., None]
        return {"x": self.of_nodes(x, adj, rows), "adj": batch.rows["adj"].zero(of_edges)}


class ScoreNetworkX(nn.Module):
    """Graph convolutions on the noised adjacency matrix; their outputs together give the answer."""

    def __init__(self, nodes: int, depth: int, hidden: int) -> None:
        super().__init__()
        widths = [nodes] + [hidden] * depth
        self.layers = nn.ModuleList(GraphConvolutions(a, b, 1) for a, b in pairwise(widths))
        total = sum(widths)
        self.final = _perceptron(3, total, 2 * total, nodes)

    def forward(self, x: Tensor, adj: Tensor, rows: DenseRows) -> Tensor:
        """`[graphs, N, F]` and `[graphs, N, N]` -> `[graphs, N, F]`."""
        seen = [x]
        for layer in self.layers:
            seen.append(torch.tanh(layer(seen[-1], normalised(adj[:, None])))[:, 0])
        return rows.zero(self.final(torch.cat(seen, -1)))


class ScoreNetworkA(nn.Module):
    """Layers of attention over edge channels that start as powers of the adjacency matrix."""

    def __init__(
        self,
        nodes: int,
        hidden: int,
        layers: int,
        linears: int,
        attention: int,
        heads: int,
        channels: tuple[int, int, int],
    ) -> None:
        super().__init__()
        first, inside, last = channels
        edges = [first] + [inside] * (layers - 1) + [last]
        self.powers = first
        self.layers = nn.ModuleList(
            AttentionLayer(
                hidden if k else nodes, attention if k else hidden, hidden, a, b, linears, heads
            )
            for k, (a, b) in enumerate(pairwise(edges))
        )
        self.final = _perceptron(3, sum(edges), 2 * sum(edges), 1)

    def forward(self, x: Tensor, adj: Tensor, rows: DenseRows) -> Tensor:
        """`[graphs, N, F]` and `[graphs, N, N]` -> `[graphs, N, N]`, diagonal zero."""
        powers = [adj]
        for _ in range(self.powers - 1):
            powers.append(powers[-1] @ adj)
        seen = [torch.stack(powers, 1)]  # [graphs, channels, N, N]
        for layer in self.layers:
            x, edges = layer(x, seen[-1], rows)
            seen.append(edges)
        answer = self.final(torch.cat(seen, 1).permute(0, 2, 3, 1)).squeeze(-1)
        return answer * (1 - torch.eye(adj.shape[-1], dtype=adj.dtype, device=adj.device))


class AttentionLayer(nn.Module):
    """Queries, keys and values by a graph convolution of each edge channel (Baek et al. 2021).

    B_c = mean over heads of tanh(Q_c K_c^T / sqrt(width)), made symmetric
    edges = MLP(B, A) + its transpose,    nodes = tanh(MLP(V))
    """

    def __init__(
        self,
        nodes: int,
        attention: int,
        hidden: int,
        channels: int,
        channels_out: int,
        linears: int,
        heads: int,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.queries = GraphConvolutions(nodes, attention, channels)
        self.keys = GraphConvolutions(nodes, attention, channels)
        self.values = GraphConvolutions(nodes, hidden, channels)
        between = 2 * max(channels, channels_out)
        self.of_edges = _perceptron(linears, 2 * channels, between, channels_out)
        self.of_nodes = _perceptron(2, channels * hidden, between, hidden)

    def forward(self, x: Tensor, edges: Tensor, rows: DenseRows) -> tuple[Tensor, Tensor]:
        """`[graphs, N, .]` and `[graphs, channels, N, N]`, alike out."""
        by_degree = normalised(edges)
        q, k = (
            part(x, by_degree).unflatten(-1, (self.heads, -1)).transpose(2, 3)
            for part in (self.queries, self.keys)
        )
        width = q.shape[-1] * self.heads
        attended = torch.tanh(q @ k.mT * width**-0.5).mean(2)
        attended = 0.5 * (attended + attended.mT)
        both = torch.cat([attended, edges], 1).permute(0, 2, 3, 1)
        new = self.of_edges(both).permute(0, 3, 1, 2)
        values = self.values(x, by_degree).permute(0, 2, 1, 3).flatten(2)
        h = rows.zero(torch.tanh(self.of_nodes(values)))
        real = rows.zero(torch.ones_like(h[..., :1])).squeeze(-1)
        return h, (new + new.mT) * real[:, None, :, None] * real[:, None, None, :]


class GraphConvolutions(nn.Module):
    """A graph convolution of the same nodes along each channel of edges (Kipf & Welling 2017)."""

    def __init__(self, width: int, out: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, width, out))
        self.bias = nn.Parameter(torch.zeros(channels, 1, out))
        bound = (6 / (width + out)) ** 0.5
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, x: Tensor, by_degree: Tensor) -> Tensor:
        """`[graphs, N, width]`, `[graphs, channels, N, N]` -> `[graphs, channels, N, out]`."""
        return by_degree @ (x[:, None] @ self.weight) + self.bias


def normalised(edges: Tensor) -> Tensor:
    """D^-1/2 A D^-1/2 of `[graphs, channels, N, N]`, ones on the diagonal, D at least one."""
    n = edges.shape[-1]
    eye = torch.eye(n, dtype=edges.dtype, device=edges.device)
    looped = edges * (1 - eye) + eye
    degree = looped.sum(-1).clamp_min(1).rsqrt()
    return degree[..., :, None] * looped * degree[..., None, :]


def _perceptron(linears: int, width: int, between: int, out: int) -> nn.Sequential:
    """So many linear maps with ELU between them."""
    widths: Sequence[int] = [width] + [between] * (linears - 1) + [out]
    parts: list[nn.Module] = []
    for a, b in pairwise(widths):
        parts += [nn.Linear(a, b), nn.ELU()]
    return nn.Sequential(*parts[:-1])
