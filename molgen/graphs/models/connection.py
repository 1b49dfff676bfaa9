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
from molgen.nn.pairs import Pairs
from molgen.nn.spanning_tree import in_spanning_tree, within_reach


def widths(types: int) -> tuple[int, int]:
    """Widths of what is `told` of nodes and of pairs of so many types."""
    return 2 * (types - 1) + 1, 3


def told(
    pairs: Pairs, log_p: Tensor, tree: tuple[Tensor, Tensor], real: Tensor
) -> tuple[Tensor, Tensor]:
    """What is told of nodes `[graphs, N, .]` and of pairs `[graphs, pairs, .]`.

    Of a node it is how many edges of each type it is expected to have, the same if only what is
    likely counts (by p^2, normalised), and how many of the tree. Of a pair it is the probability p
    that it is in the tree, p^(1/4), and its log resistance.

    Args:
        pairs: tables for the largest graph.
        log_p: `[graphs, pairs, types]` of each pair by itself; the first type is none.
        tree: of these, see `tree_of`.
        real: `[graphs, N]`, 1 for nodes and 0 for padding.
    """
    i, j = pairs.ends(real.shape[1])
    both = (real[:, i] * real[:, j])[..., None]
    share, resistance = (part[..., None] for part in tree)
    p = share.exp()
    likely = softmax(2 * log_p)
    counted = torch.cat([log_p[..., 1:].exp(), likely[..., 1:], p], -1) * both
    of_pairs = torch.cat([p, (share / 4).exp(), resistance / 4], -1) * both
    return pairs.around(counted, real.shape[1]), of_pairs


def connecting(log_p: Tensor, tree: tuple[Tensor, Tensor], gate: Tensor) -> Tensor:
    """What to add to log p of every type but none: `[graphs, pairs]`.

    Args:
        log_p: `[graphs, pairs, types]`, answered, not normalised; the first type is none.
        tree: of these, see `tree_of`.
        gate: `[graphs, pairs]`.
    """
    return gate * softplus(
        tree[0] + softplus(-within_reach(_odds(log_p)))
    )  # -log p = softplus(-odds)


def tree_of(pairs: Pairs, log_p: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """log P(pair in the tree) of the odds of an edge, and log R: `[graphs, pairs]` each."""
    return in_spanning_tree(pairs, _odds(log_p), real)


def _odds(log_p: Tensor) -> Tensor:
    return log_p[..., 1:].logsumexp(-1) - log_p[..., 0]
