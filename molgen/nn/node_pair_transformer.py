r"""A transformer of nodes, undirected pairs and the whole graph, equivariant under permutations.

Each layer, with LayerNorm before every block and scale and shift from the whole (Peebles & Xie
2023):

    h_i   += sum_j softmax_j(q_i.k_j + b(e_ij)) g(e_ij) v_j + W sum_j e_ij / M
    h_i   += MLP(h_i)
    e_ij  += MLP(e_ij, h_i + h_j, h_i * h_j, sum_k u(e_ik) u(e_kj) / M)
    y     += MLP(y, mean h, mean e)

M is the number of nodes or its square root. Pairs are symmetric, so only i < j are kept: half the
work of a square. The sum over a third node k is that of provably powerful graph networks (Maron et
al. 2019): it sees cycles, which attention alone does not. Diffusion along learned sheaves
(`molgen.nn.sheaf`) may stand in place of attention.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from molgen.core.softmax import softmax
from molgen.nn.pairs import Pairs
from molgen.nn.sheaf import MapKind, SheafDiffusion

Block = Literal["attention", "sheaf"]
"""How nodes learn of each other."""

Sums = Literal["mean", "root"]
"""What sums over the nodes of a graph are divided by: their number, or its square root."""


@dataclass(frozen=True)
class Shape:
    """How large a `NodePairTransformer` is, and how its nodes learn of each other.

    Attributes:
        width: of a node's features inside.
        pair_width: of a pair's.
        whole_width: of the whole's.
        layers: how many.
        heads: of the attention.
        triangles: channels of the product over a third node.
        sums: over third nodes, and over the pairs of a node: their mean, or what lets a few edges
            among many nodes be seen.
        block: attention, or diffusion along learned sheaves.
        stalk: dimensions of a sheaf's stalks, which divide `width`.
        maps: what the restriction maps of a sheaf may be.
    """

    width: int = 128
    pair_width: int = 48
    whole_width: int = 96
    layers: int = 6
    heads: int = 8
    triangles: int = 16
    sums: Sums = "mean"
    block: Block = "attention"
    stalk: int = 4
    maps: MapKind = "orthogonal"


class NodePairTransformer(nn.Module):
    """Features of nodes, pairs and the whole in, the same out.

    Args:
        inputs: widths of node, pair and whole features that come in.
        outputs: widths that go out; nothing is made of a width 0.
        pairs: tables for the largest graph.
        shape: of everything between.
    """

    def __init__(
        self,
        inputs: tuple[int, int, int],
        outputs: tuple[int, int, int],
        pairs: Pairs,
        shape: Shape,
    ) -> None:
        super().__init__()
        widths = (shape.width, shape.pair_width, shape.whole_width)
        self.pairs, self.sums = pairs, shape.sums
        self.embed = nn.ModuleList(nn.Linear(a, b) for a, b in zip(inputs, widths, strict=True))

        def layer() -> NodePairLayer:
            if shape.block == "attention":
                return NodePairLayer(*widths, shape.heads, shape.triangles)
            sheaf = SheafDiffusion(*widths[:2], stalk=shape.stalk, maps=shape.maps)
            return NodePairLayer(*widths, 0, shape.triangles, sheaf)

        self.layers = nn.ModuleList(layer() for _ in range(shape.layers))
        self.answered = [part for part, width in enumerate(outputs) if width]
        self.answer = nn.ModuleList(_Answer(widths[k], outputs[k]) for k in self.answered)

    def forward(self, x: Tensor, e: Tensor, y: Tensor, mask: Tensor | None) -> tuple[Tensor, ...]:
        """Answers for nodes, pairs and the whole, those of width 0 left out.

        Args:
            x: `[graphs, N, .]`.
            e: `[graphs, N(N-1)/2, .]`, in the order of `Pairs`.
            y: `[graphs, .]`.
            mask: bool `[graphs, N]`, the real nodes; None if all are.
        """
        real = _Real(mask, self.pairs, x, self.sums)
        h, e, y = (embed(part) for embed, part in zip(self.embed, (x, e, y), strict=True))
        for layer in self.layers:
            h, e, y = layer(h, e, y, real)
        parts = (h, e, y)
        return tuple(answer(parts[k]) for answer, k in zip(self.answer, self.answered, strict=True))


class _Real:
    """Which nodes and pairs are not padding, and sums over those."""

    def __init__(self, mask: Tensor | None, pairs: Pairs, x: Tensor, sums: Sums) -> None:
        self.pairs = pairs
        ones = x.new_ones(x.shape[:2]) if mask is None else mask.to(x.dtype)
        self.i, self.j = pairs.ends(x.shape[1])
        both = ones[:, self.i] * ones[:, self.j]
        self.nodes, self.edges = ones[..., None], both[..., None]
        self.degrees = pairs.around(self.edges, x.shape[1])
        self.node_weights = self.nodes / self.nodes.sum(1, keepdim=True).clamp_min(1)
        self.edge_weights = self.edges / self.edges.sum(1, keepdim=True).clamp_min(1)
        self.hidden = torch.finfo(x.dtype).min / 4 * (1 - ones)[:, None, None, :]
        size = self.nodes.sum(1, keepdim=True).clamp_min(1)
        self.size = size if sums == "mean" else size.sqrt()


class NodePairLayer(nn.Module):
    """One round; see the module. With a sheaf there is no attention, and no heads."""

    def __init__(
        self,
        nodes: int,
        pairs: int,
        whole: int,
        heads: int,
        triangles: int,
        sheaf: SheafDiffusion | None = None,
    ) -> None:
        super().__init__()
        self.heads, self.triangles, self.sheaf = heads, triangles, sheaf
        self.norms = nn.ModuleList(
            nn.LayerNorm(width, elementwise_affine=False) for width in (nodes, nodes, pairs, whole)
        )
        self.modulate = nn.Linear(whole, 4 * nodes + 2 * pairs)
        self.widths = (nodes, nodes, nodes, nodes, pairs, pairs)
        if sheaf is None:
            self.qkv = nn.Linear(nodes, 3 * nodes)
        self.from_pairs = nn.Linear(pairs, 2 * heads + triangles)
        self.gather = nn.Linear(pairs, nodes)
        self.attended = _zeroed(nn.Linear(nodes, nodes))
        self.widen, self.narrow = nn.Linear(nodes, 2 * nodes), _zeroed(nn.Linear(2 * nodes, nodes))
        self.of_nodes = nn.Linear(nodes, 2 * pairs)
        self.pair_in = nn.Linear(2 * pairs + triangles, 2 * pairs)
        self.pair_out = _zeroed(nn.Linear(2 * pairs, pairs))
        self.whole = nn.Sequential(
            nn.Linear(whole + nodes + pairs, whole), nn.SiLU(), _zeroed(nn.Linear(whole, whole))
        )

    def forward(
        self, h: Tensor, e: Tensor, y: Tensor, real: _Real
    ) -> tuple[Tensor, Tensor, Tensor]:
        """`[graphs, N, nodes]`, `[graphs, pairs, pairs]`, `[graphs, whole]`, all alike out."""
        pairs, (first, second, third, fourth) = real.pairs, self.norms
        whole = fourth(y)  # what scales features must not grow with them
        a, b, c, d, f, g = self.modulate(silu(whole))[:, None].split(self.widths, -1)
        seen = first(h) * (1 + a) + b
        by_pair = third(e) * (1 + f) + g
        square = pairs.square(self.from_pairs(by_pair) * real.edges, h.shape[1])
        bias, gate, u = square.permute(0, 3, 1, 2).split(
            (self.heads, self.heads, self.triangles), 1
        )
        if self.sheaf is None:
            looked = self._attend(seen, bias, gate, real)
        else:
            along = pairs.square(by_pair * real.edges, h.shape[1])
            looked = self.sheaf(seen, along, real.nodes[..., 0])
        # what pairs tell their nodes is linear, so it is summed before it is widened
        told = pairs.around(by_pair * real.edges, h.shape[1])
        around = (told @ self.gather.weight.mT + real.degrees * self.gather.bias) / real.size
        h = h + self.attended(looked + around)
        h = h + self.narrow(silu(self.widen(second(h) * (1 + c) + d)))
        u = u.contiguous()
        triangles = pairs.pack((u @ u).permute(0, 2, 3, 1)) / real.size
        normal = second(h)
        ends = self.of_nodes(normal)
        at_i, at_j = ends.index_select(1, real.i), ends.index_select(1, real.j)
        width = e.shape[-1]
        met = torch.cat(
            [
                by_pair + at_i[..., :width] + at_j[..., :width],
                at_i[..., width:] * at_j[..., width:],
                triangles,
            ],
            -1,
        )
        e = e + self.pair_out(silu(self.pair_in(met)))
        means = [(normal * real.node_weights).sum(1), (e * real.edge_weights).sum(1)]
        return h, e, y + self.whole(torch.cat([whole, *means], -1))

    def _attend(self, seen: Tensor, bias: Tensor, gate: Tensor, real: _Real) -> Tensor:
        """Attention of all nodes to all others, biased and gated by pairs: `[graphs, N, nodes]`."""
        q, k, v = self.qkv(seen).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        logits = q @ k.mT * q.shape[-1] ** -0.5 + bias + real.hidden
        looked = (softmax(logits) * (1 + gate)) @ v
        return looked.transpose(1, 2).flatten(2)


class _Answer(nn.Module):
    """LayerNorm and a linear map that starts at zero."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.out = _zeroed(nn.Linear(width, out))

    def forward(self, h: Tensor) -> Tensor:
        """`[..., width]` to `[..., out]`."""
        answer: Tensor = self.out(self.norm(h))
        return answer


def _zeroed(linear: nn.Linear) -> nn.Linear:
    """A linear map that starts at zero, so that its block starts as the identity."""
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
