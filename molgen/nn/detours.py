r"""Other ways between the two ends of each pair: how long they are, and how probable.

Of nodes whose pairs are edges with independent probabilities a, the expected numbers N_k of walks
of k edges that never turn back at once follow from each other,

    N_{k+1} = N_k A_1 - N_{k-1} D_2 + N_{k-2} A_3 - N_{k-3} D_4 + ...,    N_0 = 1,
    A_m = (a_ij^m),    D_m = diag(sum_j a_ij^m)

(a step back takes a twice, after that it would be there thrice, ...; with a of 0 and 1 the sum is
the recursion of graphs, Alon et al. 2007). Those from i to j that begin or end with the edge ij
itself are taken out alike, and what is left is F_k: one with k edges closes, with the pair, a cycle
of k + 1. (Longer ones may be left that pass ij in between, as when they go round a triangle twice.)
"""

from __future__ import annotations

import torch
from torch import Tensor


def detours(a: Tensor, longest: int) -> Tensor:
    """F_k of k = 2, ..., longest: `[graphs, N, N, longest - 1]`, zero on the diagonal.

    Args:
        a: `[graphs, N, N]` probability of each pair, symmetric; zero on the diagonal and for
            padding.
        longest: number of edges of the longest.
    """
    powers = [torch.ones_like(a)]
    for _ in range(longest):
        powers.append(powers[-1] * a)
    degrees = [power.sum(2)[:, None, :] for power in powers]
    eye = torch.eye(a.shape[1], dtype=a.dtype, device=a.device)
    walks = [eye.expand_as(a)]
    for k in range(longest):
        found = torch.zeros_like(a)
        for m in range(1, k + 2):
            before = walks[k + 1 - m]
            found = found + before @ powers[m] if m % 2 else found - before * degrees[m]
        walks.append(found)
    free = [torch.zeros_like(a), torch.zeros_like(a)]
    for k in range(2, longest + 1):
        own = torch.zeros_like(a)  # those that end with the edge, and those that begin with it
        for m in range(1, k + 1):
            if m % 2:
                closed = walks[k - m].diagonal(dim1=1, dim2=2)
                own = own + powers[m] * (closed[:, :, None] + closed[:, None, :])
            else:
                own = own - 2 * powers[m] * walks[k - m]
        free.append((walks[k] - own + powers[2] * free[k - 2]) * (1 - eye))
    return torch.stack(free[2:], -1).clamp_min(0)
