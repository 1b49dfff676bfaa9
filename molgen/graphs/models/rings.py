r"""What it tells of pairs that cycles have sizes, in closed form.

Of the doubtful bonds between two parts of a molecule, any could be there: one to join them, and two
only where they close a ring that is not too large. How long the other way between the ends of a
pair is hangs on all pairs along it; networks that look at a pair and any third node learn that
late. With edges as independent as answered, and F_k other ways of k edges to expect
(`molgen.nn.detours`), the probability of one of at most k, and of any, is

    c_k = min(1, F_2 + ... + F_k),    c = max(c_7, C / (1 + C)),    C = 1 / R_ij - w_ij

and the shortest is with probability

    d_k = c_k - c_{k-1}    of k = 2, ..., 7 edges: the pair closes a ring of k + 1
    d_far = c - c_7        longer
    d_none = 1 - c         not there: the pair is a bridge

(C is the conductance of all other ways, `molgen.nn.spanning_tree`: odds of there being one.)
Networks are told d of what each pair says by itself, and have it used for what they answer,

    log p / (1 - p)  +=  log ( d_none + sum_k d_k exp(strength_ij,k) + d_far exp(strength_ij,far) )

with strengths that they answer for each pair, and which start at zero.
"""

from __future__ import annotations

import torch
from torch import Tensor

from molgen.core.softmax import log_softmax
from molgen.graphs.models.connection import odds
from molgen.graphs.models.knowledge import Guess, Knowledge, to_edges
from molgen.nn.detours import detours
from molgen.nn.spanning_tree import in_spanning_tree

LONGEST = 7
"""Edges of the longest way that is told from longer ones: seven close a ring of eight."""

CLASSES = LONGEST
"""Rings of three to eight, and larger ones."""

_NATS = 4.0
"""What one unit of a strength means: those of rings that there are not are large."""


class Rings(Knowledge):
    """How large the cycle is that a pair closes: three to eight, or larger."""

    told = (0, CLASSES)
    gates = (0, CLASSES)

    def tell(self, guess: Guess) -> tuple[Tensor, Tensor]:
        """See `Knowledge`."""
        return guess.nodes[..., :0], shares(guess)

    def correct(self, guess: Guess, of_nodes: Tensor, of_pairs: Tensor) -> tuple[Tensor, Tensor]:
        """See `Knowledge`."""
        del of_nodes
        change = (shares(guess) * torch.expm1(_NATS * of_pairs)).sum(-1)
        return to_edges(torch.log1p(change.clamp_min(-1 + 1e-6)), guess)


def shares(guess: Guess) -> Tensor:
    """d of each size of ring: `[graphs, pairs, CLASSES]`; what lacks to one is that of none."""
    pairs, real, n = guess.pairs, guess.real, guess.real.shape[1]
    i, j = pairs.ends(n)
    both = (real[:, i] * real[:, j])[..., None]
    bonded = -torch.expm1(log_softmax(guess.edges)[..., :1]) * both
    counts = pairs.pack(detours(pairs.square(bonded, n)[..., 0], LONGEST))
    within = counts.cumsum(-1).clamp_max(1)
    share, resistance = in_spanning_tree(pairs, odds(guess.edges), real)
    conductance = torch.exp(torch.log1p(-share.clamp_max(-1e-6).exp()) - resistance)
    any_way = torch.maximum((conductance / (1 + conductance))[..., None], within[..., -1:])
    return torch.cat([within, any_way], -1).diff(dim=-1, prepend=torch.zeros_like(any_way)) * both
