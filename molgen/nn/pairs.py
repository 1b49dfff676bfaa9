"""The undirected pairs of some nodes: packed one after the other, and back as a square."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Pairs(nn.Module):
    """Index tables of the pairs i < j, ordered by j, then i: those of n nodes come first.

    Args:
        most: nodes of the largest graph.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        j, i = torch.tril_indices(most, most, -1)
        place = torch.zeros(most, most, dtype=torch.int64)
        place[i, j] = place[j, i] = torch.arange(len(i))
        self.most = most
        self.register_buffer("i", i, persistent=False)
        self.register_buffer("j", j, persistent=False)
        self.register_buffer("place", place, persistent=False)
        self.i: Tensor
        self.j: Tensor
        self.place: Tensor

    def ends(self, nodes: int) -> tuple[Tensor, Tensor]:
        """i and j of the pairs of so many nodes: int64 `[pairs]`."""
        count = nodes * (nodes - 1) // 2
        return self.i[:count], self.j[:count]

    def pack(self, square: Tensor) -> Tensor:
        """The entries i < j of `[graphs, N, N, *features]`: `[graphs, pairs, *features]`."""
        n = square.shape[1]
        i, j = self.ends(n)
        return square.flatten(1, 2).index_select(1, i * n + j)  # tenfold faster than [:, i, j]

    def square(self, packed: Tensor, nodes: int) -> Tensor:
        """`[graphs, pairs, channels]` as symmetric `[graphs, N, N, channels]`, diagonal zero."""
        if nodes == 1:  # no pair that the table could point at
            return packed.new_zeros(len(packed), 1, 1, packed.shape[-1])
        place = self.place[:nodes, :nodes].flatten()
        full = packed.index_select(1, place).unflatten(1, (nodes, nodes))
        return full * (1 - torch.eye(nodes, dtype=packed.dtype, device=packed.device))[..., None]

    def around(self, packed: Tensor, nodes: int) -> Tensor:
        """The sum over the pairs that each node is part of: `[graphs, N, channels]`."""
        i, j = self.ends(nodes)
        sums = packed.new_zeros(len(packed), nodes, packed.shape[-1])
        return sums.index_add(1, i, packed).index_add(1, j, packed)
