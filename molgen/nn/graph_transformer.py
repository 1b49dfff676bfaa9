"""Attention over all pairs of nodes of dense graphs, with features on nodes and edges."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu


class GraphTransformer(nn.Module):
    """Node features that know the whole graph, equivariant under permutations of the nodes.

    Each layer attends and then transforms every node, both behind a layer norm and a gate:

        h <- gated(Attention(LN(h), e), h),    h <- gated(W2 gelu(W1 LN(h)), h)

    Edge features enter every layer and stay as they are. As used for molecules by Arts et al. 2023
    and Plainer et al. 2025.

    Args:
        nodes: features of a node.
        edges: features of an ordered pair of nodes.
        hidden: width of the nodes within.
        layers: number of layers.
        heads: attention heads.
        head_width: features of each head.
    """

    def __init__(
        self,
        nodes: int,
        edges: int,
        *,
        hidden: int = 96,
        layers: int = 2,
        heads: int = 8,
        head_width: int = 64,
    ) -> None:
        super().__init__()
        self.embed_nodes = nn.Linear(nodes, hidden)
        self.embed_edges = nn.Linear(edges, hidden)
        self.layers = nn.ModuleList(Layer(hidden, heads, head_width) for _ in range(layers))

    def forward(self, nodes: Tensor, edges: Tensor, mask: Tensor | None = None) -> Tensor:
        """`[graphs, N, hidden]`; nodes that are not real are zero.

        Args:
            nodes: `[graphs, N, node features]`.
            edges: `[graphs, N, N, edge features]`; entry (i, j) is what node i sees of node j.
            mask: bool `[graphs, N]`, true where a node is real; all are if None.
        """
        h, e = self.embed_nodes(nodes), self.embed_edges(edges)
        for layer in self.layers:
            h = layer(h, e, mask)
        return h if mask is None else torch.where(mask[..., None], h, 0.0)


class Layer(nn.Module):
    """One round of attention and a two-layer perceptron on each node."""

    def __init__(self, hidden: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(hidden)
        self.attention = EdgeAttention(hidden, heads, head_width)
        self.attention_gate = Gate(hidden)
        self.norm = nn.LayerNorm(hidden)
        self.widen = nn.Linear(hidden, 4 * hidden)
        self.narrow = nn.Linear(4 * hidden, hidden)
        self.gate = Gate(hidden)

    def forward(self, h: Tensor, e: Tensor, mask: Tensor | None) -> Tensor:
        """`[graphs, N, hidden]` of nodes `h`, alike, and edges `e` `[graphs, N, N, hidden]`."""
        h = self.attention_gate(self.attention(self.attention_norm(h), e, mask), h)
        return self.gate(self.narrow(gelu(self.widen(self.norm(h)), approximate="tanh")), h)


class EdgeAttention(nn.Module):
    """Attention in which each edge adds to the key and the value that it leads to.

    a_ij = softmax_j q_i.(k_j + e_ij) / sqrt(width),    out_i = W sum_j a_ij (v_j + e_ij)
    """

    def __init__(self, hidden: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads, self.head_width = heads, head_width
        inner = heads * head_width
        self.queries, self.keys, self.values = (nn.Linear(hidden, inner) for _ in range(3))
        self.edges = nn.Linear(hidden, inner)
        self.out = nn.Linear(inner, hidden)

    def forward(self, h: Tensor, e: Tensor, mask: Tensor | None) -> Tensor:
        """`[graphs, N, hidden]`; see `Layer`."""
        q, k, v, e = (
            part.unflatten(-1, (self.heads, self.head_width))
            for part in (self.queries(h), self.keys(h), self.values(h), self.edges(e))
        )
        logits = torch.einsum("bihd,bjhd->bhij", q, k) + torch.einsum("bihd,bijhd->bhij", q, e)
        logits = logits * self.head_width**-0.5
        if mask is not None:
            logits = logits.masked_fill(~mask[:, None, None], torch.finfo(logits.dtype).min)
        a = logits.softmax(-1)
        out = torch.einsum("bhij,bjhd->bihd", a, v) + torch.einsum("bhij,bijhd->bihd", a, e)
        return self.out(out.flatten(-2))


class Gate(nn.Module):
    """g new + (1 - g) old with g = sigmoid(w.[new, old, new - old]), one number a node."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.weigh = nn.Linear(3 * hidden, 1, bias=False)

    def forward(self, new: Tensor, old: Tensor) -> Tensor:
        """Like `new` and `old`, `[graphs, N, hidden]`."""
        g = self.weigh(torch.cat([new, old, new - old], dim=-1)).sigmoid()
        return old + g * (new - old)
