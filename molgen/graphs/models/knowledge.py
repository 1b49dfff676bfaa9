"""What networks of graphs may be given to know in closed form, as it is learned late: one shape."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn

from molgen.nn.pairs import Pairs


@dataclass(frozen=True)
class Guess:
    """What each node and pair of some graphs is thought to be.

    Attributes:
        pairs: tables for the largest graph.
        nodes: `[graphs, N, types]`, log p, not normalised.
        edges: `[graphs, pairs, types]`, alike; the first type is none.
        real: `[graphs, N]`, 1 for nodes and 0 for padding.
    """

    pairs: Pairs
    nodes: Tensor
    edges: Tensor
    real: Tensor

    def plus(self, nodes: Tensor, edges: Tensor) -> Self:
        """With more log p of nodes and of edges."""
        return replace(self, nodes=self.nodes + nodes, edges=self.edges + edges)


class Knowledge(nn.Module, ABC):
    """Is told to a network, and corrects its answers by as much as the network lets it.

    Attributes:
        told: widths of what is told of nodes and of pairs.
        gates: how many numbers correcting asks of the network for each node and each pair; where
            they are zero nothing is corrected.
    """

    told: tuple[int, int] = (0, 0)
    gates: tuple[int, int] = (0, 0)

    def tell(self, guess: Guess) -> tuple[Tensor, Tensor]:
        """Of nodes `[graphs, N, told]` and pairs `[graphs, pairs, told]`, by a first guess."""
        return guess.nodes[..., :0], guess.edges[..., :0]

    @abstractmethod
    def correct(self, guess: Guess, of_nodes: Tensor, of_pairs: Tensor) -> tuple[Tensor, Tensor]:
        """What to add to log p of nodes and pairs, as `guess.nodes` and `guess.edges`.

        Args:
            guess: the network's answer.
            of_nodes: gates of nodes, `[graphs, N, gates]`.
            of_pairs: gates of pairs, `[graphs, pairs, gates]`.
        """


def to_edges(more: Tensor, guess: Guess) -> tuple[Tensor, Tensor]:
    """What `[graphs, pairs]` adds to the log odds of an edge, as what it adds to each log p."""
    edges = more[..., None].expand(guess.edges[..., 1:].shape)
    none = torch.zeros_like(guess.edges[..., :1])
    return torch.zeros_like(guess.nodes), torch.cat([none, edges], -1)
