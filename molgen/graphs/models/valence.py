r"""What it tells of nodes and pairs that a node's edges are bounded, in closed form.

A node of type a has edges whose types (bond orders) sum to V_a at most. With the others of its
edges as independent as answered, their sum is close to normal, of mean mu and variance v, and
leaves room for an edge of type k with the probability

    log P_i(k) = log sigmoid( 1.7 (E[V_i] + 1/2 - k - mu) / sqrt(v + Var[V_i] + 1/30) )

(1.7 makes the logistic function that of the normal distribution, to 0.01). Networks that see sums
over many doubtful pairs learn it late. They have it used for what they answer,

    log p_ij(k)  +=  gate_ij (log P_i(k) + log P_j(k))
    log p_i(a)   +=  gate_i log P(sum of edges of i <= V_a)

with gates that they answer for each pair and node, and which start at zero.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from molgen.core.softmax import softmax
from molgen.errors import UsageError
from molgen.graphs.models.knowledge import Guess, Knowledge
from molgen.graphs.models.statistics import Statistics

_STEEP = 1.7
_SHARP = 1 / 30
"""A variance, so that a sum at its limit still fits with a probability of 0.99."""


class Bounded(Knowledge):
    """That the types of a node's edges sum to no more than in training.

    Args:
        statistics: of the training graphs.

    Raises:
        UsageError: bounds that were not measured, or of aromatic bonds, whose types are no orders.
    """

    gates = (1, 1)

    def __init__(self, statistics: Statistics) -> None:
        super().__init__()
        if not statistics.limits:
            raise UsageError(
                "bounded = true: these graphs' statistics say no bounds of their edges"
            )
        if statistics.vocabulary and statistics.vocabulary.has_aromatic:
            raise UsageError("bounded = true: aromatic bonds have no order: kekulise first")
        limits = torch.tensor(statistics.limits, dtype=torch.float32)
        self.register_buffer("limits", limits, persistent=False)
        self.limits: Tensor

    def correct(self, guess: Guess, of_nodes: Tensor, of_pairs: Tensor) -> tuple[Tensor, Tensor]:
        """See `Knowledge`."""
        nodes, pairs = room(guess, self.limits)
        return of_nodes * nodes, of_pairs * pairs


def room(guess: Guess, limits: Tensor) -> tuple[Tensor, Tensor]:
    """log P that there is room for each type, of nodes and of pairs, as log p of these.

    Args:
        guess: what is answered; type k of pairs counts k.
        limits: V, `[types of nodes]`.
    """
    pairs, real = guess.pairs, guess.real
    i, j = pairs.ends(real.shape[1])
    order = torch.arange(guess.edges.shape[-1], dtype=real.dtype, device=real.device)
    of_pairs = softmax(guess.edges) * (real[:, i] * real[:, j])[..., None]
    moments = _moments(of_pairs, order)
    sums = pairs.around(moments, real.shape[1])
    limit, spread = _moments(softmax(guess.nodes), limits).unbind(-1)
    at_i, at_j = (
        _fits(limit[:, end, None] - order, sums[:, end] - moments, spread[:, end]) for end in (i, j)
    )
    return _fits(limits, sums, torch.zeros_like(spread)), at_i + at_j


def _moments(p: Tensor, values: Tensor) -> Tensor:
    """Mean and variance of values with probabilities p `[..., values]`: `[..., 2]`."""
    mean = (p * values).sum(-1, keepdim=True)
    variance = (p * (values - mean).square()).sum(-1, keepdim=True)
    return torch.cat([mean, variance], -1)


def _fits(limit: Tensor, moments: Tensor, spread: Tensor) -> Tensor:
    """log P(sum <= limit) of a sum with these moments `[..., 2]`: as `limit`, `[..., types]`."""
    mean, variance = moments[..., :1], moments[..., 1:]
    width = (variance + spread[..., None]).clamp_min(0) + _SHARP
    return logsigmoid(_STEEP * (limit + 0.5 - mean) * width.rsqrt())
