r"""What it tells of pairs that graphs are connected, in closed form.

In noise an edge can be lost that holds two parts of a graph together. Where it was is known by all
pairs between the two at once: one of them it must be. Networks that look at a pair and any third
node learn that late; a random spanning tree (`molgen.nn.spanning_tree`) of the pairs' odds w says
it:

    P(ij in the tree) -> w_ij / sum_between w    between parts that nothing else connects.

Networks are told that of what each pair says by itself, and have it used for the probabilities p of
an edge that they answer,

    log p / (1 - p)  +=  gate_ij log(1 + P(ij in the tree of p) / p)

with gates that they answer for each pair, and which start at zero.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from molgen.core.softmax import softmax
from molgen.graphs.models.knowledge import Guess, Knowledge, to_edges
from molgen.nn.spanning_tree import in_spanning_tree, within_reach


class Connected(Knowledge):
    """That graphs are connected.

    Of a node is told how many edges of each type it is expected to have, the same if only what is
    likely counts (by p^2, normalised), and how many of the tree. Of a pair it is the probability p
    that it is in the tree, p^(1/4), and its log resistance.

    Args:
        types: of edges, the first of which is none.
    """

    gates = (0, 1)

    def __init__(self, types: int) -> None:
        super().__init__()
        self.told = (2 * (types - 1) + 1, 3)

    def tell(self, guess: Guess) -> tuple[Tensor, Tensor]:
        """See `Knowledge`; log p is normalised."""
        pairs, real, log_p = guess.pairs, guess.real, guess.edges
        i, j = pairs.ends(real.shape[1])
        both = (real[:, i] * real[:, j])[..., None]
        share, resistance = (part[..., None] for part in in_spanning_tree(pairs, odds(log_p), real))
        p = share.exp()
        likely = softmax(2 * log_p)
        counted = torch.cat([log_p[..., 1:].exp(), likely[..., 1:], p], -1) * both
        of_pairs = torch.cat([p, (share / 4).exp(), resistance / 4], -1) * both
        return pairs.around(counted, real.shape[1]), of_pairs

    def correct(self, guess: Guess, of_nodes: Tensor, of_pairs: Tensor) -> tuple[Tensor, Tensor]:
        """See `Knowledge`."""
        del of_nodes
        log_w = within_reach(odds(guess.edges))
        share, _ = in_spanning_tree(guess.pairs, log_w, guess.real)
        more = of_pairs[..., 0] * softplus(share + softplus(-log_w))  # -log p = softplus(-log w)
        return to_edges(more, guess)


def odds(log_p: Tensor) -> Tensor:
    """Log odds of an edge, of log p `[graphs, pairs, types]`, normalised or not."""
    return log_p[..., 1:].logsumexp(-1) - log_p[..., 0]
