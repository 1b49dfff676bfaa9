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
from molgen.nn.pairs import Pairs

_STEEP = 1.7
_SHARP = 1 / 30
"""A variance, so that a sum at its limit still fits with a probability of 0.99."""


def room(
    pairs: Pairs, log_nodes: Tensor, log_pairs: Tensor, limits: Tensor, real: Tensor
) -> tuple[Tensor, Tensor]:
    """log P that there is room for each type, of nodes and of pairs, as `log_nodes`, `log_pairs`.

    Args:
        pairs: tables for the largest graph.
        log_nodes: `[graphs, N, types]`, answered, not normalised.
        log_pairs: `[graphs, pairs, types]`, alike; type k counts k.
        limits: V, `[types of nodes]`.
        real: `[graphs, N]`, 1 for nodes and 0 for padding.
    """
    i, j = pairs.ends(real.shape[1])
    order = torch.arange(log_pairs.shape[-1], dtype=real.dtype, device=real.device)
    of_pairs = softmax(log_pairs) * (real[:, i] * real[:, j])[..., None]
    moments = _moments(of_pairs, order)
    sums = pairs.around(moments, real.shape[1])
    limit, spread = _moments(softmax(log_nodes), limits).unbind(-1)
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
