r"""What it tells of pairs how often random walks lead from one end to the other, in closed form.

Of a graph of N nodes with edges as probable as pairs say by themselves, A, and degrees
D = diag(A 1),

    W_k = N (D^-1/2 A D^-1/2)^k,    k = 1, ..., steps

is told by the roots of its entries: of a pair its own, of a node that on the diagonal. Walks of few
steps see triangles and small cycles, of many how near two nodes are in the whole graph; as k grows
entries tend to (D_ii D_jj)^1/2 / mean D, unless the graph is in parts or has no odd cycle. Relative
random-walk probabilities, as in Ma et al. 2023, made symmetric.
"""

from __future__ import annotations

import torch
from torch import Tensor

from molgen.core.softmax import log_softmax
from molgen.errors import UsageError
from molgen.graphs.models.knowledge import Guess, Knowledge

_SMALL = 1e-6
"""Added under the root, so that its slope is finite where no walk leads."""


class Walks(Knowledge):
    """Where random walks of one step, two, ... lead; it corrects nothing.

    Args:
        steps: of the longest.

    Raises:
        UsageError: there are none.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        if steps < 1:
            raise UsageError(f"[model] walks = {steps}: random walks have steps; 0 tells of none")
        self.steps = steps
        self.told = (steps, steps)

    def tell(self, guess: Guess) -> tuple[Tensor, Tensor]:
        """See `Knowledge`."""
        pairs, real, n = guess.pairs, guess.real, guess.real.shape[1]
        i, j = pairs.ends(n)
        both = (real[:, i] * real[:, j])[..., None]
        bonded = pairs.square(-torch.expm1(log_softmax(guess.edges)[..., :1]) * both, n)[..., 0]
        scale = bonded.sum(2).clamp_min(1e-6).rsqrt()
        step = scale[:, :, None] * bonded * scale[:, None, :]
        size = real.sum(1)[:, None, None]
        walk, found = step, [step]
        for _ in range(self.steps - 1):
            walk = walk @ step
            found.append(walk)
        often = (torch.stack(found, -1) * size[..., None]).clamp_min(0)
        told = (often + _SMALL).sqrt() - _SMALL**0.5
        return told.diagonal(dim1=1, dim2=2).mT * real[..., None], pairs.pack(told) * both

    def correct(self, guess: Guess, of_nodes: Tensor, of_pairs: Tensor) -> tuple[Tensor, Tensor]:
        """See `Knowledge`."""
        del of_nodes, of_pairs
        return torch.zeros_like(guess.nodes), torch.zeros_like(guess.edges)
