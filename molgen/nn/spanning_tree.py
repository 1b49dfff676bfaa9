r"""How probable each pair is in a random spanning tree: what it says that a graph is connected.

A tree is drawn with a probability proportional to the product of the odds w of its pairs. By
Kirchhoff's theorem, with L the Laplacian of the weights w,

    P(ij in the tree) = w_ij R_ij,    R_ij = G_ii + G_jj - 2 G_ij,    G = (L + 1 1^T / n)^-1

(Lyons & Peres 2016, section 4.2), R being the resistance between i and j of a network of
conductances w. Where two parts of a graph hang together by doubtful pairs only, those share the one
that there has to be, by their odds; within a part R is small, and nothing is said of further pairs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from molgen.nn.pairs import Pairs

_LOWEST, _HIGHEST = -14.0, 9.0


def within_reach(log_odds: Tensor) -> Tensor:
    """Log odds between those of what is as good as impossible and as good as certain.

    Beyond these the inverse would lose its digits; between them log P is known to 1e-6.
    """
    return log_odds.clamp(_LOWEST, _HIGHEST)


def in_spanning_tree(pairs: Pairs, log_odds: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """log P(pair in the tree), and log R: `[graphs, N (N - 1) / 2]` each; of padding, zero.

    Args:
        pairs: tables for the largest graph.
        log_odds: log w, `[graphs, N (N - 1) / 2]`; taken to be `within_reach`.
        real: `[graphs, N]`, 1 for nodes and 0 for padding.
    """
    n = real.shape[1]
    i, j = pairs.ends(n)
    both = real[:, i] * real[:, j]
    w = within_reach(log_odds.double()).exp() * both
    square = pairs.square(w[..., None], n)[..., 0]
    ones = real.double()
    level = ones[:, :, None] * ones[:, None, :] / ones.sum(1)[:, None, None]
    laplacian = torch.diag_embed(square.sum(2) + (1 - ones)) - square
    g, _ = torch.linalg.inv_ex(laplacian + level)  # unlike inv it does not wait for a GPU
    at = g.diagonal(dim1=1, dim2=2)
    resistance = at[:, i] + at[:, j] - 2 * pairs.pack(g[..., None])[..., 0]
    resistance = resistance.clamp_min(1e-12)  # of padding: its logarithm is finite, and masked
    share = (w * resistance).clamp(1e-12, 1.0)
    return share.log().to(real) * both, resistance.log().to(real) * both
